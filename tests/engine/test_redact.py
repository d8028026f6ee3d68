from __future__ import annotations

import pytest

from pipelock.config import loads
from pipelock.detect.hosts import HostSet
from pipelock.detect.redaction import Limits, Redactor
from pipelock.engine import Engine, Facts, KillSwitch, summarise
from pipelock.engine.compile_redaction import compile_redaction
from pipelock.engine.egress import EgressRules
from pipelock.engine.redact import Redaction, Route
from pipelock.model import BlockReason, Verdict
from tests.factories import FAKE_KEY, a_policy, an_action

MAIL = b'{"to": "a@b.example"}'
SENT = b'{"to": "<pl:email:1>"}'
MAILS = Redaction(Redactor(["email", "credit-card"], limits=Limits(max_depth=3)))
ASK_ALL = EgressRules([], Verdict.ASK)


def judged(body: bytes, content_type: str = "application/json", **policy):
    redaction = policy.pop("redaction", MAILS)
    engine = Engine(a_policy(redaction=redaction, **policy), KillSwitch())
    # An address needs no lookup.
    action = an_action(
        method="POST", url="http://93.184.216.34/in/x", host="93.184.216.34", body=body, content_type=content_type
    )
    return action, engine.adjudicate(action, Facts(1.0, 1.0))


def test_what_leaves_is_the_redacted_body():
    _, decision = judged(MAIL)
    assert (decision.verdict, decision.body, decision.redactions) == (Verdict.REDACT, SENT, {"email": 1})
    assert decision.reason == "placeholders stand for 1 email"
    assert decision.code is None


def test_a_body_without_anything_to_replace_goes_as_it_is():
    _, decision = judged(b'{"to": "nobody"}')
    assert (decision.verdict, decision.body, decision.redactions) == (Verdict.ALLOW, None, {})


def test_findings_are_those_of_the_body_that_leaves():
    redaction = Redaction(Redactor(["email"]))
    _, decision = judged(MAIL[:-1] + b', "k": "' + FAKE_KEY.encode() + b'"}', redaction=redaction)
    assert decision.verdict is Verdict.BLOCK
    assert decision.body is None
    span = decision.findings[0].span
    assert (SENT[:-1] + b', "k": "' + FAKE_KEY.encode() + b'"}')[span.start : span.end] == FAKE_KEY.encode()


@pytest.mark.parametrize("policy", [{}, {"enforce": False}, {"mode": "audit"}])
@pytest.mark.parametrize(("body", "content_type", "rule"), [
    (b'{"a": 4012888888881881}', "application/json", "secret_in_numeric_scalar"),
    (b'{"a": 1, "a": 2}', "application/json", "duplicate_object_key"),
    (b"[[[[1]]]]", "application/json", "json_depth_exceeded"),
    (b"{", "application/json", "body_unparseable"),
    (b"x", "image/png", "non_json_body"),
    (b"--x--", "multipart/form-data; boundary=x", "multipart_unsupported"),
])  # fmt: skip
def test_what_cannot_be_redacted_does_not_leave_in_any_mode(body, content_type, rule, policy):
    _, decision = judged(body, content_type, **policy)
    assert decision.verdict is Verdict.BLOCK
    assert decision.code is BlockReason.REDACTION_FAILURE
    assert (decision.layer, decision.findings[0].rule, decision.hard) == ("redaction", rule, True)


def test_a_person_is_shown_and_allows_what_leaves():
    action, decision = judged(MAIL, egress=ASK_ALL)
    assert (decision.verdict, decision.body) == (Verdict.ASK, SENT)
    assert summarise(action, decision).preview == SENT.decode()


ANY = HostSet(["93.184.216.34"])


@pytest.mark.parametrize(("route", "passes"), [
    (Route(ANY), True),
    (Route(HostSet(["other.example"])), False),
    (Route(ANY, methods=frozenset({"POST"}), prefixes=("/in/",), suffixes=("x",), types=frozenset({"image/png"})), True),
    (Route(ANY, methods=frozenset({"PUT"})), False),
    (Route(ANY, prefixes=("/out/",)), False),
    (Route(ANY, suffixes=(".png",)), False),
    (Route(ANY, types=frozenset({"image/jpeg"})), False),
])  # fmt: skip
def test_a_listed_route_may_have_bodies_that_nobody_can_redact(route, passes):
    _, decision = judged(b"x", "image/png", redaction=Redaction(MAILS.redactor, (route,)))
    assert (decision.verdict is Verdict.ALLOW) is passes


def test_no_route_may_go_beyond_a_limit_or_stay_unredacted():
    redaction = Redaction(MAILS.redactor, (Route(ANY),))
    assert judged(b"[[[[1]]]]", redaction=redaction)[1].verdict is Verdict.BLOCK
    assert judged(MAIL, redaction=redaction)[1].verdict is Verdict.REDACT


def test_a_path_with_two_readings_takes_no_route():
    route = Route(ANY, prefixes=("/in/",))
    assert route.covers(an_action(url="http://93.184.216.34/in/x"), "93.184.216.34")
    assert not route.covers(an_action(url="http://93.184.216.34/in/%2e%2e/x"), "93.184.216.34")
    assert not route.covers(an_action(url="http://[/in/"), "93.184.216.34")


CONFIG = """
redaction:
  enabled: true
  default_profile: code
  profiles: {code: {classes: [email, seed-phrase], dictionaries: [names]}}
  dictionaries: {names: {class: codename, entries: [Bluebird], case_insensitive: true, word_boundary: true, priority: 99}}
  limits: {max_depth: 9}
  allowlist_unparseable: ["*.files.example"]
  allowlist_unparseable_routes: [{host: upload.example, path_prefixes: [/raw/]}]
"""


def test_a_configuration_becomes_a_profile():
    redaction = compile_redaction(loads(CONFIG, "c.yaml").config, (), None)
    assert redaction.redactor.limits.max_depth == 9
    result = redaction.apply(an_action(body=b'["BLUEBIRD a@b.example"]', content_type="application/json"))
    assert result.body == b'["<pl:codename:1> <pl:email:1>"]'
    assert len(redaction.routes) == 2


def test_a_body_of_two_types_is_of_none():
    headers = (("content-type", "application/json"), ("content-type", "text/plain"))
    (finding,) = MAILS.apply(an_action(body=MAIL, content_type="text/plain", headers=headers)).findings
    assert finding.rule == "body_unparseable"


PROVIDERS = CONFIG + "  providers: {house: {host_patterns: [llm.example]}, openai: {host_patterns: [gone.example]}}\n"


@pytest.mark.parametrize(("host", "path", "read"), [
    ("api.anthropic.com", "/v1/messages", True),
    ("api.anthropic.com", "/files", False),
    ("llm.example", "/any", True),
    ("api.openai.com", "/v1/chat/completions", False),
    ("gone.example", "/", True),
])  # fmt: skip
def test_a_providers_bodies_are_json_whatever_they_say(host, path, read):
    redaction = compile_redaction(loads(PROVIDERS, "c.yaml").config, (), None)
    action = an_action(url=f"https://{host}{path}", host=host, body=b'{"a": 1} x', content_type="text/plain")
    assert [finding.rule for finding in redaction.apply(action).findings] == (["body_unparseable"] if read else [])
