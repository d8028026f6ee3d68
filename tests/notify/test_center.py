from __future__ import annotations

import json

from pipelock.model import Event, Held, Notice, Outcome, Payload, Released
from pipelock.notify.center import MAX_TOLD, Center
from pipelock.notify.desktop import Desktop
from pipelock.notify.webhook import QUEUE
from tests.notify.far import Far
from tests.notify.items import a_pending


class Told:
    def __init__(self, *, slow: bool = False) -> None:
        self.far = Far(slow=slow)
        self.center = Center(
            self.far.webhook,
            Desktop("", lambda *_: lambda: None, self.far.clock, self.far.complaints.append),
            lambda: "https://me.example/a",
        )

    def hears(self, payload: Payload) -> None:
        self.center.heard(Event(1, 0.0, payload))

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(said["event"], said["id"]) for said in map(json.loads, self.far.seen)]


def test_each_held_request_is_told_once_and_closed_once() -> None:
    told = Told()
    told.hears(Notice("info", "x"))
    told.hears(Held(a_pending()))
    told.hears(Held(a_pending(twins=2)))
    told.hears(Released("7", Outcome.DENIED, "dashboard"))
    told.hears(Released("7", Outcome.DENIED, "dashboard"))
    told.hears(Released("8", Outcome.EXPIRED))
    assert told.events == [("held", "7"), ("closed", "7")]
    assert json.loads(told.far.seen[1])["by"] == "dashboard"


def test_what_ended_before_it_could_be_told_is_not_told_at_all() -> None:
    told = Told(slow=True)
    for number in range(3):
        told.hears(Held(a_pending(id=str(number))))
    told.hears(Released("1", Outcome.EXPIRED))
    told.hears(Released("0", Outcome.EXPIRED))
    while told.far.waiting:
        told.far.waiting.pop()()
    assert told.events == [("held", "0"), ("held", "2"), ("closed", "0")]


def test_a_webhook_that_is_set_meanwhile_hears_of_no_end_without_a_beginning() -> None:
    told = Told()
    settings, told.far.webhook.settings = told.far.webhook.settings, None
    told.hears(Held(a_pending()))
    told.far.webhook.settings = settings
    told.hears(Released("7", Outcome.DENIED))
    told.hears(Held(a_pending(id="8")))
    assert told.events == [("held", "8")]


def test_nothing_grows_without_end() -> None:
    told = Told(slow=True)
    for number in range(MAX_TOLD + 10):
        told.hears(Held(a_pending(id=str(number))))
    assert len(told.center._told) == MAX_TOLD
    assert len(told.far.webhook._queue) == QUEUE
