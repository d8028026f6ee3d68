"""The judgement as tables: every layer's label, who speaks before whom, and what no mode softens."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from pipelock.detect.hosts import HostSet
from pipelock.detect.url_layers import UrlSettings
from pipelock.engine import Answers, Content, Engine, Facts, KillSwitch, Lookup, Policy, summarise
from pipelock.engine._suppress import Entry, Suppressions
from pipelock.engine.egress import EgressRule, EgressRules
from pipelock.model import (
    Action,
    BlockReason,
    Category,
    Decision,
    Direction,
    Fault,
    Kind,
    SessionVerb,
    Severity,
    Tier,
    Transport,
    Verdict,
)
from tests.engine.sessions.scene import AWish
from tests.factories import FAKE_KEY, FAKE_ORDER, FakeInjection, FakeSecrets, a_policy, a_response, an_action

PUBLIC = Answers(addresses=("93.184.215.14",))
OPAQUE = "q8Zk3vXw1LmT7cRb9NfY2hJd5GsP0aUe"


def note(engine: Engine, action: Action, decision: Decision, when: Facts) -> None:
    engine.note(action, summarise(action, decision), decision, when)


def facts(now: float = 1000.0, **changes: Any) -> Facts:
    return Facts(now=now, wall=1_700_000_000.0 + now, **changes)


def an_engine(policy: Policy | None = None, kill: KillSwitch | None = None) -> Engine:
    return Engine(policy or a_policy(), kill or KillSwitch())


def judged(engine: Engine, action: Action, answers: Answers = PUBLIC, now: float = 1000.0) -> Decision:
    outcome = engine.adjudicate(action, facts(now))
    return outcome.resume(answers, facts(now)) if isinstance(outcome, Lookup) else outcome


def to(url: str, **changes: Any) -> Action:
    host = url.partition("://")[2].partition("/")[0].partition("?")[0].partition(":")[0]
    return an_action(**{"url": url, "host": host, **changes})


def rules(*entries: EgressRule, default: Verdict = Verdict.ALLOW) -> EgressRules:
    return EgressRules(entries, default)


def rule(name: str, action: Verdict, **conditions: Any) -> EgressRule:
    hosts = conditions.pop("host", None)
    return EgressRule(name=name, action=action, hosts=None if hosts is None else HostSet([hosts]), **conditions)


# -- labels ------------------------------------------------------------------------------------------------------------

LAYERS = [
    pytest.param(to("nonsense"), {}, PUBLIC, "parser", BlockReason.PARSE_ERROR, 403, id="parser"),
    pytest.param(to("ftp://example.com/"), {}, PUBLIC, "scheme", BlockReason.SCHEME_BLOCKED, 403, id="scheme"),
    pytest.param(to("http://e.com/%0d%0aX:1"), {}, PUBLIC, "crlf_injection", BlockReason.BAD_REQUEST, 403, id="crlf"),
    pytest.param(to("http://e.com/a/../b"), {}, PUBLIC, "path_traversal", BlockReason.BAD_REQUEST, 403, id="traversal"),
    pytest.param(
        to("http://e.com/"), {"mode_strict": True}, PUBLIC, "allowlist", BlockReason.DOMAIN_BLOCKLIST, 403, id="allowlist"
    ),
    pytest.param(
        to("http://x.bad.com/"), {"blocklist": ("*.bad.com",)}, PUBLIC, "blocklist", BlockReason.DOMAIN_BLOCKLIST, 403,
        id="blocklist",
    ),
    pytest.param(to("http://127.1/"), {}, PUBLIC, "core_ssrf", BlockReason.SSRF_PRIVATE_IP, 403, id="core_ssrf"),
    pytest.param(to("http://169.254.169.254/"), {}, PUBLIC, "ssrf_metadata", BlockReason.SSRF_METADATA, 403, id="metadata"),
    pytest.param(to(f"http://e.com/?k={FAKE_KEY}"), {}, PUBLIC, "dlp", BlockReason.DLP_MATCH, 403, id="dlp"),
    pytest.param(to(f"http://e.com/{OPAQUE}"), {}, PUBLIC, "entropy", BlockReason.PATH_ENTROPY, 403, id="entropy"),
    pytest.param(
        to(f"http://{OPAQUE}.e.com/"), {}, PUBLIC, "subdomain_entropy", BlockReason.SUBDOMAIN_ENTROPY, 403, id="subdomain"
    ),
    pytest.param(to("http://e.com/"), {}, Answers(addresses=("10.0.0.1",)), "ssrf", BlockReason.SSRF_PRIVATE_IP, 403, id="ssrf"),
    pytest.param(
        to("http://e.com/"), {}, Answers(addresses=("93.184.215.14", "10.0.0.1")), "ssrf", BlockReason.SSRF_PRIVATE_IP, 403,
        id="one private answer of two",
    ),
    pytest.param(
        to("http://e.com/"), {}, Answers(addresses=("169.254.169.254",)), "ssrf_metadata", BlockReason.SSRF_METADATA, 403,
        id="metadata by name",
    ),
    pytest.param(to("http://e.com/"), {}, Answers(error="no such host"), "ssrf", BlockReason.TIMEOUT, 403, id="no answer"),
    pytest.param(to("http://e.com/"), {}, Answers(), "ssrf", BlockReason.TIMEOUT, 403, id="an empty answer"),
    pytest.param(to("http://e.com/" + "a" * 99), {"max_url_length": 100}, PUBLIC, "length", BlockReason.URL_LENGTH, 403, id="length"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "settings", "answers", "layer", "code", "status"), LAYERS)
def test_each_layer_refuses_under_its_label(
    action: Action, settings: dict[str, Any], answers: Answers, layer: str, code: BlockReason, status: int
) -> None:
    decision = judged(an_engine(a_policy(UrlSettings(**settings))), action, answers)
    assert (decision.verdict, decision.layer, decision.code, decision.status) == (Verdict.BLOCK, layer, code, status)
    assert decision.reason
    assert decision.hint
    assert decision.addresses == ()
    assert decision.policy == "p1"


@pytest.mark.parametrize(
    "url", ["http://example.com/", "https://example.com/a/b?c=d", "http://example.com:8080/", "http://93.184.215.14/"]
)
def test_a_clean_request_passes_and_dials_what_was_judged(url: str) -> None:
    decision = judged(an_engine(), to(url))
    assert (decision.verdict, decision.layer, decision.findings) == (Verdict.ALLOW, "", ())
    assert decision.addresses == PUBLIC.addresses


def test_nothing_that_is_refused_before_dns_is_looked_up() -> None:
    for param in LAYERS[:11]:
        action, settings = param.values[0], param.values[1]
        assert isinstance(an_engine(a_policy(UrlSettings(**settings))).adjudicate(action, facts()), Decision)


ORDER = [
    # A request that offends every layer at once, less and less of it.
    (f"http://169.254.169.254/../{FAKE_KEY}%0d%0a", "crlf_injection"),
    (f"http://169.254.169.254/../{FAKE_KEY}", "path_traversal"),
    (f"http://169.254.169.254/{FAKE_KEY}", "ssrf_metadata"),
    (f"http://x.bad.com/{FAKE_KEY}/{OPAQUE}", "blocklist"),
    (f"http://{OPAQUE}.e.com/{FAKE_KEY}/{OPAQUE}", "dlp"),
    (f"http://{OPAQUE}.e.com/{OPAQUE}", "entropy"),
    (f"http://{OPAQUE}.e.com/", "subdomain_entropy"),
]


@pytest.mark.parametrize(("url", "layer"), ORDER)
def test_the_earlier_layer_speaks(url: str, layer: str) -> None:
    policy = a_policy(UrlSettings(blocklist=("*.bad.com",)), egress=rules(default=Verdict.BLOCK))
    assert judged(an_engine(policy), to(url, body=FAKE_KEY.encode())).layer == layer


def test_strict_allows_what_is_listed() -> None:
    engine = an_engine(a_policy(UrlSettings(mode_strict=True, api_allowlist=("*.example.com",))))
    assert judged(engine, to("http://api.example.com/")).verdict is Verdict.ALLOW
    assert judged(engine, to("http://example.org/")).layer == "allowlist"


# -- headers and bodies ------------------------------------------------------------------------------------------------


def post(**changes: Any) -> Action:
    return an_action(**{"method": "POST", "body": f"key={FAKE_KEY}".encode(), **changes})


@pytest.mark.parametrize("kind", [Kind.REQUEST, Kind.CONNECT])
def test_a_key_in_a_header_is_refused_before_the_lookup(kind: Kind) -> None:
    outcome = an_engine().adjudicate(an_action(kind=kind, headers=(("x-tool", FAKE_KEY),)), facts())
    assert isinstance(outcome, Decision)
    assert (outcome.verdict, outcome.layer, outcome.code) == (Verdict.BLOCK, "header_dlp", BlockReason.DLP_MATCH)


@pytest.mark.parametrize(
    ("severity", "action", "verdict"),
    [
        (Severity.CRITICAL, Verdict.WARN, Verdict.BLOCK),
        (Severity.CRITICAL, Verdict.BLOCK, Verdict.BLOCK),
        (Severity.HIGH, Verdict.WARN, Verdict.WARN),
        (Severity.HIGH, Verdict.BLOCK, Verdict.BLOCK),
    ],
)
def test_a_key_in_a_body_is_as_bad_as_its_rule_says(severity: Severity, action: Verdict, verdict: Verdict) -> None:
    decision = judged(an_engine(a_policy(secrets=FakeSecrets(severity), body_action=action)), post())
    assert (decision.verdict, decision.layer) == (verdict, "body_dlp")
    assert decision.code is (BlockReason.DLP_MATCH if verdict is Verdict.BLOCK else None)
    assert decision.enforced


def test_a_rule_that_only_warns_warns_wherever_it_matches() -> None:
    engine = an_engine(a_policy(secrets=FakeSecrets(warns=True), body_action=Verdict.BLOCK))
    for action in (post(), to(f"http://e.com/?k={FAKE_KEY}"), an_action(headers=(("x", FAKE_KEY),))):
        assert judged(engine, action).verdict is Verdict.WARN


def suppressing(**changes: Any) -> Engine:
    entry = Entry(**{"rule": "Fake Key", "path": "http://example.com/*", **changes})
    return an_engine(a_policy(suppressions=Suppressions([entry])))


def test_a_suppressed_finding_is_told_and_changes_nothing_but_a_url_is_judged_all_the_same() -> None:
    engine = suppressing()
    decision = judged(engine, post())
    assert (decision.verdict, decision.findings) == (Verdict.ALLOW, ())
    assert [finding.rule for finding in decision.suppressed] == ["Fake Key"]
    assert judged(engine, post(url="http://example.org/")).verdict is Verdict.BLOCK
    assert judged(engine, to(f"http://example.com/?k={FAKE_KEY}")).layer == "dlp"


def test_an_entry_that_names_the_place_in_the_url_holds_there_and_nowhere_else() -> None:
    engine = suppressing(field="url:query:k")
    decision = judged(engine, to(f"http://example.com/?k={FAKE_KEY}"))
    assert (decision.verdict, len(decision.suppressed)) == (Verdict.ALLOW, 1)
    assert judged(engine, to(f"http://example.com/?other={FAKE_KEY}")).layer == "dlp"
    assert judged(engine, post()).layer == "body_dlp"


def test_what_is_suppressed_keeps_no_later_layer_from_looking() -> None:
    engine = suppressing(field="url:query:k")
    assert judged(engine, to(f"http://example.com/{OPAQUE}?k={FAKE_KEY}")).layer == "entropy"


def test_an_entry_ends_with_its_time() -> None:
    engine = suppressing(expires=facts(60.0).wall)
    assert judged(engine, post(), now=59.0).verdict is Verdict.ALLOW
    assert judged(engine, post(), now=60.0).verdict is Verdict.BLOCK


def test_a_scan_made_elsewhere_is_used_under_its_own_policy_only() -> None:
    engine = an_engine()
    outcome = engine.adjudicate(post(), facts(content=Content((), "p1")))
    assert isinstance(outcome, Lookup)
    stale = engine.adjudicate(post(), facts(content=Content((), "p0")))
    assert isinstance(stale, Decision)
    assert stale.layer == "body_dlp"
    assert engine.inspect(post()).policy == "p1"


# -- responses ---------------------------------------------------------------------------------------------------------

PAGE = f"hello. {FAKE_ORDER} now. bye".encode()


@pytest.mark.parametrize("action", [Verdict.BLOCK, Verdict.WARN, Verdict.ASK])
def test_an_order_in_a_response_does_what_the_section_says(action: Verdict) -> None:
    decision = judged(an_engine(a_policy(response_action=action)), a_response(body=PAGE))
    assert (decision.verdict, decision.layer) == (action, "response_scan")
    assert decision.code is (BlockReason.PROMPT_INJECTION if action is Verdict.BLOCK else None)
    assert decision.body is None


def test_a_strip_takes_the_order_out_and_leaves_the_rest() -> None:
    decision = judged(an_engine(a_policy(response_action=Verdict.STRIP)), a_response(body=PAGE))
    assert decision.verdict is Verdict.STRIP
    assert decision.body is not None
    assert FAKE_ORDER.encode() not in decision.body
    assert decision.body.startswith(b"hello. ")
    assert decision.body.endswith(b" now. bye")


def test_a_strip_that_knows_no_place_to_cut_is_a_block() -> None:
    policy = a_policy(response_action=Verdict.STRIP, injection=FakeInjection(hidden=True))
    decision = judged(an_engine(policy), a_response(body=PAGE))
    assert (decision.verdict, decision.code, decision.body) == (Verdict.BLOCK, BlockReason.PROMPT_INJECTION, None)


def test_a_strip_that_changes_nothing_is_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelock.engine.settle.strip", lambda body, _findings: body)
    decision = judged(an_engine(a_policy(response_action=Verdict.STRIP)), a_response(body=PAGE))
    assert (decision.verdict, decision.status, decision.body) == (Verdict.BLOCK, 403, None)


@pytest.mark.parametrize("host", ["docs.example.com", "DOCS.Example.COM", "docs.example.com."])
def test_of_an_exempt_host_the_core_alone_counts_however_it_is_spelled(host: str) -> None:
    engine = an_engine(a_policy(response_exempt=HostSet(["*.example.com"])))
    assert judged(engine, a_response(body=PAGE, host=host)).verdict is Verdict.ALLOW
    assert judged(engine, a_response(body=PAGE, host="example.org")).verdict is Verdict.BLOCK


def test_an_exempt_host_is_not_trusted_with_what_the_core_finds() -> None:
    engine = an_engine(a_policy(response_exempt=HostSet(["*.example.com"]), injection=FakeInjection(core=True)))
    decision = judged(engine, a_response(body=PAGE, host="docs.example.com"))
    assert (decision.verdict, decision.layer) == (Verdict.BLOCK, "core_response")


def test_switched_off_only_the_core_floor_is_left_and_it_blocks() -> None:
    assert judged(an_engine(a_policy(scan_responses=False)), a_response(body=PAGE)).verdict is Verdict.ALLOW
    policy = a_policy(scan_responses=False, response_action=Verdict.WARN, injection=FakeInjection(core=True))
    decision = judged(an_engine(policy), a_response(body=PAGE))
    assert (decision.verdict, decision.layer) == (Verdict.BLOCK, "core_response")


def test_a_clean_or_empty_response_passes() -> None:
    assert judged(an_engine(), a_response(body=b"hello")).verdict is Verdict.ALLOW
    assert judged(an_engine(), a_response()).verdict is Verdict.ALLOW


# -- egress rules ------------------------------------------------------------------------------------------------------


def test_the_first_match_decides_and_names_itself() -> None:
    engine = an_engine(
        a_policy(
            egress=rules(
                rule("reads", Verdict.ALLOW, methods=frozenset({"GET"})),
                rule("posts", Verdict.ASK, methods=frozenset({"POST"}), reason="it writes"),
                rule("rest", Verdict.BLOCK),
            )
        )
    )
    assert judged(engine, an_action()).rule == "reads"
    asked = judged(engine, an_action(method="POST"))
    assert (asked.verdict, asked.rule, asked.layer, asked.code, asked.status) == (
        Verdict.ASK, "posts", "egress_rules", None, 0,
    )  # fmt: skip
    assert asked.reason == 'the egress rule "posts" asks a person about this request: it writes'
    assert asked.addresses == PUBLIC.addresses
    blocked = judged(engine, an_action(method="DELETE"))
    assert (blocked.verdict, blocked.rule, blocked.code, blocked.status) == (
        Verdict.BLOCK, "rest", BlockReason.REQUEST_POLICY_DENY, 403,
    )  # fmt: skip
    assert blocked.reason == 'the egress rule "rest" blocks this request'


@pytest.mark.parametrize("default", [Verdict.ALLOW, Verdict.ASK, Verdict.BLOCK])
def test_the_default_holds_where_no_rule_names_a_request(default: Verdict) -> None:
    decision = judged(an_engine(a_policy(egress=rules(default=default))), an_action())
    assert (decision.verdict, decision.rule) == (default, "")
    assert ("egress_default" in decision.reason) is (default is not Verdict.ALLOW)


def test_a_rule_can_demand_more_than_the_scanners_and_never_less() -> None:
    allow_all = rules(rule("all", Verdict.ALLOW))
    assert judged(an_engine(a_policy(egress=allow_all)), post()).verdict is Verdict.BLOCK
    assert judged(an_engine(a_policy(egress=allow_all)), to("http://127.0.0.1/")).verdict is Verdict.BLOCK
    warned = a_policy(secrets=FakeSecrets(Severity.HIGH), egress=rules(rule("ask", Verdict.ASK)))
    decision = judged(an_engine(warned), post())
    assert (decision.verdict, decision.layer) == (Verdict.ASK, "egress_rules")
    assert [finding.rule for finding in decision.findings] == ["Fake Key"]


def test_what_an_ask_rule_names_is_not_asked_about_when_it_is_refused_hard() -> None:
    engine = an_engine(a_policy(egress=rules(rule("ask", Verdict.ASK))))
    for action, answers in (
        (to("http://127.0.0.1/"), PUBLIC),
        (to("http://e.com/"), Answers(error="down")),
        (an_action(fault=Fault(BlockReason.PARSE_ERROR, "bad")), PUBLIC),
    ):
        decision = judged(engine, action, answers)
        assert (decision.verdict, decision.hard) == (Verdict.BLOCK, True)


def test_a_rule_that_warns_warns() -> None:
    decision = judged(an_engine(a_policy(egress=rules(rule("eye", Verdict.WARN)))), an_action())
    assert (decision.verdict, decision.rule, decision.layer, decision.code) == (
        Verdict.WARN,
        "eye",
        "egress_rules",
        None,
    )


@pytest.mark.parametrize(
    "path",
    [
        "/admin/x", "//admin/x", "/%61dmin/x", "/%2561dmin/x", "/./admin/x", "/%2e/admin/x", "/admin//x", "/admin/./x",
        "/admin%2fx", "/admin%5cx", "///./admin/x?y=1", "/admin/",
    ],
)  # fmt: skip
def test_a_path_rule_holds_for_every_spelling(path: str) -> None:
    engine = an_engine(a_policy(egress=rules(rule("admin", Verdict.BLOCK, path="/admin/*"))))
    assert judged(engine, to(f"http://e.com{path}")).rule == "admin"


@pytest.mark.parametrize("path", ["/administrator/x", "/x/admin/y", "/admin", "/?/admin/x"])
def test_a_path_rule_does_not_hold_for_its_neighbours(path: str) -> None:
    engine = an_engine(a_policy(egress=rules(rule("admin", Verdict.BLOCK, path="/admin/*"))))
    assert judged(engine, to(f"http://e.com{path}")).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("conditions", "changes", "matches"),
    [
        ({"host": "*.e.com"}, {"url": "http://A.E.COM/", "host": "A.E.COM"}, True),
        ({"host": "*.e.com"}, {"url": "http://e.com./", "host": "e.com."}, True),
        ({"host": "*.e.com"}, {"url": "http://xe.com/", "host": "xe.com"}, False),
        ({"methods": frozenset({"POST"})}, {"method": "post"}, True),
        ({"methods": frozenset({"CONNECT"})}, {"kind": Kind.CONNECT, "method": "CONNECT"}, True),
        ({"port": 8443}, {"url": "https://e.com:8443/"}, True),
        ({"port": 443}, {"url": "https://e.com/"}, True),
        ({"port": 443}, {"url": "http://e.com/"}, False),
        ({"agent": "ci-*"}, {"agent": "ci-7"}, True),
        ({"agent": "ci-*"}, {"agent": "anonymous"}, False),
    ],
)
def test_conditions(conditions: dict[str, Any], changes: dict[str, Any], matches: bool) -> None:
    engine = an_engine(a_policy(egress=rules(rule("r", Verdict.BLOCK, **conditions))))
    assert (judged(engine, an_action(**changes)).verdict is Verdict.BLOCK) is matches


# -- modes -------------------------------------------------------------------------------------------------------------

SOFT = [
    pytest.param(to("http://e.com/a/../b"), PUBLIC, "path_traversal", id="traversal"),
    pytest.param(to(f"http://e.com/?k={FAKE_KEY}"), PUBLIC, "dlp", id="url"),
    pytest.param(post(), PUBLIC, "body_dlp", id="body"),
    pytest.param(an_action(headers=(("x", FAKE_KEY),)), PUBLIC, "header_dlp", id="header"),
    pytest.param(to("http://e.com/"), Answers(addresses=("10.0.0.1",)), "ssrf", id="private answer"),
    pytest.param(a_response(body=PAGE), PUBLIC, "response_scan", id="response"),
]
HARD = [
    pytest.param(to("gopher://e.com/"), PUBLIC, "scheme", id="scheme"),
    pytest.param(to("http://e.com:99999/"), PUBLIC, "parser", id="parser"),
    pytest.param(to("http://[::1]/"), PUBLIC, "core_ssrf", id="private literal"),
    pytest.param(to("http://metadata.google.internal/"), PUBLIC, "ssrf_metadata", id="metadata"),
    pytest.param(to("http://e.com/"), Answers(error="down"), "ssrf", id="no address"),
    pytest.param(an_action(fault=Fault(BlockReason.BAD_REQUEST, "bad", 400)), PUBLIC, "parser", id="fault"),
    pytest.param(
        an_action(kind=Kind.CLIENT_HELLO, server_name="other.com"), PUBLIC, "sni_mismatch", id="another server name"
    ),
]


@pytest.mark.parametrize(("action", "answers", "layer"), SOFT)
def test_without_enforcement_a_finding_is_a_warning_that_says_so(action: Action, answers: Answers, layer: str) -> None:
    assert judged(an_engine(), action, answers).verdict is Verdict.BLOCK
    decision = judged(an_engine(a_policy(mode="audit", enforce=False)), action, answers)
    assert (decision.verdict, decision.enforced, decision.layer, decision.code, decision.status) == (
        Verdict.WARN, False, layer, None, 0,
    )  # fmt: skip
    assert decision.findings


@pytest.mark.parametrize(("action", "answers", "layer"), HARD)
@pytest.mark.parametrize("enforce", [True, False])
def test_what_is_hard_blocks_in_every_mode(action: Action, answers: Answers, layer: str, enforce: bool) -> None:
    decision = judged(an_engine(a_policy(enforce=enforce)), action, answers)
    assert (decision.verdict, decision.layer, decision.hard, decision.enforced) == (Verdict.BLOCK, layer, True, True)
    assert decision.code is not None


@pytest.mark.parametrize("action", [Verdict.ASK, Verdict.BLOCK])
def test_without_enforcement_a_rule_warns(action: Verdict) -> None:
    decision = judged(an_engine(a_policy(enforce=False, egress=rules(rule("r", action)))), an_action())
    assert (decision.verdict, decision.enforced, decision.rule, decision.code) == (Verdict.WARN, False, "r", None)
    assert decision.addresses == PUBLIC.addresses


@pytest.mark.parametrize("action", [Verdict.STRIP, Verdict.ASK, Verdict.BLOCK])
def test_without_enforcement_a_response_is_left_as_it_is(action: Verdict) -> None:
    decision = judged(an_engine(a_policy(enforce=False, response_action=action)), a_response(body=PAGE))
    assert (decision.verdict, decision.enforced, decision.body) == (Verdict.WARN, False, None)


def test_a_hard_finding_behind_soft_ones_still_gives_the_reason() -> None:
    action = to(f"http://e.com/?k={FAKE_KEY}")
    decision = judged(an_engine(a_policy(enforce=False)), action, Answers(error="down"))
    assert (decision.verdict, decision.layer, decision.code) == (Verdict.BLOCK, "ssrf", BlockReason.TIMEOUT)
    assert [finding.scanner for finding in decision.findings] == ["ssrf", "dlp"]


# -- limits ------------------------------------------------------------------------------------------------------------


def limited(**changes: Any) -> Engine:
    return an_engine(a_policy(UrlSettings(max_url_length=100), **changes))


def test_the_rate_limit_counts_by_registrable_domain_and_forgets_after_a_minute() -> None:
    engine = limited(max_requests_per_minute=2)
    assert judged(engine, to("http://a.example.com/")).verdict is Verdict.ALLOW
    assert judged(engine, to("http://b.example.com/")).verdict is Verdict.ALLOW
    third = judged(engine, to("http://example.com/"))
    assert (third.verdict, third.layer, third.code, third.status) == (
        Verdict.BLOCK, "ratelimit", BlockReason.RATE_LIMIT, 429,
    )  # fmt: skip
    assert third.findings[0].category is Category.PROTECTIVE
    assert judged(engine, to("http://example.org/")).verdict is Verdict.ALLOW
    assert judged(engine, to("http://example.com/"), now=1061.0).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("action", "answers"),
    [
        (post(), PUBLIC),
        (to(f"http://example.com/?k={FAKE_KEY}"), PUBLIC),
        (to("http://example.com/"), Answers(error="down")),
        (to("http://example.com/" + "a" * 100), PUBLIC),
    ],
)
def test_what_is_refused_for_another_reason_uses_up_no_quota(action: Action, answers: Answers) -> None:
    engine = limited(max_requests_per_minute=1)
    assert judged(engine, action, answers).verdict is Verdict.BLOCK
    assert judged(engine, an_action()).verdict is Verdict.ALLOW
    assert judged(engine, an_action()).layer == "ratelimit"


def test_what_is_judged_again_is_neither_counted_nor_limited_twice() -> None:
    engine = limited(max_requests_per_minute=1)
    assert judged(engine, an_action()).verdict is Verdict.ALLOW
    outcome = engine.adjudicate(an_action(), facts(again=True))
    assert isinstance(outcome, Lookup)
    assert outcome.resume(PUBLIC, facts(again=True)).verdict is Verdict.ALLOW


def test_rate_speaks_before_length_and_length_before_budget() -> None:
    engine = limited(max_requests_per_minute=1, max_data_per_minute=10)
    note(engine, a_response(size=11), Decision(action_id="t-1", verdict=Verdict.ALLOW), facts())
    long = to("http://example.com/" + "a" * 100)
    assert judged(engine, long).layer == "length"
    budget = judged(engine, an_action())
    assert (budget.layer, budget.code, budget.status) == ("databudget", BlockReason.DATA_BUDGET, 429)
    engine = limited(max_requests_per_minute=1)
    judged(engine, an_action())
    assert judged(engine, long).layer == "ratelimit"


def test_the_budget_counts_bytes_of_responses_that_were_let_through() -> None:
    engine = limited(max_data_per_minute=10)
    blocked = Decision(action_id="t-1", verdict=Verdict.BLOCK)
    note(engine, a_response(size=50), blocked, facts())
    note(engine, a_response(size=9, host="CDN.example.com."), Decision(action_id="t-1", verdict=Verdict.WARN), facts())
    assert judged(engine, an_action()).verdict is Verdict.ALLOW
    note(engine, a_response(size=1), Decision(action_id="t-1", verdict=Verdict.ALLOW), facts())
    assert judged(engine, an_action()).layer == "databudget"
    assert judged(engine, to("http://example.org/")).verdict is Verdict.ALLOW


def test_without_enforcement_limits_warn() -> None:
    engine = limited(max_requests_per_minute=1, enforce=False)
    assert judged(engine, an_action()).verdict is Verdict.ALLOW
    decision = judged(engine, an_action())
    assert (decision.verdict, decision.layer, decision.enforced) == (Verdict.WARN, "ratelimit", False)


@pytest.mark.parametrize(
    ("kind", "verdict", "requests", "blocked"),
    [
        (Kind.REQUEST, Verdict.ALLOW, 2, 1),
        (Kind.CONNECT, Verdict.BLOCK, 2, 2),
        (Kind.RESPONSE, Verdict.ALLOW, 1, 1),
        (Kind.RESPONSE, Verdict.BLOCK, 1, 2),
        (Kind.CLIENT_HELLO, Verdict.ALLOW, 1, 1),
        (Kind.TUNNEL_DATA, Verdict.BLOCK, 1, 2),
    ],
)
def test_sessions_count_requests_and_refusals_of_anything(
    kind: Kind, verdict: Verdict, requests: int, blocked: int
) -> None:
    engine = an_engine()
    note(engine, an_action(), Decision(action_id="t-1", verdict=Verdict.BLOCK), facts())
    note(engine, an_action(kind=kind), Decision(action_id="t-1", verdict=verdict), facts())
    (session,) = engine.sessions.known()
    assert (session.requests, session.blocked, session.last_seen_at) == (requests, blocked, 1_700_001_000.0)


# -- addresses ---------------------------------------------------------------------------------------------------------


def test_an_overridden_host_is_not_looked_up_and_its_addresses_are_judged() -> None:
    engine = an_engine(a_policy(host_overrides={"e.com": ("93.184.215.14",), "in.com": ("10.0.0.1",)}))
    outcome = engine.adjudicate(to("http://E.com/"), facts())
    assert isinstance(outcome, Decision)
    assert outcome.addresses == ("93.184.215.14",)
    assert judged(engine, to("http://in.com/")).layer == "ssrf"


def test_a_literal_is_not_looked_up() -> None:
    outcome = an_engine().adjudicate(to("http://0x5d.184.0xd7.14/"), facts())
    assert isinstance(outcome, Decision)
    assert outcome.addresses == ("93.184.215.14",)


def test_the_lookup_asks_for_the_folded_name() -> None:
    outcome = an_engine().adjudicate(to("http://EXAMPLE.com./"), facts())
    assert isinstance(outcome, Lookup)
    assert outcome.host == "example.com"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "0.0.0.0", "::ffff:127.0.0.1"])
def test_the_proxys_own_listener_is_closed_even_where_loopback_is_open(address: str) -> None:
    settings = UrlSettings(ip_allowlist=("127.0.0.0/8", "::1/128", "0.0.0.0/32"), trusted_domains=("me.test",))
    engine = an_engine(a_policy(settings, enforce=False))
    engine.own_ports = frozenset({8888})
    answers = Answers(addresses=(address,))
    decision = judged(engine, to("http://me.test:8888/", host="me.test"), answers)
    assert (decision.verdict, decision.layer, decision.hard) == (Verdict.BLOCK, "core_ssrf", True)
    assert judged(engine, to("http://me.test:8889/", host="me.test"), answers).verdict is Verdict.ALLOW
    assert judged(engine, to("http://me.test:8888/", host="me.test"), PUBLIC).verdict is Verdict.ALLOW


def test_an_address_that_is_none_is_refused() -> None:
    engine = an_engine()
    engine.own_ports = frozenset({80})
    decision = judged(engine, an_action(), Answers(addresses=("not an address",)))
    assert (decision.verdict, decision.layer, decision.code) == (Verdict.BLOCK, "ssrf", BlockReason.TIMEOUT)


# -- kill switch -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(Kind))
def test_the_kill_switch_stops_everything_before_anything_is_read(kind: Kind) -> None:
    kill = KillSwitch()
    engine = an_engine(a_policy(enforce=False), kill)
    action = an_action(kind=kind, url="nonsense", fault=Fault(BlockReason.BAD_REQUEST, "bad"))
    assert judged(engine, an_action(kind=kind, server_name="")).verdict is Verdict.ALLOW
    kill.set_api(True)
    decision = judged(engine, action)
    assert (decision.verdict, decision.layer, decision.code, decision.status, decision.hard) == (
        Verdict.BLOCK, "kill_switch", BlockReason.KILL_SWITCH_ACTIVE, 503, True,
    )  # fmt: skip
    assert decision.reason == kill.message
    assert "api" in decision.hint


def test_a_switch_thrown_while_the_name_was_looked_up_stops_it() -> None:
    kill = KillSwitch()
    outcome = an_engine(kill=kill).adjudicate(an_action(), facts())
    assert isinstance(outcome, Lookup)
    kill.toggle_signal()
    decision = outcome.resume(PUBLIC, facts())
    assert (decision.verdict, decision.layer) == (Verdict.BLOCK, "kill_switch")


def test_a_session_closed_in_while_the_name_was_looked_up_sends_nothing() -> None:
    engine, action = an_engine(), an_action(method="POST")
    note(engine, action, judged(engine, action), facts())
    outcome = engine.adjudicate(action, facts())
    assert isinstance(outcome, Lookup)
    (session,) = engine.sessions.known()
    acted = engine.sessions.act(AWish(key=session.key, verb=SessionVerb.AIRLOCK, tier=Tier.DRAIN), facts())
    assert acted is not None
    decision = outcome.resume(PUBLIC, facts())
    assert (decision.verdict, decision.layer) == (Verdict.BLOCK, "airlock")


# -- tunnels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "host", "verify", "verdict"),
    [
        ("example.com", "example.com", True, Verdict.ALLOW),
        ("EXAMPLE.com.", "example.COM", True, Verdict.ALLOW),
        ("xn--bcher-kva.example", "b\u00fccher.example", True, Verdict.ALLOW),
        ("", "example.com", True, Verdict.ALLOW),
        ("example.org", "example.com", True, Verdict.BLOCK),
        ("www.example.com", "example.com", True, Verdict.BLOCK),
        ("example.com", "93.184.215.14", True, Verdict.BLOCK),
        ("exa mple", "exa mple", True, Verdict.BLOCK),
        ("example.org", "example.com", False, Verdict.ALLOW),
    ],
)
def test_a_handshake_names_the_tunnels_host(name: str, host: str, verify: bool, verdict: Verdict) -> None:
    action = an_action(kind=Kind.CLIENT_HELLO, host=host, server_name=name)
    decision = judged(an_engine(a_policy(sni_verification=verify)), action)
    assert decision.verdict is verdict
    if verdict is Verdict.BLOCK:
        assert (decision.layer, decision.code, decision.hard) == ("sni_mismatch", BlockReason.AUTHORITY_MISMATCH, True)


def test_a_key_in_the_handshakes_name_is_not_repeated() -> None:
    decision = judged(an_engine(), an_action(kind=Kind.CLIENT_HELLO, server_name=f"{FAKE_KEY}.evil.com"))
    assert decision.verdict is Verdict.BLOCK
    assert FAKE_KEY not in str(decision)


def test_tunnel_bytes_pass_unless_a_gate_stops_them() -> None:
    assert judged(an_engine(), an_action(kind=Kind.TUNNEL_DATA)).verdict is Verdict.ALLOW


# -- faults ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "layer", "status"),
    [
        (Fault(BlockReason.BAD_REQUEST, "why", 400), "parser", 400),
        (Fault(BlockReason.RESPONSE_SIZE, "why"), "response_size", 403),
        (Fault(BlockReason.TIMEOUT, "why", 504), "timeout", 504),
    ],
)
@pytest.mark.parametrize("kind", [Kind.REQUEST, Kind.RESPONSE, Kind.CONNECT, Kind.CLIENT_HELLO])
def test_a_fault_is_refused_as_the_transport_says(fault: Fault, layer: str, status: int, kind: Kind) -> None:
    decision = judged(an_engine(), an_action(kind=kind, fault=fault))
    assert (decision.verdict, decision.layer, decision.code, decision.status, decision.reason) == (
        Verdict.BLOCK, layer, fault.reason, status, "why",
    )  # fmt: skip
    assert decision.hard


# -- policy ------------------------------------------------------------------------------------------------------------


def test_a_new_policy_judges_the_next_action_and_keeps_what_was_counted() -> None:
    engine = limited(max_requests_per_minute=1)
    assert judged(engine, an_action()).policy == "p1"
    engine.replace_policy(replace(engine.policy, hash="p2", max_requests_per_minute=2))
    assert judged(engine, an_action()).policy == "p2"
    assert judged(engine, an_action()).layer == "ratelimit"


def test_a_scanner_that_fails_is_not_swallowed() -> None:
    secrets = FakeSecrets()
    engine = an_engine(a_policy(secrets=secrets))
    secrets.error = RuntimeError("matcher")
    with pytest.raises(RuntimeError, match="matcher"):
        engine.adjudicate(an_action(), facts())


def test_a_decision_never_carries_what_the_action_held() -> None:
    for action in (post(), to(f"http://e.com/?k={FAKE_KEY}"), an_action(headers=(("x", FAKE_KEY),))):
        assert FAKE_KEY.encode() not in msgspec.json.encode(judged(an_engine(), action))


@pytest.mark.parametrize("url", ["http://10.1.2.3/x", "http://internal.example/x"])
def test_an_upstream_that_config_names_may_be_private_and_is_searched_all_the_same(url: str) -> None:
    policy = a_policy(UrlSettings(internal=("10.0.0.0/8",)), max_requests_per_minute=1)
    engine = Engine(policy, KillSwitch())

    def judged(more: str = "", *, named: bool = True) -> Decision:
        host = url.split("/")[2]
        action = Action(
            id="a", kind=Kind.REQUEST, transport=Transport.REVERSE, method="GET", url=url + more, host=host, port=80,
            named=named,
        )  # fmt: skip
        outcome = engine.adjudicate(action, Facts(1.0, 1.0))
        if isinstance(outcome, Lookup):
            outcome = outcome.resume(Answers(addresses=("10.1.2.3",)), Facts(1.0, 1.0))
        return outcome

    assert [judged().verdict for _ in range(3)] == [Verdict.ALLOW] * 3
    assert judged(f"?k={FAKE_KEY}").verdict is Verdict.BLOCK
    assert judged(named=False).verdict is Verdict.BLOCK


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("kind", [kind for kind in Kind if kind.is_part])
def test_parts_are_searched_for_what_may_not_go_their_way(kind: Kind, direction: Direction) -> None:
    engine = Engine(a_policy(body_action=Verdict.BLOCK), KillSwitch())
    bad = FAKE_ORDER if direction is Direction.INBOUND else FAKE_KEY

    def verdict(body: str, seen: int = 0) -> Verdict:
        action = Action(
            id="a", kind=kind, transport=Transport.INTERCEPT, direction=direction, url="https://example.com/",
            host="example.com", port=443, body=body.encode(), seen=seen,
        )  # fmt: skip
        outcome = engine.adjudicate(action, Facts(1.0, 1.0))
        assert isinstance(outcome, Decision)
        return outcome.verdict

    assert verdict("nothing") is Verdict.ALLOW
    assert verdict(f"so {bad} it is") is Verdict.BLOCK
    assert verdict(f"so {bad} it is", seen=3 + len(bad)) is Verdict.ALLOW, "that was judged before"
    assert verdict(f"so {bad} it is", seen=10) is Verdict.BLOCK, "it ends in what is new"


@pytest.mark.parametrize(("transport", "counted"), [(Transport.FORWARD, True), (Transport.INTERCEPT, False)])
def test_requests_inside_an_opened_tunnel_count_with_it(transport: Transport, counted: bool) -> None:
    engine = Engine(a_policy(max_requests_per_minute=2), KillSwitch())
    verdicts = []
    for _ in range(4):
        outcome = engine.adjudicate(an_action(transport=transport), facts())
        if isinstance(outcome, Lookup):
            outcome = outcome.resume(PUBLIC, facts())
        verdicts.append(outcome.verdict)
    assert verdicts == [Verdict.ALLOW] * 2 + [Verdict.BLOCK if counted else Verdict.ALLOW] * 2
