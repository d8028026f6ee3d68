"""The queue, with a server that answers what the test says and a clock turned by hand."""

from __future__ import annotations

import pytest

from pipelock.notify.post import PostError
from pipelock.notify.signature import HEADER, check
from pipelock.notify.webhook import QUEUE, WebhookSettings
from tests.notify.far import SECRET, Far


def test_messages_go_out_signed_and_in_order() -> None:
    far = Far()
    for body in (b"one", b"two"):
        far.webhook.tell("t", body)
    assert far.seen == [b"one", b"two"]
    assert check(SECRET, far.heads[0][HEADER], b"one", 1_700_000_000) == 1_700_000_000


@pytest.mark.parametrize("fault", [500, 503, 429, 408, PostError("down")], ids=repr)
def test_what_may_pass_is_tried_three_times(fault: int | Exception) -> None:
    far = Far(fault)
    far.webhook.tell("t", b"one")
    far.webhook.tell("t", b"two")
    assert far.seen == [b"one"]
    far.clock.advance(1)
    assert far.seen == [b"one"] * 2
    # Signed anew: the time is part of what is signed.
    assert far.heads[0][HEADER] != far.heads[1][HEADER]
    far.clock.advance(3)
    assert far.seen == [b"one"] * 2
    far.answers = [204]
    far.clock.advance(1)
    assert far.seen == [b"one"] * 3 + [b"two"]
    assert far.complaints == []


@pytest.mark.parametrize("status", [301, 302, 400, 401, 404, 410, 100])
def test_what_is_refused_for_good_is_not_tried_again(status: int) -> None:
    far = Far(status, 200)
    far.webhook.tell("t", b"one")
    far.webhook.tell("t", b"two")
    assert far.seen == [b"one", b"two"]
    assert far.complaints == [f"notifications.webhook: answered with status {status}"]


def test_it_gives_up_and_says_so_once_a_minute() -> None:
    far = Far(PostError("hook.example: connection refused"))
    for body in (b"one", b"two"):
        far.webhook.tell("t", body)
    far.clock.pump([1, 4, 1, 4])
    assert far.seen == [b"one"] * 3 + [b"two"] * 3
    assert far.complaints == ["notifications.webhook: hook.example: connection refused"]
    far.clock.advance(60)
    far.webhook.tell("t", b"three")
    far.clock.pump([1, 4])
    assert len(far.complaints) == 2


def test_one_at_a_time_and_no_more_than_fit() -> None:
    far = Far(slow=True)
    for number in range(QUEUE + 10):
        far.webhook.tell("t", str(number).encode())
    assert len(far.waiting) == 1
    assert far.complaints == ["notifications.webhook: too many messages wait; this one is dropped"]
    while far.waiting:
        far.waiting.pop()()
    assert far.seen == [str(number).encode() for number in range(QUEUE + 1)]


def test_what_waits_can_be_taken_back_and_what_is_under_way_cannot() -> None:
    far = Far(slow=True)
    far.webhook.tell("a", b"one")
    far.webhook.tell("b", b"two")
    assert not far.webhook.withdraw("a")
    assert far.webhook.withdraw("b")
    assert not far.webhook.withdraw("b")
    far.waiting.pop()()
    assert far.seen == [b"one"]
    assert far.waiting == []


def test_after_the_end_nothing_is_sent() -> None:
    far = Far(slow=True)
    far.webhook.tell("t", b"one")
    far.webhook.tell("t", b"two")
    far.webhook.stop()
    far.waiting.pop()()
    far.webhook.tell("t", b"three")
    assert far.seen == [b"one"]
    late = Far(503)
    late.webhook.tell("t", b"one")
    late.webhook.stop()
    late.clock.advance(10)
    assert late.seen == [b"one"]
    assert late.clock.getDelayedCalls() == []


def test_what_was_under_way_when_all_was_stopped_says_nothing_of_what_came_after() -> None:
    far = Far(slow=True)
    settings = far.webhook.settings
    far.webhook.tell("t", b"old")
    far.webhook.stop()
    far.webhook.settings = settings
    far.webhook.tell("t", b"new")
    assert len(far.waiting) == 1
    far.waiting.pop()()
    far.waiting.pop()()
    assert far.seen == [b"old", b"new"]
    assert far.waiting == []


def test_where_none_is_set_nothing_is_kept() -> None:
    far = Far()
    far.webhook.settings = None
    far.webhook.tell("t", b"one")
    far.webhook.settings = WebhookSettings("https://hook.example/x", SECRET)
    far.webhook.tell("t", b"two")
    assert far.seen == [b"two"]
