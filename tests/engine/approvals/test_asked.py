from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.engine.approvals.asked import (
    MAX_FOLDERS,
    Asked,
    asked_of,
    folder_of,
    is_domain,
    is_plain_path,
    key_of,
    lookup_keys,
)
from pipelock.model import Action, Decision, Direction, Identity, Kind, Process, Scope
from tests.factories import a_decision, a_finding, an_action

CLAUDE = Identity("claude", "claude@7|127.0.0.1", processes=(Process(9, 1, "curl"), Process(7, 1, "claude")))


def to(url: str, host: str, port: int = 443, **changes: object) -> Action:
    return an_action(url=url, host=host, port=port, **changes)


def asked(action: Action, decision: Decision | None = None, digest: str = "d") -> Asked:
    return asked_of(action, decision or a_decision(layer="egress_rules"), digest)


def covered(granted: Asked, scope: Scope, other: Asked) -> bool:
    return key_of(granted, scope) in lookup_keys(other)


SPELLINGS = [
    ("https://API.Example.com/v1/items", "API.Example.com"),
    ("https://api.example.com./v1/items", "api.example.com."),
    ("https://api.example.com:443/v1/items", "api.example.com"),
    ("HTTPS://api.example.com/v1/items", "api.example.com"),
    ("https://api%2eexample.com/v1/items", "api%2eexample.com"),
    ("https://ａｐｉ.example.com/v1/items", "ａｐｉ.example.com"),
    ("https://api.example.com/v1/items#fragment", "api.example.com"),
]


@pytest.mark.parametrize(("url", "host"), SPELLINGS)
@pytest.mark.parametrize("scope", [Scope.URL, Scope.PATH, Scope.HOST, Scope.DOMAIN])
def test_a_host_is_one_however_it_is_spelled(url: str, host: str, scope: Scope) -> None:
    assert covered(asked(to("https://api.example.com/v1/items", "api.example.com")), scope, asked(to(url, host)))


OTHERS = [
    ("https://api.example.com.evil.org/v1/items", "api.example.com.evil.org", 443),
    ("https://evil.org/api.example.com/v1/items", "evil.org", 443),
    ("https://api.example.com:8443/v1/items", "api.example.com", 8443),
    ("https://xn--pi-6kc.example.org/v1/items", "xn--pi-6kc.example.org", 443),
    ("https://аpi.example.org/v1/items", "аpi.example.org", 443),
    ("https://apiexample.com/v1/items", "apiexample.com", 443),
]


@pytest.mark.parametrize(("url", "host", "port"), OTHERS)
@pytest.mark.parametrize("scope", [Scope.URL, Scope.PATH, Scope.HOST, Scope.DOMAIN])
def test_what_only_looks_like_the_host_is_another(url: str, host: str, port: int, scope: Scope) -> None:
    granted = asked(to("https://api.example.com/v1/items", "api.example.com"))
    assert not covered(granted, scope, asked(to(url, host, port)))


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://api.example.com@evil.org/v1/x", "evil.org", 443),
        ("https://user:pass@api.example.com/v1/x", "api.example.com", 443),
        ("https://api.example.com/v1/x", "evil.org", 443),
        ("https://api.example.com/v1/x", "api.example.com", 8443),
        ("https://api.example.com\\@evil.org/v1/x", "evil.org", 443),
        ("no url", "api.example.com", 443),
        ("https://1.2.3.4.5/", "1.2.3.4.5", 443),
    ],
)
def test_what_has_no_single_reading_has_no_place(url: str, host: str, port: int) -> None:
    it = asked(to(url, host, port))
    assert (it.url, it.host, it.path, it.domain) == ("", "", "", "")
    assert [key[0] for key in lookup_keys(it)] == [Scope.PAYLOAD] * 2


TRICKS = [
    "/v1/../v2/x", "/v1/%2e%2e/v2/x", "/v1/.%2E/x", "/v1//x", "/v1/./x", "/v1/a;b/x", "/v1/..;/x", "/v1/%2fx",
    "/v1/%5c..%5cx", "/v1/\\..\\x", "/v1/%252e%252e/x", "/v1/x%00", "/v1/é", "/v1/a%3bb", "/v1/" + "a" * 2000,
    "/v1/%u002e%u002e/x", "/v1/a%", "/v1/%zz", "/v1/%c0%ae%c0%ae/x", "/v1/%EF%BC%8E%EF%BC%8E/x", "/v1/a%EF%BC%8Fb",
    "/v1/..%20/x", "/v1/.../x", "/v1/..%09/x", "/v1/a%0d%0ab", "/v1/a%23b", "/v1/..%20",
]  # fmt: skip


@pytest.mark.parametrize("path", TRICKS)
def test_no_trick_with_a_path_rides_on_a_folder(path: str) -> None:
    granted = asked(to("https://api.example.com/v1/items", "api.example.com"))
    assert not is_plain_path(path)
    assert not covered(granted, Scope.PATH, asked(to(f"https://api.example.com{path}", "api.example.com")))


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/v1/items", True), ("/v1/", True), ("/v1/a/b%20c?x=..", True), ("/v1/caf%C3%A9/.x%3D1", True), ("/v1", False), ("/v10/a", False),
     ("/V1/items", False), ("/", False), ("/x/v1/items", False)],
)  # fmt: skip
def test_a_folder_holds_what_lies_below_it(path: str, expected: bool) -> None:
    granted = asked(to("https://api.example.com/v1/items", "api.example.com"))
    assert covered(granted, Scope.PATH, asked(to(f"https://api.example.com{path}", "api.example.com"))) is expected


def test_folders_are_looked_up_to_a_depth() -> None:
    granted = asked(to("https://api.example.com/v1/items", "api.example.com"))
    near = "https://api.example.com/v1" + "/a" * (MAX_FOLDERS - 3) + "/x"
    far = "https://api.example.com/v1" + "/a" * MAX_FOLDERS + "/x"
    assert covered(granted, Scope.PATH, asked(to(near, "api.example.com")))
    assert not covered(granted, Scope.PATH, asked(to(far, "api.example.com")))
    assert folder_of("/v1/items") == folder_of("/v1/") == "/v1/"


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("api.example.com", "example.com"),
        ("example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("mine.github.io", "mine.github.io"),
        ("github.io", ""),
        ("co.uk", ""),
        ("com", ""),
        ("localhost", ""),
        ("db.corp.internal", ""),
        ("10.0.0.1", ""),
        ("[2001:db8::1]", ""),
    ],
)
def test_a_domain_is_what_somebody_registered(host: str, domain: str) -> None:
    assert asked(to(f"https://{host}/", host)).domain == domain
    assert is_domain(domain) is bool(domain)


@pytest.mark.parametrize("place", ["url", "url:query:token", "url:host", "headers", "header:x-pipelock-agent"])
def test_what_was_found_where_words_would_repeat_it_is_answered_for_itself_only(place: str) -> None:
    it = asked(an_action(), a_decision(findings=(a_finding(place=place),)))
    assert (it.url, it.host) == ("", "")


KINDS = [
    an_action(),
    an_action(kind=Kind.RESPONSE),
    an_action(kind=Kind.CONNECT),
    an_action(kind=Kind.CONNECT, opened=True),
    an_action(kind=Kind.MESSAGE),
    an_action(kind=Kind.MESSAGE, direction=Direction.INBOUND),
    an_action(kind=Kind.EVENT, direction=Direction.INBOUND),
]


def test_each_kind_and_direction_is_a_question_of_its_own() -> None:
    assert len({asked(action).kind for action in KINDS}) == len(KINDS)


@pytest.mark.parametrize("name", ["x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url"])
def test_a_header_that_means_another_method_or_path_rides_on_neither(name: str) -> None:
    granted = asked(to("https://api.example.com/v1/items", "api.example.com"))
    tricky = asked(to("https://api.example.com/v1/items", "api.example.com", headers=((name, "/admin"),)))
    assert [covered(granted, scope, tricky) for scope in (Scope.URL, Scope.PATH)] == [False, False]
    assert covered(granted, Scope.HOST, tricky), "anything to the host is anything"


FIELDS = {
    "agent": st.sampled_from(["claude", "codex", ""]),
    "program": st.sampled_from(["claude", "python", ""]),
    "kind": st.sampled_from(["request", "connect"]),
    "method": st.sampled_from(["GET", "POST"]),
    "url": st.sampled_from(["https://a.example.com/v/1", "https://b.example.com/v/1", ""]),
    "host": st.sampled_from(["a.example.com", "b.example.com", ""]),
    "port": st.sampled_from([443, 80]),
    "path": st.sampled_from(["/v/1", "/v/w/1", "/u/1", ""]),
    "domain": st.sampled_from(["example.com", "example.org", ""]),
    "layer": st.sampled_from(["egress_rules", "taint"]),
    "rules": st.sampled_from([(), ("posts",), ("posts", "uploads")]),
    "flagged": st.booleans(),
    "digest": st.sampled_from(["d1", "d2"]),
}
ASKED = st.builds(Asked, **FIELDS)
FIXED = {
    Scope.PAYLOAD: ("digest",),
    Scope.URL: ("method", "url"),
    Scope.PATH: ("method", "host", "port"),
    Scope.HOST: ("host", "port"),
    Scope.DOMAIN: ("domain", "port"),
    Scope.PROCESS: ("program",),
}


@given(ASKED, ASKED, st.sampled_from(Scope))
def test_an_answer_covers_nothing_that_differs_in_what_its_scope_fixes_or_is_asked_for_another_reason(
    granted: Asked, other: Asked, scope: Scope
) -> None:
    if not covered(granted, scope, other):
        return
    for name in (*FIXED[scope], "kind", "layer", "rules"):
        assert getattr(granted, name) == getattr(other, name), name
    for name in ("agent", "program"):
        assert getattr(granted, name) in ("", getattr(other, name)), name
    if scope is Scope.PATH:
        assert other.path.startswith(folder_of(granted.path))
    if other.flagged:
        assert scope in (Scope.PAYLOAD, Scope.URL)


@given(ASKED)
def test_every_answer_covers_what_it_was_given_for(it: Asked) -> None:
    scopes = [Scope.PAYLOAD]
    scopes += [Scope.URL] if it.url else []
    if not it.flagged:
        scopes += [Scope.PATH] if it.path and it.host else []
        scopes += [Scope.HOST] if it.host else []
        scopes += [Scope.DOMAIN] if it.host and it.domain else []
        scopes += [Scope.PROCESS] if it.program and it.host else []
    for scope in scopes:
        assert covered(it, scope, it), scope


def test_the_program_is_that_of_the_sessions_root() -> None:
    assert asked(an_action(identity=CLAUDE, agent="claude")).program == "claude"
    assert asked(an_action()).program == ""
