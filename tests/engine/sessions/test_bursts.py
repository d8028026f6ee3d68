from __future__ import annotations

from pipelock.engine.sessions.account import Account
from pipelock.engine.sessions.bursts import MAX_DOMAINS, begins_burst, is_stopped
from pipelock.engine.sessions.policy import Profiling

USUAL = Profiling(burst=5, window=300.0)


def test_one_more_than_are_usual_is_a_burst_once_in_a_window() -> None:
    account = Account("a")
    assert [begins_burst(account, domain, USUAL, 0.0) for domain in range(10)] == [False] * 5 + [True] + [False] * 4
    assert not begins_burst(account, 11, USUAL, 299.0)
    for domain in range(20, 24):
        assert not begins_burst(account, domain, USUAL, 300.0)
    assert begins_burst(account, 24, USUAL, 300.0)


def test_known_domains_are_nothing_new() -> None:
    account = Account("a")
    assert not any(begins_burst(account, domain, USUAL, 0.0) for domain in (1, 2, 3, 4, 5) * 100)


def test_new_domains_with_time_between_them_are_usual() -> None:
    account = Account("a")
    assert not any(begins_burst(account, domain, USUAL, domain * 61.0) for domain in range(200))


def test_what_is_remembered_has_a_limit() -> None:
    account = Account("a")
    for domain in range(MAX_DOMAINS * 3):
        begins_burst(account, domain, USUAL, domain * 0.01)
    assert len(account.seen) == MAX_DOMAINS
    assert len(account.fresh) == 6


def test_only_new_domains_are_stopped_and_only_if_config_says_so() -> None:
    account = Account("a")
    for domain in range(6):
        begins_burst(account, domain, USUAL, 0.0)
    strict = Profiling(blocks=True, burst=5, window=300.0)
    assert is_stopped(account, 9, strict, 299.0)
    assert not is_stopped(account, 3, strict, 299.0)
    assert not is_stopped(account, 9, strict, 300.0)
    assert not is_stopped(account, 9, USUAL, 299.0)
