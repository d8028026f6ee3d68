"""The pipeline: order, labels, what is hard, and what the operator can open."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect.url_layers import UrlLayers, UrlSettings, block_reason
from pipelock.model import BlockReason, Category, Finding, Severity

TOKEN = "AKIAQ3EXK7M2NV5TB8WP"


class Finder:
    """Finds one literal text, and remembers where it was told it goes."""

    def __init__(self, *, warns: bool = False) -> None:
        self.warns = warns
        self.hosts: list[str] = []

    def scan_values(self, values: Sequence[tuple[str, str]], *, host: str) -> tuple[Finding, ...]:
        self.hosts.append(host)
        return tuple(
            Finding("dlp", "Test Token", Severity.CRITICAL, "found", place, warns=self.warns)
            for place, text in values
            if TOKEN in text
        )


def layers(finder: Finder | None = None, **settings: object) -> UrlLayers:
    return UrlLayers(msgspec.convert(settings, UrlSettings), finder or Finder())


def labels(url: str, **settings: object) -> list[str]:
    return [finding.scanner for finding in layers(**settings).before_dns(url).findings]


def test_a_clean_url_passes() -> None:
    finder = Finder()
    inspection = layers(finder).before_dns("https://API.example.com/v1/items?page=2")
    assert inspection.findings == ()
    assert inspection.view is not None
    assert (inspection.view.host.name, inspection.view.port, inspection.view.path) == (
        "api.example.com",
        443,
        "/v1/items",
    )
    assert finder.hosts == ["api.example.com"]


# Each URL breaks the layer it is listed under and every later one, as far as a URL can.
ORDER = [
    ("parser", "nothing at all"),
    ("parser", f"http://256.1.1.1/?t={TOKEN}"),
    ("scheme", f"ftp://127.0.0.1/../%0d?t={TOKEN}"),
    ("scheme", "file:///etc/passwd"),
    ("scheme", "javascript:alert(1)"),
    ("crlf_injection", f"http://127.0.0.1/../%0d?t={TOKEN}"),
    ("crlf_injection", "http://a b/\r\n"),
    ("path_traversal", f"http://127.0.0.1/../?t={TOKEN}"),
    ("allowlist", f"http://127.0.0.1/?t={TOKEN}"),
    ("blocklist", f"http://10.0.0.9/?t={TOKEN}"),
    ("core_ssrf", f"http://10.0.0.8/?t={TOKEN}"),
    ("ssrf_metadata", f"http://169.254.169.254/?t={TOKEN}"),
    ("dlp", f"http://ok.example/?t={TOKEN}&d=x9KqT2vLmW8sRz4YbN7cJ1pF6hD3gA5e"),
    ("entropy", "http://4a6f686e446f65.x.ok.example/?d=x9KqT2vLmW8sRz4YbN7cJ1pF6hD3gA5e"),
    ("subdomain_entropy", "http://4a6f686e446f65.x.ok.example/"),
]


@pytest.mark.parametrize(("label", "url"), ORDER)
def test_the_first_layer_that_refuses_decides(label: str, url: str) -> None:
    found = labels(
        url,
        mode_strict=True,
        api_allowlist=("*.ok.example", "10.0.0.8", "10.0.0.9", "169.254.169.254"),
        blocklist=("10.0.0.9", "*.bad.example"),
    )
    assert set(found) == {label}


def test_lists() -> None:
    assert labels("http://a.bad.example/", blocklist=("*.bad.example",)) == ["blocklist"]
    assert labels("http://BAD.example./", blocklist=("*.bad.example",)) == ["blocklist"]
    assert labels("http://notbad.example/", blocklist=("*.bad.example",)) == []
    assert labels("http://a.example/", api_allowlist=("b.example",)) == []
    assert labels("http://a.example/", api_allowlist=("b.example",), mode_strict=True) == ["allowlist"]


@pytest.mark.parametrize(
    "host", ["127.1", "0x7f.1", "[::1]", "[::ffff:10.0.0.1]", "2130706433", "１２７.1", "[64:ff9b::a00:1]"]
)
@pytest.mark.parametrize("internal", [(), ("10.0.0.0/8",)])
def test_private_literals_hit_the_floor_whatever_internal_says(host: str, internal: tuple[str, ...]) -> None:
    (finding,) = layers(internal=internal).before_dns(f"http://{host}/").findings
    assert finding.scanner == "core_ssrf"
    assert finding.hard
    assert "ssrf.ip_allowlist" in finding.message


def test_the_ip_allowlist_opens_private_literals_only() -> None:
    settings = {"ip_allowlist": ("127.0.0.0/8", "169.254.0.0/16")}
    built = layers(**settings)
    inspection = built.before_dns("http://127.1:3000/")
    assert inspection.findings == ()
    assert inspection.view is not None
    assert built.after_dns(inspection.view, ["127.0.0.1"]) == ()
    for host in (
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "2852039166",
        "metadata.google.internal",
        "Metadata.GOOG.",
    ):
        (finding,) = built.before_dns(f"http://{host}/").findings
        assert (finding.scanner, finding.hard) == ("ssrf_metadata", True)


def test_trusted_domains_do_not_open_literals() -> None:
    assert labels("http://10.0.0.1/", trusted_domains=("10.0.0.1",)) == ["core_ssrf"]


def after(host: str, answers: Sequence[str] | None, error: str = "", **settings: object) -> tuple[Finding, ...]:
    built = layers(**settings)
    view = built.before_dns(f"https://{host}/").view
    assert view is not None
    return built.after_dns(view, answers, error)


def test_public_answers_pass() -> None:
    assert after("a.example", ["93.184.216.34", "2606:2800:220:1::1"]) == ()


@pytest.mark.parametrize(
    "answers", [["10.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:10.0.0.1"], ["fd00::1%eth0"]]
)
def test_one_private_answer_refuses(answers: list[str]) -> None:
    (finding,) = after("a.example", answers)
    assert (finding.scanner, finding.category, finding.hard) == ("ssrf", Category.THREAT, False)


def test_a_known_host_with_a_private_address_is_a_mistake() -> None:
    (finding,) = after("a.example", ["10.0.0.1"], api_allowlist=("*.example",) and ("a.example",))
    assert finding.category is Category.CONFIG_MISMATCH


@pytest.mark.parametrize(
    "settings", [{"trusted_domains": ("*.a.example",)}, {"ip_allowlist": ("10.0.0.0/8",)}, {"internal": ()}]
)
def test_what_opens_private_answers_leaves_metadata_shut(settings: dict[str, object]) -> None:
    assert after("a.example", ["10.0.0.1"], **settings) == ()
    for answers in (["169.254.169.254"], ["10.0.0.1", "fd00:ec2::254"], ["64:ff9b::a9fe:a9fe"]):
        (finding,) = after("a.example", answers, **settings)
        assert (finding.scanner, finding.hard) == ("ssrf_metadata", True)


@pytest.mark.parametrize(
    ("answers", "error"),
    [(None, ""), ([], ""), (["1.1.1.1"], "timed out"), (["nonsense"], ""), (["1.1.1.1", "127.1"], "")],
)
def test_no_answer_is_a_refusal_that_nobody_is_blamed_for(answers: list[str] | None, error: str) -> None:
    (finding,) = after("a.example", answers, error, trusted_domains=("a.example",))
    assert (finding.scanner, finding.category, finding.hard) == ("ssrf", Category.INFRASTRUCTURE, True)
    assert block_reason(finding.scanner, finding.rule) is BlockReason.TIMEOUT


def test_a_failed_lookup_is_told_even_where_the_private_check_is_off() -> None:
    assert after("a.example", [], internal=())[0].category is Category.INFRASTRUCTURE


def test_warnings_go_on_to_later_layers() -> None:
    built = layers(Finder(warns=True))
    only = built.before_dns(f"https://a.example/?t={TOKEN}").findings
    assert [finding.warns for finding in only] == [True]
    both = built.before_dns(f"https://a.example/?t={TOKEN}&d=x9KqT2vLmW8sRz4YbN7cJ1pF6hD3gA5e").findings
    assert [finding.scanner for finding in both] == ["dlp", "entropy"]


def test_escapes_piled_up_are_refused_without_a_known_secret() -> None:
    (finding,) = layers().before_dns("https://a.example/?key=%25252541%25252549").findings
    assert (finding.scanner, finding.rule) == ("dlp", "Layered Percent Encoding")


def test_entropy_settings() -> None:
    data = "x9KqT2vLmW8sRz4YbN7cJ1pF6hD3gA5e"
    path, query, host = f"https://a.example/{data}", f"https://a.example/?d={data}", f"https://{data}.a.example/"
    assert [labels(url)[0] for url in (path, query, host)] == ["entropy", "entropy", "subdomain_entropy"]
    exempt = {"subdomain_entropy_exclusions": ("*.a.example",)}
    assert labels(path, **exempt) == labels(host, **exempt) == []
    assert labels(query, **exempt) == ["entropy"]
    assert labels(query, query_entropy_exclusions=("a.example",)) == []
    assert labels(path, query_entropy_exclusions=("a.example",)) == ["entropy"]
    assert labels(path, entropy_threshold=0.0) == labels(query, entropy_threshold=5.5) == []
    assert labels(host, subdomain_entropy_threshold=0.0) == []
    (finding,) = layers().before_dns(query).findings
    assert 0.5 < finding.score < 0.7
    assert "query_entropy_exclusions" in finding.message


def test_length() -> None:
    built = layers(max_url_length=20)
    assert built.length("https://a.example/xy") == ()
    (finding,) = built.length("https://a.example/xyz")
    assert (finding.scanner, finding.score) == ("length", 0.8)
    assert layers(max_url_length=0).length("x" * 5_000) == ()


def test_registrable_domains() -> None:
    built = layers()
    view = built.before_dns("https://a.b.example.co.uk/").view
    assert view is not None
    assert built.registrable(view) == "example.co.uk"
    assert built.registrable_host("A.B.example.co.uk.") == "example.co.uk"
    assert built.registrable_host("No Host") == "no host"


@pytest.mark.parametrize("url", [url for _, url in ORDER])
def test_messages_and_hints_say_what_to_do(url: str) -> None:
    built = layers(mode_strict=True, api_allowlist=("*.ok.example", "10.0.0.8"), blocklist=("10.0.0.9",))
    for finding in built.before_dns(url).findings:
        assert finding.message
        assert TOKEN not in finding.message
        assert built.hint(finding.scanner, finding.rule)


@pytest.mark.parametrize("settings", [{"internal": ("10.0.0.1/8",)}, {"ip_allowlist": ("x",)}, {"blocklist": ("*",)}])
def test_bad_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        layers(**settings)


@given(st.one_of(st.text(max_size=400), st.text("http:/@[]%2.05aA\\?#&=;-", max_size=400).map("https://a".__add__)))
def test_no_text_raises(url: str) -> None:
    inspection = layers().before_dns(url)
    assert inspection.view is not None or inspection.findings[0].hard


HOSTILE = {
    "escapes": "%25" * 21_000,
    "letters": "a" * 65_000,
    "opaque": "aB3" * 21_600,
    "parameters": "?" + "a=Xy1&" * 10_000,
    "long parameters": "?" + "&".join("k=" + "Ab3xK9mQ7p" * 3 for _ in range(2_000)),
    "segments": "a1/" * 21_000,
    "words": "?" + "red=blue&" * 7_000,
    "labels of base64": "?" + "&".join("QUJDREVGR0hJSktMTU5P" for _ in range(3_000)),
    "hex": "41" * 32_000,
    "separators": ".,:|" * 16_000,
    "dots": "../" * 21_000,
    "unicode": "é" * 60_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_urls_of_64_kib_take_time_in_line_with_their_size(name: str) -> None:
    built = layers()
    text = HOSTILE[name]
    spent = []
    for part in (text[: len(text) // 4], text):
        url = "https://a.example/" + part[:65_000]
        started = time.process_time()
        built.before_dns(url)
        spent.append(time.process_time() - started)
    small, large = spent
    # Four times the text; quadratic work would be sixteen times the time. The floor keeps noise out.
    assert large < max(0.25, small * 10)


@pytest.mark.parametrize("settings", [{"mode_strict": True}, {"blocklist": ["*.example.com"]}])
def test_the_lists_refuse_before_secrets_are_looked_for_and_repeat_none(settings: dict[str, object]) -> None:
    (finding,) = layers(**settings).before_dns(f"https://{TOKEN}.example.com/").findings
    assert TOKEN.lower() not in finding.message.lower()
    assert "example.com" in finding.message


def test_an_address_that_is_excused_does_not_hide_what_the_url_carries() -> None:
    url = f"http://127.0.0.1:3000/?t={TOKEN}"
    assert [finding.scanner for finding in layers().before_dns(url).findings] == ["core_ssrf"]
    found = layers().before_dns(url, lambda finding: finding.scanner == "core_ssrf").findings
    assert [finding.scanner for finding in found] == ["core_ssrf", "dlp"]
