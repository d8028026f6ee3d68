from __future__ import annotations

import pytest
from msgspec.structs import replace

from pipelock.detect.wallets import LABEL, Wallets
from pipelock.engine import address_watch
from pipelock.engine.address_watch import MAX_LOOKED_AT, POISON_RULE, AddressWatch
from pipelock.model import Kind, Severity
from tests.factories import a_policy, a_response, an_action

CHAINS = ("eth", "btc")
POLICY = replace(a_policy(), wallets=Wallets([], CHAINS))


def address(middle: str, ends: str = "ab12") -> str:
    return f"0x{ends}{middle * 32}{ends}"


def ask(watch: AddressWatch, text: str, **changes: object) -> list[str]:
    action = an_action(body=text.encode(), **changes)
    return [finding.rule for finding in watch.judge(action, POLICY, 0.0, again=False)]


def test_the_second_of_two_is_told() -> None:
    watch = AddressWatch()
    assert ask(watch, f"pay {address('0')}") == []
    assert ask(watch, f"pay {address('0')} and {address('1', 'ffff')}") == []
    (finding,) = watch.judge(an_action(url=f"http://x.example/?to={address('1')}"), POLICY, 1.0, again=False)
    assert (finding.scanner, finding.rule, finding.severity, finding.place) == (
        LABEL,
        POISON_RULE,
        Severity.CRITICAL,
        "url",
    )
    assert "0xab12…11ab12" in finding.message
    assert not finding.warns


def test_an_answer_is_remembered_and_only_warns() -> None:
    watch = AddressWatch()
    ask(watch, address("0"))
    (finding,) = watch.judge(a_response(body=address("1").encode()), POLICY, 0.0, again=False)
    assert finding.warns
    other = AddressWatch()
    assert other.judge(a_response(body=address("1").encode()), POLICY, 0.0, again=False) == ()
    assert ask(other, address("0")) == [POISON_RULE]


def test_sessions_are_clients_whatever_agents_call_themselves() -> None:
    watch = AddressWatch()
    ask(watch, address("0"), agent="a", session="a|10.1.1.1")
    assert ask(watch, address("1"), agent="b", session="b|10.1.1.1") == [POISON_RULE]
    assert ask(watch, address("2"), client="10.9.9.9") == []


def test_switched_off_nothing_is_remembered() -> None:
    watch = AddressWatch()
    assert watch.judge(an_action(body=address("0").encode()), a_policy(), 0.0, again=False) == ()
    assert watch.judge(an_action(kind=Kind.CONNECT), POLICY, 0.0, again=False) == ()
    assert len(watch) == 0


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_watch, "MAX_FINGERPRINTS", 10)
    monkeypatch.setattr(address_watch, "MAX_SESSIONS", 5)
    monkeypatch.setattr(address_watch, "MAX_TOTAL", 30)
    watch = AddressWatch()
    for number in range(400):
        ask(watch, address("0", f"{number:04x}"), client=f"10.0.0.{number % 8}")
        assert len(watch) == sum(map(len, watch._sessions.values())) <= 30
        assert len(watch._sessions) <= 5
        assert all(len(seen) <= 10 for seen in watch._sessions.values())


def test_the_ends_of_a_large_body_are_read() -> None:
    watch = AddressWatch()
    filler = " " * (3 * MAX_LOOKED_AT)
    ask(watch, address("0") + filler + address("0", "cdcd"))
    assert len(watch) == 2
