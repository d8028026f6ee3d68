"""When a slow body is looked at."""

from __future__ import annotations

from twisted.internet.task import Clock

from pipelock.proxy.bodies._pace import LONGEST, Pace


class Watch:
    """A pace of one second, and when it was due."""

    def __init__(self, after: float | None = 1.0) -> None:
        self.clock = Clock()
        self.due: list[float] = []
        self.pace = Pace(self.clock, after, lambda: self.due.append(self.clock.seconds()))

    def wait(self, seconds: float, news_every: float = 0) -> None:
        for _ in range(round(seconds * 8)):
            self.clock.advance(0.125)
            if news_every and not self.clock.seconds() % news_every:
                self.pace.news()


def test_silence_is_due_once() -> None:
    watch = Watch()
    watch.pace.news()
    watch.wait(5)
    assert watch.due == [1.0]


def test_news_delay_it_but_not_for_ever() -> None:
    watch = Watch()
    watch.pace.news()
    watch.wait(0.5)
    watch.pace.news()
    watch.wait(5)
    assert watch.due == [1.5]
    busy = Watch()
    busy.pace.news()
    busy.wait(LONGEST * 2 - 1, news_every=0.5)
    assert busy.due == [float(LONGEST)]


def test_what_is_looked_at_is_not_due() -> None:
    watch = Watch()
    watch.pace.news()
    watch.wait(0.875)
    watch.pace.stop()
    watch.pace.stop()
    watch.wait(5)
    assert watch.due == []
    assert not watch.clock.getDelayedCalls()


def test_it_may_never_be_due() -> None:
    watch = Watch(None)
    watch.pace.news()
    watch.wait(5)
    assert watch.due == []
