from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipelock.model import Kind, Outcome, Record, Transport, Verdict
from pipelock.query import EVERYTHING, KEYS, MAX_DEPTH, MAX_LENGTH, FilterError, parse, read_time
from tests.factories import a_decision, a_finding, a_record, a_summary

NOW = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC
PLAIN = a_record(
    at=NOW - 60,
    action=a_summary(
        id="a-1",
        host="api.example.com",
        url="https://api.example.com/v1/models?page=2&x=(1)",
        port=443,
        agent="Claude",
        session="Claude|127.0.0.1",
        program="node",
        pid=77,
        size=512,
    ),
    decision=a_decision(verdict=Verdict.ALLOW, reason="", rule=""),
)
REFUSED = a_record(
    at=NOW - 7200,
    action=a_summary(id="b-2", method="POST", host="pypi.org", kind=Kind.REQUEST, size=20_000),
    decision=a_decision(
        verdict=Verdict.BLOCK,
        reason="a credential would leave",
        rule="",
        layer="body_dlp",
        status=403,
        findings=(a_finding(rule="AWS Access ID"),),
        outcome=Outcome.DENIED,
    ),
)
ANSWER = a_record(
    at=NOW,
    action=a_summary(id="c-3", kind=Kind.RESPONSE, transport=Transport.WEBSOCKET, status=404, content_type="text/html"),
    decision=a_decision(verdict=Verdict.WARN, reason=""),
)
ALL = {"plain": PLAIN, "refused": REFUSED, "answer": ANSWER}


def found(source: str) -> set[str]:
    wanted = parse(source, NOW, UTC)
    return {name for name, record in ALL.items() if wanted.matches(record)}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("", "plain refused answer"),
        ("host:Example.COM", "plain answer"),
        ("HOST:api", "plain"),
        ("!host:api", "refused answer"),
        ("not host:api", "refused answer"),
        ("verdict:block,warn", "refused answer"),
        ("method:PO", ""),
        ("method:post", "refused"),
        ('rule:"aws access"', "refused"),
        ('rule:"aws  access"', ""),
        ("layer:dlp", "refused"),
        ("credential", "refused"),
        ("!credential", "plain answer"),
        ("path:page=2&x", "plain"),
        ("path:x=(1)", "plain"),
        ("https://api.example.com/v1", "plain"),
        ('"page=2&x"', "plain"),
        ("session:claude|127", "plain"),
        ("program:node pid:77", "plain"),
        ("kind:response", "answer"),
        ("transport:websocket", "answer"),
        ("outcome:denied", "refused"),
        ("id:a-1,b-2", "plain refused"),
        ("type:html", "answer"),
        ("size>1k", "refused"),
        ("size:>1k", "refused"),
        ("size<=512", "plain answer"),
        ("size:512", "plain"),
        ("status:403", "refused"),
        ("status>=400", "refused answer"),
        ("status<500", "refused answer"),
        ("after:1h", "plain answer"),
        ("before:1h", "refused"),
        ("after:22:13", "answer"),
        ("host:pypi or host:api", "plain refused"),
        ("host:pypi | host:api verdict:block", "refused"),
        ("(host:pypi | host:api) verdict:allow", "plain"),
        ("(host:pypi)", "refused"),
        ("!(host:pypi or host:api)", "answer"),
        ("host:example.com and verdict:warn", "answer"),
        ("host:example.com & verdict:warn", "answer"),
        ("~d pypi", "refused"),
        ("~b", "refused"),
        ("~q", "plain refused"),
        ("~s & ~c 404", "answer"),
        ("~c >=400", "refused answer"),
        ("~m post | ~websocket", "refused answer"),
        ('"or"', "plain refused"),
    ],
)
def test_matches(source: str, names: str) -> None:
    assert found(source) == set(names.split())


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("colour:red", 'no field is called "colour"; there are after, agent'),
        ("host:", "host: needs a value"),
        ("!", "! needs a term after it"),
        ("host:a or", "or needs a term after it"),
        ("or host:a", "a term must come first"),
        ("a & | b", "needs a term"),
        ('host:"a', "quote is open"),
        ('""', "needs a value"),
        ("(host:a", "parenthesis is open"),
        ("host:a )", ") closes nothing"),
        ("()", "( needs a term after it"),
        ("verdict:blocked", 'no verdict is called "blocked"; there are allow'),
        ("kind:mail", 'no kind is called "mail"'),
        ("verdict:,", "needs a value"),
        ("size>big", "size is a number"),
        ("host>a", "host is no number"),
        ("after:soon", "is no time"),
        ("~z x", 'no shortcut "~z"; there are ~a'),
        ("~d", "~d needs a value"),
        ("x" * (MAX_LENGTH + 1), "at most 500 characters"),
        ("host:\udcff", "UTF-8"),
        (" ".join("abcdefghijklmnpqrstuv"), "at most 20 terms"),
        ("!" * (MAX_DEPTH + 2) + "a", "stand inside each other"),
        ("(" * 400 + "a", "stand inside each other"),
    ],
)
def test_what_cannot_be_read_says_why(source: str, says: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(source)
    assert says in str(caught.value)


def test_nothing_but_spaces_means_everything() -> None:
    assert parse("   ").root == EVERYTHING.root


@pytest.mark.parametrize("verdict", list(Verdict))
def test_each_verdict_can_be_named(verdict: Verdict) -> None:
    record = a_record(decision=a_decision(verdict=verdict))
    assert parse(f"verdict:{verdict.value}").matches(record)


@given(st.text(max_size=80) | st.text(alphabet='ab !()|&"~:<>host', max_size=60))
def test_any_text_is_read_or_refused(source: str) -> None:
    try:
        wanted = parse(source, NOW, UTC)
    except FilterError:
        return
    assert wanted.matches(PLAIN) in {True, False}
    assert wanted.matches_text("remark", NOW) in {True, False}


@given(st.sampled_from([key for key in KEYS if key not in {"after", "before", "size", "status", "pid", "port"}]))
def test_a_value_is_found_whatever_its_case(key: str) -> None:
    words = {"verdict": "ALLOW", "kind": "Request", "transport": "FORWARD", "outcome": "Denied"}
    value = words.get(key, "ZEBRA")
    action = replace(
        PLAIN.action, agent="zebra", client="zebra", host="zebra", id="zebra", method="Zebra", program="zebra",
        session="zebra", content_type="zebra", url="http://h/zebra",
    )  # fmt: skip
    decision = replace(PLAIN.decision, layer="Zebra", rule="zebra", outcome=Outcome.DENIED)
    assert parse(f"{key}:{value}").matches(Record(at=0, action=action, decision=decision))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("90s", -90),
        ("2h", -7200),
        ("7d", -604_800),
        ("2W", -1_209_600),
        ("today", -(22 * 3600 + 13 * 60 + 20)),
        ("yesterday", -(46 * 3600 + 13 * 60 + 20)),
        ("22:00", -800),
        ("22:00:20", -780),
        ("23:00", 2800 - 86_400),
        ("2023-11-14", -(22 * 3600 + 13 * 60 + 20)),
        ("2023-11-14T22:13:20", 0),
        ("2023-11-14T22:13:20Z", 0),
        ("2023-11-15T00:13:20+02:00", 0),
    ],
)
def test_times(text: str, seconds: int) -> None:
    assert read_time(text, NOW, UTC) == NOW + seconds


@pytest.mark.parametrize("text", ["", "h", "2", "soon", "25:00", "2023-13-01", "99999999999999999d", "9999999999w"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        read_time(text, NOW, UTC)
