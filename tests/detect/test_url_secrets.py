"""The views that are searched, and findings brought back to their place."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect import url_secrets
from pipelock.detect.ruleset import RuleSet
from pipelock.detect.secrets import SecretScanner
from pipelock.detect.url_secrets import find_secrets, secret_views
from pipelock.detect.url_view import UrlError, UrlView, parse_url, split_url
from pipelock.model import Finding, Severity, Span

TOKEN = "AKIAQ3EXK7M2NV5TB8WP"


class Finder:
    """Finds one literal text, as the real scanner finds patterns."""

    def scan_values(self, values: Sequence[tuple[str, str]], *, host: str) -> tuple[Finding, ...]:
        return tuple(
            Finding(
                "dlp", "Test Token", Severity.CRITICAL, f"Test Token found in {place}", place, Span(at, at + len(TOKEN))
            )
            for place, text in values
            if (at := text.find(TOKEN)) >= 0
        )


def view_of(url: str) -> UrlView:
    return parse_url(split_url(url))


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (f"https://a.example/x/{TOKEN}/y", "url:path"),
        (f"https://a.example/x?ok=1&t={TOKEN}&z=2", "url:query:t"),
        (f"https://a.example/#x={TOKEN}", "url:fragment"),
        (f"https://{TOKEN}@a.example/", "url"),
        (f"https://{TOKEN}.x.example/", "url"),
    ],
)
def test_plain_text_is_located(url: str, place: str) -> None:
    (finding,) = find_secrets(view_of(url), Finder())
    assert finding.place == place
    assert finding.message == f"Test Token found in {place}"
    assert finding.path == ()
    part = {"url:path": "path", "url:fragment": "fragment"}.get(place)
    view = view_of(url)
    text = getattr(view, part) if part else view.parameters[1].value if "query" in place else url
    assert finding.span is not None
    assert text[finding.span.start : finding.span.end] == TOKEN


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/?t=" + "".join(f"%{ord(char):02x}" for char in TOKEN),
        "https://a.example/?t=" + "".join(f"%25{ord(char):02x}" for char in TOKEN),
        "https://a.example/?t=" + TOKEN.encode().hex(),
        "https://a.example/?t=" + b64encode(TOKEN.encode()).decode(),
        "https://a.example/?" + b64encode(TOKEN.encode()).decode().rstrip("=") + "=1",
        "https://a.example/" + b64encode(TOKEN.encode()).decode(),
        "https://a.example/?t=" + ".".join(TOKEN),
        "https://a.example/?t=" + "+".join(TOKEN),
        "https://a.example/" + "/".join(TOKEN),
        "https://a.example/AKIA/up/Q3EXK7/red/M2NV5T/B8WP/end",
        "https://AKIAQ3EX.K7M2.NV5TB8WP.a.example/",
        "https://AKIAQ3EX.K7M2.NV5TB8WP.a.co.uk/",
        f"https://{TOKEN.encode().hex()}.a.example/",
        f"https://{TOKEN.encode().hex()[:20]}.{TOKEN.encode().hex()[20:]}.a.example/",
        "https://a.example/?a=AKIAQ3EX&b=K7M2NV5TB8WP",
        "https://a.example/?AKIAQ3EX=K7M2NV5TB8WP&x=1",
        "https://a.example/?AKIAQ3EX=1&K7M2NV5TB8WP=2",
        "https://a.example/?a=AKIA&x=red&b=Q3EX&y=12&c=K7M2&z=blue&d=NV5T&w=green&e=B8WP",
        "https://a.example/?" + "&".join(f"n{i}=word" for i in range(25)) + "&a=AKIAQ3EX&j=word&b=K7M2NV5TB8WP",
        f"https://a.example/?h1={TOKEN.encode().hex()[:20]}&h2={TOKEN.encode().hex()[20:]}",
        "https://a.example/#" + b64encode(TOKEN.encode()).decode(),
        f"https://u:{b64encode(TOKEN.encode()).decode()}@a.example/",
    ],
)
def test_disguises_are_seen_through(url: str) -> None:
    findings = find_secrets(view_of(url), Finder())
    assert findings
    assert all(finding.span is None and finding.path for finding in findings)
    assert all("#" not in finding.place + finding.message and "~" not in finding.place for finding in findings)


def test_a_plain_match_is_not_repeated_by_its_other_forms() -> None:
    assert len(find_secrets(view_of(f"https://a.example/x/{TOKEN}?b=%41"), Finder())) == 1


def test_a_secret_in_a_key_does_not_get_into_the_place() -> None:
    (finding,) = find_secrets(view_of(f"https://a.example/?x{TOKEN}={TOKEN}"), Finder())
    assert TOKEN not in finding.place


def test_findings_with_places_of_their_own_are_left_alone() -> None:
    class Stubborn:
        def scan_values(self, values: Sequence[tuple[str, str]], *, host: str) -> tuple[Finding, ...]:
            return (Finding("dlp", host, Severity.LOW, str(len(values)), "elsewhere"),)

    (finding,) = find_secrets(view_of("https://a.example/"), Stubborn())
    assert (finding.place, finding.rule) == ("elsewhere", "a.example")


@pytest.mark.parametrize(
    ("url", "most"),
    [
        ("https://registry.example/lodash", 1),
        ("https://api.example.com/repos/octocat/hello-world/issues?state=open&per_page=100", 2),
        ("https://shop.example/products?category=electronics&brand=apple&color=black&sort=price_asc&page=3", 2),
        (
            "https://a.example/items/550e8400-e29b-41d4-a716-446655440000/history/da39a3ee5e6b4b0d3255bfef95601890afd80709",
            2,
        ),
    ],
)
def test_ordinary_urls_are_searched_in_few_views(url: str, most: int) -> None:
    views, complete = secret_views(view_of(url))
    assert len(views) <= most
    assert complete


def test_what_is_put_together_is_marked_for_the_scanner() -> None:
    seen: list[str] = []

    class Recorder:
        def scan_values(self, values: Sequence[tuple[str, str]], *, host: str) -> tuple[Finding, ...]:
            seen.extend(place for place, _ in values)
            return ()

    find_secrets(view_of("https://a.example/?a=AKIAQ3EX&b=K7M2NV5TB8WP"), Recorder())
    assert [place.endswith("~") for place in seen] == [False, *(True for _ in seen[1:])]
    assert len(seen) > 1


def test_more_than_is_searched_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    view = view_of("https://a.example/?a=AKIAQ3EX&b=K7M2NV5TB8WP")
    assert {finding.rule for finding in find_secrets(view, Finder())} == {"Test Token"}
    monkeypatch.setattr(url_secrets, "_MOST_CHARACTERS", len(view.url))
    assert {finding.rule for finding in find_secrets(view, Finder())} == {"Unsearched URL"}


def test_the_limit_is_out_of_reach_of_the_longest_url() -> None:
    values = "&".join(
        f"k{number}={b64encode(f'{number:05}-{number * 7:05}-text'.encode()).decode()}" for number in range(2_000)
    )
    views, complete = secret_views(view_of(f"https://a.example/{'Ab1/' * 5_000}?{values[:44_000]}"))
    assert complete
    assert sum(len(text) for _, text, _ in views) <= 1_048_576


@given(st.text(max_size=300))
def test_any_url_is_viewed(text: str) -> None:
    try:
        view = view_of("https://a.example/" + text)
    except UrlError:
        return
    views, _ = secret_views(view)
    assert views[0][:2] == ("url", view.url)


@pytest.fixture(scope="module")
def real() -> SecretScanner:
    return SecretScanner(RuleSet.builtin("credentials"))


@pytest.mark.parametrize(
    "url",
    [
        f"https://a.example/?t={TOKEN}",
        "https://a.example/?t=" + b64encode(TOKEN.encode()).decode(),
        "https://a.example/?a=AKIA&x=red&b=Q3EX&y=12&c=K7M2&z=blue&d=NV5T&w=green&e=B8WP",
        "https://a.example/AKIA/up/Q3EXK7/red/M2NV5T/B8WP/end",
        "https://AKIAQ3EX.K7M2.NV5TB8WP.a.example/",
    ],
)
def test_the_real_scanner_works_with_these_views(real: SecretScanner, url: str) -> None:
    findings = [finding for finding in find_secrets(view_of(url), real) if finding.rule == "AWS Access ID"]
    assert findings
    assert findings[0].scanner == "core_dlp"
    assert "#" not in findings[0].place + findings[0].message


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/repos/octocat/hello-world/issues?state=open&per_page=100",
        "https://a.example/items/550e8400-e29b-41d4-a716-446655440000/history/da39a3ee5e6b4b0d3255bfef95601890afd80709",
        # Joined, the numbers pass for a payment card; apart, they are prices.
        "https://shop.example/?min=4111&max=1111&per_page=1111&page=1111",
    ],
)
def test_the_real_scanner_lets_ordinary_urls_pass(real: SecretScanner, url: str) -> None:
    assert find_secrets(view_of(url), real) == ()
