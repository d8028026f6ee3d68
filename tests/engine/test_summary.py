"""What is kept of an action: never what was found in it, and little of what nobody searched."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.config import loads
from pipelock.engine import Answers, Engine, Facts, KillSwitch, Lookup, refuse, summarise
from pipelock.engine._suppress import Entry, Suppressions
from pipelock.engine.compile import compile_policy
from pipelock.engine.egress import EgressRules
from pipelock.engine.summary import MAX_SHOWN_HEADERS
from pipelock.model import (
    Action,
    BlockReason,
    Decision,
    Evidence,
    Fault,
    Finding,
    Identity,
    Outcome,
    Process,
    Severity,
    Span,
    Verdict,
)
from tests.factories import FAKE_KEY, FakeSecrets, a_finding, a_policy, a_response, an_action


def decided(action: Action, *, kill: bool = False, **policy: Any) -> Decision:
    switch = KillSwitch()
    switch.set_api(kill)
    outcome = Engine(a_policy(**policy), switch).adjudicate(action, Facts(1.0, 1.0))
    return outcome.resume(Answers(("93.184.215.14",)), Facts(1.0, 1.0)) if isinstance(outcome, Lookup) else outcome


def with_findings(*findings: Finding, **changes: Any) -> Decision:
    base = Decision(action_id="t-1", verdict=Verdict.BLOCK, code=BlockReason.DLP_MATCH, findings=findings)
    return msgspec.structs.replace(base, **changes)


ALLOWED = Decision(action_id="t-1", verdict=Verdict.ALLOW)
PLACES = {
    "path": lambda key: {"url": f"http://example.com/a/{key}/b"},
    "query": lambda key: {"url": f"http://example.com/?token={key}&x=1"},
    "fragment": lambda key: {"url": f"http://example.com/#{key}"},
    "userinfo": lambda key: {"url": f"http://user:{key}@example.com/"},
    "label": lambda key: {"url": f"http://{key}.example.com/", "host": f"{key}.example.com"},
    "domain": lambda key: {"url": f"http://{key}.com/", "host": f"{key}.com"},
    "header": lambda key: {"headers": (("x-tool", key), ("accept", "*/*"))},
    "header name": lambda key: {"headers": ((key, "1"), ("accept", "*/*"))},
    "content type": lambda key: {
        "content_type": f"text/plain; x={key}",
        "headers": (("content-type", f"text/plain; x={key}"),),
    },
    "body": lambda key: {"method": "POST", "body": f"a={key}&b={key}".encode()},
}
KEY_CHARACTERS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=4, max_size=8)


def leaks(action: Action, decision: Decision) -> bool:
    kept = msgspec.json.encode([summarise(action, decision), decision]).lower()
    return FAKE_KEY.encode() in kept


@given(st.lists(st.sampled_from(sorted(PLACES)), min_size=1, max_size=3), st.booleans(), st.sampled_from(Severity))
def test_no_key_survives_wherever_it_stood(places: list[str], enforce: bool, severity: Severity) -> None:
    changes: dict[str, Any] = {}
    for place in places:
        changes |= PLACES[place](FAKE_KEY)
    action = an_action(**changes)
    decision = decided(action, enforce=enforce, secrets=FakeSecrets(severity))
    assert decision.findings
    assert not leaks(action, decision)


@pytest.mark.parametrize("place", sorted(PLACES.keys() - {"userinfo"}))  # no entry holds for a URL with a user name
def test_nor_does_one_that_is_suppressed(place: str) -> None:
    action = an_action(**PLACES[place](FAKE_KEY))
    entries = [Entry(rule="Fake Key", path="*", field=field) for field in ("*", "body")]
    decision = decided(action, suppressions=Suppressions(entries))
    assert decision.suppressed
    assert not decision.findings
    assert not leaks(action, decision)


@pytest.mark.parametrize("place", sorted(PLACES))
def test_a_person_is_not_shown_it_either(place: str) -> None:
    action = an_action(**PLACES[place](FAKE_KEY))
    asks = EgressRules((), Verdict.ASK)
    decision = decided(action, egress=asks, secrets=FakeSecrets(warns=True))
    assert decision.verdict is Verdict.ASK
    assert not leaks(action, decision)


@pytest.mark.parametrize("place", sorted(PLACES))
def test_what_a_gate_stopped_unread_is_reduced_to_its_outline(place: str) -> None:
    if place == "body":
        return  # no body is ever kept
    for changes, kill in (({}, True), ({"fault": Fault(BlockReason.BAD_REQUEST, "bad")}, False)):
        action = an_action(**{**PLACES[place](FAKE_KEY), **changes})
        decision = decided(action, kill=kill)
        assert decision.verdict is Verdict.BLOCK
        assert not leaks(action, decision)


def test_a_crash_of_a_scanner_leaves_nothing_unread_in_the_record() -> None:
    action = an_action(**PLACES["query"](FAKE_KEY))
    decision = refuse(action, a_policy(), BlockReason.PATTERN_UNAVAILABLE, "a scanner failed", status=503)
    assert summarise(action, decision).url == "http://example.com/[redacted]"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://example.com/a?b=c#d", "http://example.com/a?b=c#d"),
        ("http://u:p@example.com/a@b", "http://[redacted]@example.com/a@b"),
        ("http://u:p@x@example.com/", "http://[redacted]@example.com/"),
        ("http://us\ter:p@example.com/", "http://[redacted]@example.com/"),
        ("http://example.com/@x", "http://example.com/@x"),
        ("http://example.com?q=@x", "http://example.com?q=@x"),
        ("http://u@example.com", "http://[redacted]@example.com"),
        ("http://[::1]/", "http://[::1]/"),
        ("http://[bad@x/", "http://[redacted]@x/"),
        ("no scheme", "no scheme"),
    ],
)
def test_user_names_are_hidden_and_the_rest_of_a_clean_url_is_shown(url: str, shown: str) -> None:
    assert summarise(an_action(url=url), ALLOWED).url == shown


def test_a_long_url_is_cut() -> None:
    shown = summarise(an_action(url="http://e.com/" + "a" * 5000), ALLOWED).url
    assert len(shown) == 2049
    assert shown.endswith("…")


@pytest.mark.parametrize(
    ("finding", "url", "host", "shown_url", "shown_host"),
    [
        pytest.param(
            a_finding(scanner="dlp", place="url:query:k"), "http://api.example.com/?k=s", "api.example.com",
            "http://api.example.com/[redacted]", "api.example.com", id="query",
        ),
        pytest.param(
            a_finding(scanner="dlp", place="url", span=Span(7, 13)), "http://s3cret.evil.com/", "s3cret.evil.com",
            "http://[redacted].evil.com/[redacted]", "[redacted].evil.com", id="label",
        ),
        pytest.param(
            a_finding(scanner="dlp", place="url", span=Span(7, 13)), "http://S3CRET.com/", "s3cret.com",
            "http://[redacted].com/[redacted]", "[redacted].com", id="registered name",
        ),
        pytest.param(
            a_finding(scanner="dlp", place="url", span=Span(7, 13)), "http://s3cret/", "s3cret",
            "http://[redacted]/[redacted]", "[redacted]", id="whole host",
        ),
        pytest.param(
            a_finding(scanner="dlp", place="url", span=Span(7, 12)), "http://user1@evil.com/", "evil.com",
            "http://evil.com/[redacted]", "evil.com", id="userinfo",
        ),
        pytest.param(
            a_finding(scanner="dlp", place="url", path=("percent",)), "http://evil.com/%73", "evil.com",
            "http://evil.com/[redacted]", "evil.com", id="decoded, plain host",
        ),
        pytest.param(
            a_finding(scanner="dlp", place="url", path=("percent",)), "http://%73x.evil.com/", "%73x.evil.com",
            "http://[redacted]/[redacted]", "[redacted]", id="decoded, encoded host",
        ),
        pytest.param(
            a_finding(scanner="dlp", place="url", span=Span(7, 13)), "http://other.com/", "s3cret.com",
            "http://[redacted]/[redacted]", "[redacted]", id="another host than the URL's",
        ),
        pytest.param(
            a_finding(scanner="core_dlp", place="url:host", path=("joined",)), "http://a.b.evil.com/", "a.b.evil.com",
            "http://[redacted].evil.com/[redacted]", "[redacted].evil.com", id="joined labels",
        ),
        pytest.param(
            a_finding(scanner="dlp", place="url:host", path=("base64",)), "http://c2VjcmV0.com/", "c2VjcmV0.com",
            "http://[redacted].com/[redacted]", "[redacted].com", id="encoded label",
        ),
        pytest.param(
            a_finding(scanner="dlp", place="url:host", path=("base64",)), "http://c2VjcmV0/", "c2VjcmV0",
            "http://[redacted]/[redacted]", "[redacted]", id="encoded single label",
        ),
        pytest.param(
            a_finding(scanner="subdomain_entropy", place="url:host"), "http://q8zk.evil.com/x", "q8zk.evil.com",
            "http://[redacted].evil.com/[redacted]", "[redacted].evil.com", id="opaque label",
        ),
        pytest.param(
            a_finding(scanner="ssrf", place="url:host"), "http://db.corp.test/a", "db.corp.test",
            "http://db.corp.test/a", "db.corp.test", id="a private answer is no secret",
        ),
        pytest.param(
            a_finding(scanner="ratelimit"), "http://e.com/a", "e.com", "http://e.com/a", "e.com", id="a limit is none",
        ),
        pytest.param(
            a_finding(scanner="core_ssrf", place="url:host"), "http://127.0.0.1/a", "127.0.0.1",
            "http://127.0.0.1/[redacted]", "127.0.0.1", id="an address is shown, what was not searched is not",
        ),
        pytest.param(
            a_finding(scanner="blocklist"), "http://abcdefghijklmnopqrst0.bad.com/", "abcdefghijklmnopqrst0.bad.com",
            "http://[redacted].bad.com/[redacted]", "[redacted].bad.com", id="an unsearched label that could be a key",
        ),
        pytest.param(
            a_finding(scanner="blocklist"), "http://[2606:4700:4700:0:0:0:0:1111]/", "2606:4700:4700:0:0:0:0:1111",
            "http://[2606:4700:4700:0:0:0:0:1111]/[redacted]", "2606:4700:4700:0:0:0:0:1111", id="an address in full",
        ),
        pytest.param(
            a_finding(scanner="parser"), "s3cret-without-scheme", "", "[other]:///[redacted]", "", id="no URL at all",
        ),
    ],
)  # fmt: skip
def test_what_is_left_of_urls_and_hosts(finding: Finding, url: str, host: str, shown_url: str, shown_host: str) -> None:
    summary = summarise(an_action(url=url, host=host), with_findings(finding))
    assert (summary.url, summary.host) == (shown_url, shown_host)


def test_a_plain_allow_keeps_no_headers_and_anything_else_a_bounded_number() -> None:
    action = an_action(headers=tuple((f"x-{number}", "v" * 999) for number in range(100)))
    assert summarise(action, ALLOWED).headers == ()
    warned = msgspec.structs.replace(ALLOWED, verdict=Verdict.WARN)
    shown = summarise(action, warned).headers
    assert len(shown) == MAX_SHOWN_HEADERS
    assert {len(value) for _, value in shown} == {256}
    assert summarise(action, msgspec.structs.replace(ALLOWED, outcome=Outcome.APPROVED)).headers


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("authorization", "Bearer abc", "Bearer [3 characters]"),
        ("authorization", "abc", "[3 characters]"),
        ("cookie", "a=b; c=d", "[8 characters]"),
        ("x-api-key", "k", "[1 characters]"),
        ("accept", "text/html", "text/html"),
    ],
)
def test_credential_headers_are_masked_though_nothing_was_found(name: str, value: str, shown: str) -> None:
    action = an_action(headers=((name, value),))
    assert summarise(action, msgspec.structs.replace(ALLOWED, verdict=Verdict.WARN)).headers == ((name, shown),)


def test_a_key_cut_into_several_headers_hides_them_all() -> None:
    action = an_action(headers=(("x-a", FAKE_KEY[:9]), ("x-b", FAKE_KEY[9:])), content_type="text/plain")
    decision = decided(action)
    assert decision.findings[0].place == "headers"
    summary = summarise(action, decision)
    assert summary.headers == (("x-a", "[9 characters]"), ("x-b", f"[{len(FAKE_KEY) - 9} characters]"))
    assert summary.content_type == ""


def test_a_media_type_is_kept_without_its_parameters() -> None:
    assert summarise(an_action(content_type="text/html; charset=x"), ALLOWED).content_type == "text/html"


def test_a_response_shows_the_url_that_was_let_through_and_masks_cookies() -> None:
    action = a_response(url="http://e.com/a?b=c", headers=(("set-cookie", "s=1"), ("server", "x")), size=12)
    summary = summarise(action, with_findings(a_finding(scanner="response_scan", place="body")))
    assert summary.url == "http://e.com/a?b=c"
    assert summary.headers == (("set-cookie", "[3 characters]"), ("server", "x"))
    assert (summary.size, summary.status, summary.preview) == (12, 200, "")


@given(st.text(), st.text(), st.text(max_size=30), st.lists(st.sampled_from(["url", "url:host", "headers", "body"])))
def test_no_text_upsets_it(url: str, host: str, name: str, places: list[str]) -> None:
    action = an_action(url=url, host=host, method=name, content_type=name, headers=((name, url),), body=url.encode())
    for verdict in (Verdict.ALLOW, Verdict.ASK, Verdict.BLOCK):
        findings = tuple(a_finding(place=place, span=Span(0, 3)) for place in places)
        summary = summarise(action, with_findings(*findings, verdict=verdict))
        assert len(summary.url) <= 2100
        assert len(summary.method) <= 100
        assert len(summary.preview) <= 2048


# -- with the scanners that ship ---------------------------------------------------------------------------------------

TOKEN = "AKIA" + "QXZ7K2MN5PWT3RVB"
SPELLINGS = {
    "plain": lambda text: text,
    "base64": lambda text: b64encode(f"id={text}".encode()).decode().rstrip("="),
    "hex": lambda text: text.encode().hex(),
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "percent, twice": lambda text: quote("".join(f"%{byte:02X}" for byte in text.encode())),
}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory):
    cache: Path = tmp_path_factory.mktemp("cache")
    return compile_policy(loads("version: 1\n", "test"), {}, cache)


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
@pytest.mark.parametrize("place", sorted(PLACES.keys() - {"content type"}))  # not among the headers that are scanned
def test_no_credential_that_was_stopped_is_kept_in_the_spelling_it_came_in(place: str, spelling: str, shipped) -> None:
    text = SPELLINGS[spelling](TOKEN)
    action = an_action(**PLACES[place](text))
    engine = Engine(shipped, KillSwitch())
    outcome = engine.adjudicate(action, Facts(1.0, 1.0))
    decision = outcome.resume(Answers(("93.184.215.14",)), Facts(1.0, 1.0)) if isinstance(outcome, Lookup) else outcome
    assert decision.verdict is Verdict.BLOCK
    kept = msgspec.json.encode([summarise(action, decision), decision]).decode().lower()
    assert TOKEN.lower() not in kept
    assert text.lower() not in kept


def owned(evidence: Evidence, agent: str, session: str) -> Identity:
    return Identity(agent, session, evidence, processes=(Process(90, 9, "curl"), Process(60, 6, "claude")))


@pytest.mark.parametrize("ask", [False, True])
def test_the_client_s_own_process_is_shown(ask: bool) -> None:
    action = an_action(identity=owned(Evidence.PROCESS, "claude", "claude@60|127.0.0.1"))
    shown = summarise(action, Decision(action_id="1", verdict=Verdict.ASK if ask else Verdict.ALLOW))
    assert (shown.program, shown.pid) == ("curl", 90)


def test_what_is_hidden_of_a_claimed_name_leaves_the_process_s_session() -> None:
    name = "x" * 40
    refused = Decision(action_id="1", verdict=Verdict.BLOCK, hard=True)
    claimed = an_action(
        agent=name, session="bash@60|127.0.0.1", identity=owned(Evidence.HEADER, name, "bash@60|127.0.0.1")
    )
    shown = summarise(claimed, refused)
    assert (shown.session, shown.agent) == ("bash@60|127.0.0.1", "[redacted]")
    proven = an_action(
        agent=name, session=f"{name}|10.0.0.1", identity=Identity(name, f"{name}|10.0.0.1", Evidence.CIDR)
    )
    assert summarise(proven, refused).agent == name


def test_what_git_says_that_it_wants_is_kept_unless_a_header_gives_something_away() -> None:
    action = an_action(remote="git push git@h:o/r")
    assert summarise(action, ALLOWED).remote == "git push git@h:o/r"
    asked = Decision(action_id="1", verdict=Verdict.ASK)
    assert summarise(action, asked).remote == "git push git@h:o/r"
    for place in ("header:x-pipelock-remote", "headers"):
        found = (a_finding(scanner="header_dlp", place=place),)
        assert not summarise(action, Decision(action_id="1", verdict=Verdict.BLOCK, findings=found)).remote
    assert not summarise(action, Decision(action_id="1", verdict=Verdict.BLOCK, hard=True)).remote
