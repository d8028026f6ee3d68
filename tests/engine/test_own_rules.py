"""A sandbox's own egress rules: they narrow, in every mode, and touch nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.config.rule_lines import parse_rule_line
from pipelock.detect.hosts import HostSet
from pipelock.engine import Engine, Facts, KillSwitch
from pipelock.engine.compile import own_rules
from pipelock.engine.egress import EgressRule, EgressRules
from pipelock.engine.facts import Answers, Lookup
from pipelock.model import Action, BlockReason, Decision, Kind, Transport, Verdict
from tests.factories import FAKE_KEY, a_policy, an_action

ANYTHING = EgressRules([], Verdict.ALLOW)
BOX = "claude@sandbox-0123456789ab|127.0.0.1"


def an_engine(
    *lines: str, config: tuple[str, ...] = (), egress: EgressRules | None = None, enforce: bool = True
) -> Engine:
    policy = a_policy(egress=egress or ANYTHING, enforce=enforce)
    engine = Engine(policy, KillSwitch())
    engine.own_rules[BOX] = own_rules(*(tuple(map(parse_rule_line, one)) for one in (config, lines)))
    return engine


def judge(engine: Engine, action: Action) -> Decision:
    decision = engine.adjudicate(action, Facts(0.0, 0.0))
    if isinstance(decision, Lookup):
        decision = decision.resume(Answers(addresses=("93.184.216.34",)), Facts(0.0, 0.0))
        assert isinstance(decision, Decision)
    return decision


def boxed(**changes: Any) -> Action:
    return an_action(**{"session": BOX, **changes})


def connect(host: str, *, opened: bool) -> Action:
    return boxed(
        kind=Kind.CONNECT,
        transport=Transport.CONNECT,
        method="CONNECT",
        url=f"https://{host}/",
        host=host,
        port=443,
        opened=opened,
    )


@pytest.mark.parametrize(
    ("lines", "action", "passes"),
    [
        pytest.param((), boxed(), True, id="no list, no limit"),
        pytest.param(("example.com",), boxed(), True, id="named host"),
        pytest.param(("other.test", "host=example.com"), boxed(), True, id="any of several"),
        pytest.param(("other.test",), boxed(), False, id="another host"),
        pytest.param(("other.test",), an_action(), True, id="another session"),
        pytest.param(("method=GET host=example.com",), boxed(), True, id="method"),
        pytest.param(("method=GET host=example.com",), boxed(method="POST"), False, id="another method"),
        pytest.param(("host=example.com path=/path*",), boxed(), True, id="path"),
        pytest.param(("host=example.com path=/other*",), boxed(), False, id="another path"),
        pytest.param(("host=example.com port=443",), boxed(), False, id="another port"),
        pytest.param(("example.com",), connect("example.com", opened=False), True, id="host, closed tunnel"),
        pytest.param(("method=GET host=example.com",), connect("example.com", opened=True), True, id="opened tunnel"),
        pytest.param(("method=GET host=example.com",), connect("example.com", opened=False), False, id="closed tunnel"),
        pytest.param(
            ("method=GET host=example.com",), connect("other.test", opened=True), False, id="tunnel elsewhere"
        ),
    ],
)
@pytest.mark.parametrize("enforce", [True, False])
def test_what_no_rule_of_it_names_is_blocked_in_every_mode(
    lines: tuple[str, ...], action: Action, passes: bool, enforce: bool
) -> None:
    decision = judge(an_engine(*lines, enforce=enforce), action)
    assert (decision.verdict is Verdict.ALLOW) is passes
    if not passes:
        assert (decision.verdict, decision.code) == (Verdict.BLOCK, BlockReason.REQUEST_POLICY_DENY)
        assert "--allow" in decision.reason
        assert "--allow" in decision.hint
        assert decision.enforced


def test_a_closed_tunnel_is_told_why_its_rule_does_not_do() -> None:
    decision = judge(an_engine("method=GET host=example.com"), connect("example.com", opened=False))
    assert "takes a tunnel that is read" in decision.reason


@pytest.mark.parametrize(
    ("config", "launch", "reached"),
    [
        ((), (), {"example.com", "a.example.com", "other.test"}),
        (("*.example.com",), (), {"example.com", "a.example.com"}),
        (("*.example.com",), ("example.com",), {"example.com"}),
        (("example.com",), ("*.example.com", "other.test"), {"example.com"}),
        (("example.com",), ("other.test",), set()),
    ],
)
def test_a_launch_narrows_what_config_allows_and_never_widens_it(
    config: tuple[str, ...], launch: tuple[str, ...], reached: set[str]
) -> None:
    engine = an_engine(*launch, config=config)
    for host in ("example.com", "a.example.com", "other.test"):
        decision = judge(engine, boxed(host=host, url=f"http://{host}/"))
        assert (decision.verdict is Verdict.ALLOW) is (host in reached)
        if config and host == "other.test":
            assert "the configuration (sandbox.allow)" in decision.reason
            assert "name it in sandbox.allow" in decision.hint


def test_configs_rules_hold_besides() -> None:
    blocks = EgressRules(
        [
            EgressRule("no posts", Verdict.BLOCK, methods=frozenset({"POST"})),
            EgressRule("ask", Verdict.ASK, hosts=HostSet(["example.com"])),
        ],
        Verdict.ALLOW,
    )
    engine = an_engine("example.com", egress=blocks)
    assert judge(engine, boxed(method="POST")).rule == "no posts"
    assert judge(engine, boxed()).verdict is Verdict.ASK
    assert judge(engine, boxed(host="other.test", url="http://other.test/")).verdict is Verdict.BLOCK


@pytest.mark.parametrize("enforce", [True, False])
def test_a_rule_of_configs_that_only_warns_does_not_stand_before_the_list(enforce: bool) -> None:
    egress = EgressRules([EgressRule("no", Verdict.BLOCK, hosts=HostSet(["other.test"]))], Verdict.BLOCK)
    engine = an_engine("example.com", egress=egress, enforce=enforce)
    for host in ("other.test", "third.test"):
        decision = judge(engine, boxed(host=host, url=f"http://{host}/"))
        assert (decision.verdict, decision.enforced) == (Verdict.BLOCK, True)
    decision = judge(engine, boxed())
    assert decision.verdict is (Verdict.BLOCK if enforce else Verdict.WARN)


@pytest.mark.parametrize("name", ["x-http-method-override", "x-original-url"])
def test_a_header_that_makes_another_request_of_it_does_not_get_around_methods_and_paths(name: str) -> None:
    other = boxed(headers=(("host", "example.com"), (name, "/other" if "url" in name else "DELETE")))
    for lines, passes in (
        (("method=GET host=example.com",), False),
        (("host=example.com path=/path*",), False),
        (("example.com",), True),
        (("method=GET host=example.com", "example.com"), True),
        (("method=GET", "host=other.test"), False),
    ):
        assert (judge(an_engine(*lines), other).verdict is Verdict.ALLOW) is passes, lines
    # Config's rules likewise: the strictest that could be about it speaks.
    rules = [
        EgressRule("watch", Verdict.WARN, methods=frozenset({"POST"})),
        EgressRule("keep", Verdict.BLOCK, methods=frozenset({"DELETE"}), hosts=HostSet(["example.com"])),
        EgressRule("late", Verdict.BLOCK, path="/late"),
        EgressRule("open", Verdict.ALLOW, hosts=HostSet(["example.com", "third.test"])),
    ]
    engine = an_engine(egress=EgressRules(rules, Verdict.ALLOW))
    assert judge(engine, other).rule == "keep"
    assert judge(engine, boxed()).rule == "open"
    elsewhere = boxed(host="third.test", url="http://third.test/", headers=other.headers)
    assert judge(engine, elsewhere).rule == "late"
    last = EgressRules([rules[3], *rules[:3]], Verdict.ALLOW)
    assert judge(an_engine(egress=last), other).rule == "open"


def test_where_a_finding_only_warns_the_list_blocks_all_the_same() -> None:
    engine = an_engine("other.test", enforce=False)
    leak = boxed(url=f"http://example.com/?k={FAKE_KEY}")
    assert judge(an_engine(enforce=False), leak).verdict is Verdict.WARN
    assert judge(engine, leak).verdict is Verdict.BLOCK


@given(
    lines=st.lists(
        st.sampled_from(["example.com", "host=*.other.test", "method=GET,HEAD", "path=/p*", "port=80", "other.test"]),
        min_size=1,
        max_size=4,
    ),
    method=st.sampled_from(["GET", "POST", "HEAD"]),
    host=st.sampled_from(["example.com", "a.com", "other.test"]),
    path=st.sampled_from(["/path", "/", "/q"]),
)
def test_a_list_never_lets_through_what_would_be_stopped_without_it(
    lines: list[str], method: str, host: str, path: str
) -> None:
    rules = EgressRules([EgressRule("b", Verdict.BLOCK, hosts=HostSet(["a.com"]))], Verdict.ALLOW)
    action = boxed(method=method, host=host, url=f"http://{host}{path}")
    without = judge(an_engine(egress=rules), action).verdict
    assert judge(an_engine(*lines, egress=rules), action).verdict.rank >= without.rank
