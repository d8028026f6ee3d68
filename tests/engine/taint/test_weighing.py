"""One row, one action, one answer."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipelock.engine.taint.classes import ActionClass
from pipelock.engine.taint.hosts import Standings
from pipelock.engine.taint.matrix import Profile
from pipelock.engine.taint.overrides import Override
from pipelock.engine.taint.policy import TaintPolicy
from pipelock.engine.taint.sources import Source
from pipelock.engine.taint.table import Row
from pipelock.engine.taint.weighing import Weighing, weigh_action
from pipelock.model import BlockReason, Kind, Lamp, TaintLevel, Verdict
from tests.factories import a_decision, a_finding, an_action

NOW = 1_700_000_000.0
POLICY = TaintPolicy(
    enabled=True,
    standings=Standings(models=["api.model.example"], listed=["listed.example"], references=["docs.example"]),
    protected=("*/auth/*",),
    elevated=("*/config/*",),
)
POST = an_action(method="POST", url="https://other.example/items", host="other.example", body=b"x")
LIT = Lamp(lit=True)


def a_row(level: TaintLevel = TaintLevel.UNTRUSTED, **changes: Any) -> Row:
    row = Row(NOW)
    row.read(Source("https://page.example/a", "page.example", level, "response", NOW))
    return replace(row, untrusted=LIT, **changes)


def weigh(row: Row | None = None, policy: TaintPolicy = POLICY, **changes: Any) -> Weighing | None:
    vouched = changes.pop("vouched", False)
    findings = changes.pop("findings", ())
    decision = a_decision(verdict=Verdict.ALLOW, findings=findings)
    return weigh_action(row or a_row(), replace(POST, **changes), decision, policy, vouched=vouched, wall=NOW)


def demanded(weighing: Weighing | None) -> Verdict:
    return Verdict.ALLOW if weighing is None else weighing.told.verdict


def to(host: str, path: str = "/items") -> dict[str, Any]:
    return {"host": host, "url": f"https://{host}{path}"}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.ASK),
        ({"method": "GET", "body": b""}, Verdict.ALLOW),
        (to("listed.example"), Verdict.ALLOW),
        (to("listed.example", "/auth/token"), Verdict.ASK),
        (to("docs.example"), Verdict.ALLOW),
        (to("api.model.example"), Verdict.ALLOW),
        (to("127.0.0.1"), Verdict.ALLOW),
        (to("127.0.0.1", "/auth/token"), Verdict.ASK),
        ({"named": True}, Verdict.ALLOW),
        ({"vouched": True}, Verdict.ALLOW),
        ({"kind": Kind.CONNECT, "method": "CONNECT", "body": b""}, Verdict.ALLOW),
        ({"kind": Kind.MESSAGE}, Verdict.ASK),
        ({"findings": (a_finding(scanner="body_dlp"),), "vouched": True}, Verdict.ASK),
    ],
)
def test_after_content_from_outside(changes: dict[str, Any], verdict: Verdict) -> None:
    assert demanded(weigh(**changes)) is verdict


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.BLOCK),
        ({"vouched": True}, Verdict.BLOCK),
        (to("listed.example"), Verdict.BLOCK),
        (to("127.0.0.1"), Verdict.BLOCK),
        (to("api.model.example"), Verdict.ALLOW),
        ({"method": "GET", "body": b""}, Verdict.ALLOW),
    ],
)
def test_after_orders_were_read(changes: dict[str, Any], verdict: Verdict) -> None:
    assert demanded(weigh(a_row(TaintLevel.HOSTILE), **changes)) is verdict


def test_nothing_is_said_before_anything_was_read() -> None:
    assert weigh(a_row(TaintLevel.LOW_RISK)) is None


def test_the_sentence_says_what_was_read_what_would_be_done_and_what_follows() -> None:
    asked, refused = weigh(), weigh(a_row(TaintLevel.HOSTILE))
    assert asked is not None
    assert refused is not None
    assert asked.reason("other.example") == (
        "this session has read content from outside (page.example), and this would send data to other.example, so a "
        "person has to allow it"
    )
    assert refused.reason("other.example") == (
        "this session has read text that gives orders to agents (page.example), and this would send data to "
        "other.example, which is refused until a new task begins"
    )
    assert asked.code is BlockReason.REQUEST_POLICY_DENY
    assert refused.code is BlockReason.PROMPT_INJECTION


def test_every_class_that_can_be_held_has_its_words() -> None:
    cases: dict[ActionClass, dict[str, Any]] = {
        ActionClass.PUBLISH: {},
        ActionClass.WRITE: to("127.0.0.1", "/auth/x"),
        ActionClass.SECRET: {"findings": (a_finding(scanner="dlp"),)},
        ActionClass.NETWORK: {"kind": Kind.CONNECT},
    }
    for what, changes in cases.items():
        weighing = weigh(policy=replace(POLICY, profile=Profile.STRICT), **changes)
        assert weighing is not None
        assert weighing.told.action_class == what
        assert weighing.does


def test_the_record_says_what_it_rests_on() -> None:
    weighing = weigh(**to("other.example", "/config/auth/x"))
    assert weighing is not None
    told = weighing.told
    assert (told.level, told.action_class, told.sensitivity, told.authority, told.verdict) == (
        TaintLevel.UNTRUSTED, "publish", "protected", "user_broad", Verdict.ASK
    )  # fmt: skip
    assert (told.source, told.source_kind, told.override) == ("https://page.example/a", "response", "")


# -- overrides ---------------------------------------------------------------------------------------------------------


def an_override(source: str = "", action: str = "", *, expires: float = NOW + 60) -> Override:
    return Override(source=source, action=action, expires=expires, by="ann", reason="ours")


@pytest.mark.parametrize(
    ("override", "verdict"),
    [
        (an_override(action="publish"), Verdict.ALLOW),
        (an_override(action="POST other.example"), Verdict.ALLOW),
        (an_override(action="POST third.example"), Verdict.ASK),
        (an_override(source="page.example"), Verdict.ALLOW),
        (an_override(source="third.example"), Verdict.ASK),
        (an_override(source="page.example", action="publish"), Verdict.ALLOW),
        (an_override(source="page.example", action="secret"), Verdict.ASK),
        (an_override(source="third.example", action="publish"), Verdict.ASK),
        (an_override(action="publish", expires=NOW), Verdict.ASK),
    ],
)
@pytest.mark.parametrize("runtime", [False, True])
def test_overrides_of_config_and_task(override: Override, verdict: Verdict, runtime: bool) -> None:
    row = a_row(overrides=(override,)) if runtime else a_row()
    policy = POLICY if runtime else replace(POLICY, overrides=(override,))
    weighing = weigh(row, policy)
    assert weighing is not None
    assert weighing.told.verdict is verdict
    assert bool(weighing.told.override) is (verdict is Verdict.ALLOW)


def test_an_override_that_helps_is_told_with_its_reason() -> None:
    weighing = weigh(a_row(overrides=(an_override(action="publish"),)))
    assert weighing is not None
    assert weighing.told.override == "publish by ann: ours"
    assert weighing.told.authority == "operator_override"


def test_all_that_was_read_has_to_be_forgiven() -> None:
    row = a_row(overrides=(an_override(source="page.example"),))
    row.read(Source("https://worse.example/", "worse.example", TaintLevel.UNTRUSTED, "response", NOW))
    assert demanded(weigh(row)) is Verdict.ASK
    row.overrides = (*row.overrides, an_override(source="worse.example"))
    assert demanded(weigh(row)) is Verdict.ALLOW


def test_a_source_that_is_forgiven_leaves_the_milder_ones() -> None:
    row = a_row(TaintLevel.HOSTILE, overrides=(an_override(source="page.example"),))
    row.read(Source("https://mild.example/", "mild.example", TaintLevel.UNTRUSTED, "response", NOW))
    weighing = weigh(row)
    assert weighing is not None
    assert (weighing.told.level, weighing.told.verdict) == (TaintLevel.UNTRUSTED, Verdict.ASK)


# -- the three lamps ---------------------------------------------------------------------------------------------------

TRIFECTA = replace(POLICY, enabled=False, trifecta=Verdict.ASK)
CREDENTIALS = (("authorization", "Bearer x"),)


@pytest.mark.parametrize(
    ("row", "changes", "verdict"),
    [
        (a_row(), {}, Verdict.ALLOW),
        (a_row(private=LIT), {}, Verdict.ASK),
        (a_row(), {"headers": CREDENTIALS}, Verdict.ASK),
        (a_row(), {"findings": (a_finding(scanner="dlp"),)}, Verdict.ASK),
        (a_row(private=LIT), {"vouched": True}, Verdict.ALLOW),
        (a_row(private=LIT), to("listed.example"), Verdict.ALLOW),
        (a_row(private=LIT), to("api.model.example"), Verdict.ALLOW),
        (a_row(private=LIT), {"method": "GET", "body": b""}, Verdict.ALLOW),
        (a_row(private=LIT), {"kind": Kind.CONNECT}, Verdict.ASK),
        (a_row(private=LIT), {"method": "GET", "body": b"", "url": "https://other.example/?" + "q" * 300}, Verdict.ASK),
        (a_row(TaintLevel.LOW_RISK, private=LIT), {}, Verdict.ALLOW),
        (a_row(private=LIT, overrides=(an_override(action="publish"),)), {}, Verdict.ALLOW),
        (a_row(private=LIT, overrides=(an_override(source="page.example"),)), {}, Verdict.ALLOW),
    ],
)
def test_what_would_light_the_third_lamp_is_held(row: Row, changes: dict[str, Any], verdict: Verdict) -> None:
    assert demanded(weigh(row, TRIFECTA, **changes)) is verdict


def test_it_may_block_and_the_stricter_of_both_holds() -> None:
    row = a_row(private=LIT)
    assert demanded(weigh(row, replace(TRIFECTA, trifecta=Verdict.BLOCK))) is Verdict.BLOCK
    assert demanded(weigh(row, replace(POLICY, trifecta=Verdict.BLOCK))) is Verdict.BLOCK
    assert demanded(weigh(a_row(TaintLevel.HOSTILE, private=LIT), replace(TRIFECTA, enabled=True))) is Verdict.BLOCK


def test_its_sentence_says_so() -> None:
    weighing = weigh(a_row(private=LIT), TRIFECTA)
    assert weighing is not None
    assert weighing.seen == "has read content from outside (page.example) and touched something private"
