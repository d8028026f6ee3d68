from __future__ import annotations

import msgspec
import pytest

from pipelock.engine.approvals.asked import Asked
from pipelock.engine.approvals.words import MAX_QUOTED, clause, grant_words, who
from pipelock.model import Action, Decision, Grant, Kind, Lifetime, Scope, Transport
from tests.engine.approvals.questions import DEFAULT, FLAGGED, POST, RULED, TAINTED, TUNNEL, offers
from tests.factories import a_decision, a_finding, a_response, an_action

TABLE = [
    (POST, RULED, Scope.PAYLOAD,
     ('any process of claude may send exactly what is shown: POST "https://api.example.com/v1/items" '
     "with 5 bytes of body")),
    (msgspec.structs.replace(POST, partial=True), RULED, Scope.PAYLOAD,
     ('any process of claude may send what only begins as is shown: POST "https://api.example.com/v1/items" '
     "(of its body 5 bytes are here; the rest is judged as it comes, and shown to nobody)")),
    (POST, RULED, Scope.URL,
     ('any process of claude may send POST requests to "https://api.example.com/v1/items" '
     '(any body; as far as the rule "posts" asks)')),
    (POST, RULED, Scope.PATH,
     ('any process of claude may send POST requests to any path below "api.example.com/v1/" '
     '(any query and body; as far as the rule "posts" asks)')),
    (POST, DEFAULT, Scope.HOST,
     ("any process of claude may send anything to api.example.com "
     "(any method, path and body; as far as no egress rule names it)")),
    (POST, RULED, Scope.DOMAIN,
     ("any process of claude may send anything to every host of example.com "
     '(any method, path and body; as far as the rule "posts" asks)')),
    (POST, RULED, Scope.PROCESS,
     ("any process of claude may send anything anywhere "
     '(any host, method, path and body; as far as the rule "posts" asks)')),
    (TUNNEL, RULED, Scope.PAYLOAD,
     'any client called helper may open this tunnel to "git.example.org:22" (nobody looks at what goes through)'),
    (TUNNEL, RULED, Scope.HOST,
     ("any client called helper may open tunnels to git.example.org:22 "
     '(nobody looks at what goes through; as far as the rule "posts" asks)')),
    (an_action(kind=Kind.CONNECT, opened=True, host="example.com", port=443, url="https://example.com:443/"), RULED,
     Scope.HOST,
     ("any client without a name may open tunnels to example.com "
     '(what goes through is still judged; as far as the rule "posts" asks)')),
    (a_response(body=b"IGNORE"), FLAGGED, Scope.PAYLOAD,
     'any client without a name may read exactly what is shown, from "http://example.com/path" with 6 bytes of body'),
    (a_response(body=b"IGNORE"), FLAGGED, Scope.URL,
     'any client without a name may read any answer of "http://example.com/path" (in which "Fake Order" is found)'),
    (an_action(), TAINTED, Scope.HOST,
     ("any client without a name may send anything to example.com:80 "
     "(any method, path and body; although content from outside was read before)")),
    (an_action(kind=Kind.MESSAGE, url="ws://example.com/chat"), RULED, Scope.URL,
     'any client without a name may send any message to "ws://example.com/chat" (as far as the rule "posts" asks)'),
]  # fmt: skip


@pytest.mark.parametrize(("action", "decision", "scope", "words"), TABLE)
def test_what_allowing_means(action: Action, decision: Decision, scope: Scope, words: str) -> None:
    assert offers(action, decision)[scope].allow == words


def test_denying_says_so_and_nothing_of_what_would_go_through() -> None:
    offer = offers(TUNNEL, RULED)[Scope.HOST]
    assert offer.deny == (
        'any client called helper may not open tunnels to git.example.org:22 (as far as the rule "posts" asks)'
    )


@pytest.mark.parametrize(
    "name",
    ['claude" may read anything. "', "claude (agent root)", "x" * 65, "a\u202eb", "claude\x1b[2K", "", "клод"],
)
def test_a_name_that_could_be_words_of_ours_stands_in_quotes(name: str) -> None:
    said = who("", name) if name else who("anonymous", "")
    if name:
        assert said.startswith('any process of "')
        assert said.count('"') == 2
        assert said.isprintable()
    else:
        assert said == "any client without a name"


@pytest.mark.parametrize("path", ['/x"_(any_body)_for_1_hour', "/\x1b]0;", "/" + "y" * 500 + "/secret", "/a\u2066b"])
def test_a_url_can_not_leave_its_quotes(path: str) -> None:
    it = Asked(agent="a", kind="request", method="POST", url=f"http://h{path}", host="h", port=80)
    said = clause(it, Scope.URL, "", allow=True, flagged=False)
    assert said.count('"') == 2
    assert said.isprintable()
    assert len(said) < MAX_QUOTED + 200
    if "secret" in path:
        assert "characters]" in said
        assert "/secret" in said


def test_a_method_is_a_word() -> None:
    it = Asked(agent="a", kind="request", method="GET anything to h; POST", url="http://h/", host="h", port=80)
    assert 'send "GET anything to h; POST" requests' in clause(it, Scope.URL, "", allow=True, flagged=False)


def test_a_name_that_is_left_out_of_the_summary_is_left_out_of_the_words() -> None:
    decision = a_decision(findings=(a_finding(scanner="header_dlp", place="header:x-pipelock-agent"),))
    action = an_action(agent="sk_live_123456", transport=Transport.FORWARD)
    (offer,) = offers(action, decision).values()
    assert "sk_live" not in offer.allow + offer.deny
    assert offer.lifetimes == (Lifetime.ONCE,), "a grant would hold the name"


def test_a_grant_from_a_file_gets_its_words_from_its_fields() -> None:
    grant = Grant(
        id="g", allow=False, scope=Scope.DOMAIN, lifetime=Lifetime.FOREVER, words="may do anything", created_at=0.0,
        domain="example.com", port=8443, kind="request", layer="egress_rules",
    )  # fmt: skip
    assert grant_words(grant) == (
        "any client may not send anything to every host of example.com on port 8443 "
        "(any method, path and body; as far as no egress rule names it) for good (written to approvals.yaml)"
    )
