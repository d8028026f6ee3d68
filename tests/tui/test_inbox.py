from __future__ import annotations

from pipelock.control.aio import Disconnected
from pipelock_tui import testing
from pipelock_tui.inbox import MAX_BATCH, Inbox


def test_events_wait_for_the_batch_but_prompts_do_not() -> None:
    inbox = Inbox()
    assert inbox.put(testing.connected())
    assert not inbox.put(testing.decided(1))
    assert inbox.put(testing.held(2))
    assert inbox.put(Disconnected("gone"))
    assert len(inbox.take()) == 4
    assert inbox.take() == ()


def test_an_event_is_taken_once_for_each_daemon_run() -> None:
    inbox = Inbox()
    for item in [testing.connected("one"), testing.decided(1), testing.decided(1), testing.connected("one")]:
        inbox.put(item)
    inbox.put(testing.decided(1))
    assert len(inbox.take()) == 3
    inbox.put(testing.connected("two"))
    inbox.put(testing.decided(1))
    assert len(inbox.take()) == 2


def test_a_full_batch_is_due() -> None:
    inbox = Inbox()
    due = [inbox.put(testing.decided(number)) for number in range(1, MAX_BATCH + 1)]
    assert due.index(True) == MAX_BATCH - 1
