from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.config import ConfigError
from pipelock.config.approvals_file import MAX_KEPT, format_approvals, parse_approvals
from pipelock.model import Grant, Lifetime, Scope

HOST = Grant(
    id="g1a2b3c4", allow=True, scope=Scope.HOST, lifetime=Lifetime.FOREVER, words="claude may …", created_at=1.7e9,
    by="dashboard (pid 7)", note="the build's own API", agent="claude", program="claude", kind="request",
    host="api.example.com", port=443, layer="egress_rules", rules=("posts",),
)  # fmt: skip


def test_what_is_written_is_for_people() -> None:
    text = format_approvals((HOST,)).decode()
    assert text.startswith("# Answers that hold for good, written by pipelock.")
    assert text.isascii()
    assert text.partition("approvals:\n")[2] == (
        '- id: "g1a2b3c4"\n'
        '  created: "2023-11-14T22:13:20Z"\n'
        '  by: "dashboard (pid 7)"\n'
        '  words: "claude may \\u2026"\n'
        "  action: allow\n"
        "  scope: host\n"
        '  agent: "claude"\n'
        '  program: "claude"\n'
        "  kind: request\n"
        '  host: "api.example.com"\n'
        "  port: 443\n"
        '  rule: "posts"\n'
        '  note: "the build\'s own API"\n'
    )


@pytest.mark.parametrize("data", [b"", b"# nothing\n", b"approvals: []\n", b"approvals:\n", format_approvals(())])
def test_an_empty_file_holds_nothing(data: bytes) -> None:
    assert parse_approvals(data, "f") == ()


LINE = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=40)
GRANTS = st.builds(
    Grant,
    id=st.integers(0, 10**9).map(lambda number: f"g{number}"),
    allow=st.booleans(),
    scope=st.just(Scope.PATH),
    lifetime=st.just(Lifetime.FOREVER),
    words=st.just(""),
    created_at=st.integers(1, 2_000_000_000).map(float),
    by=LINE,
    note=LINE,
    agent=LINE,
    program=LINE,
    kind=st.just("request"),
    method=st.sampled_from(["GET", "POST"]),
    host=st.just("api.example.com"),
    port=st.integers(1, 65535),
    path=st.sampled_from(["/", "/v1/", "/a/b/"]),
    layer=st.just("egress_rules"),
    rules=LINE.map(lambda name: (name,) if name else ()),
)


@given(st.lists(GRANTS, max_size=4, unique_by=lambda grant: grant.id))
def test_what_is_written_is_read(grants: list[Grant]) -> None:
    assert parse_approvals(format_approvals(tuple(grants)), "f") == tuple(grants)


WRONG = [
    ("scope: host\n  host: h.test", "3:3: approvals[0]: the scope host needs port", 3),
    ("scope: host\n  host: h.test\n  port: 80\n  path: /x/", "the scope host does not look at path", 3),
    ("scope: path\n  host: h.test\n  port: 80\n  method: GET\n  path: x", "path is a folder", 3),
    ("scope: domain\n  domain: d.test\n  port: 80\n  kind: connect\n  url: http://h/", "does not look at url", 3),
    ("scope: url\n  method: CONNECT\n  url: https://h.test/\n  kind: connect", "a tunnel has a host and no url", 3),
    ("scope: process", "must be one of url, path, host, domain", 3),
    ("scope: payload", "must be one of", 3),
    ("scope: host\n  host: h.test\n  port: 80\n  layer: taint", "unknown key", 3),
    ("scope: host\n  host: h.test\n  port: 80\n  note: [a]", "approvals[0].note", 3),
    ("scope: host\n  host: h.test\n  port: 70000", "approvals[0].port", 3),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "said", "line"), WRONG)
def test_what_is_wrong_is_said_with_its_line_and_nothing_is_used(fields: str, said: str, line: int) -> None:
    good = "approvals:\n- {id: a, action: allow, scope: host, host: h.test, port: 80}\n"
    assert len(parse_approvals(good.encode(), "f")) == 1
    text = f"# by hand\napprovals:\n- id: b\n  action: allow\n  {fields}\n- {{id: a, action: allow, scope: host, host: h.test, port: 80}}\n"
    with pytest.raises(ConfigError) as caught:
        parse_approvals(text.encode(), "approvals.yaml")
    assert said in str(caught.value)
    assert str(caught.value).startswith("approvals.yaml:")
    assert caught.value.problems[0].line >= line


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"approvals: [\n", "not valid YAML"),
        (b"\xff\xfe", "f:1:1: not UTF-8 text"),
        (b"#" * (4 * 1024 * 1024 + 1), "larger than"),
        (b"[]", "expected keys and values"),
        (
            b"approvals:\n" + b"- {id: a, action: deny, scope: host, host: h, port: 1}\n" * 2,
            "two entries have the id a",
        ),
        (
            b"approvals:\n"
            + b"".join(b"- {id: a%d, action: deny, scope: host, host: h, port: 1}\n" % n for n in range(MAX_KEPT + 1)),
            "500 entries",
        ),
    ],
)
def test_a_file_that_is_none(data: bytes, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_approvals(data, "f")
    assert said in str(caught.value)


def test_whoever_knows_more_has_a_say() -> None:
    with pytest.raises(ConfigError, match="2:3: approvals\\[0\\]: not that host"):
        parse_approvals(
            b"approvals:\n- {id: a, action: deny, scope: host, host: h, port: 1}\n", "f",
            lambda grant: "not that host" if grant.host == "h" else "",
        )  # fmt: skip
