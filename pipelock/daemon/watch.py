"""Notices that the config file changed: by looking, twice a second, so that it works for every editor and mount."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipelock.door.edges import Call, Clock

__all__ = ["DEBOUNCE_SECONDS", "LOOK_SECONDS", "FileWatch"]

LOOK_SECONDS = 0.5
DEBOUNCE_SECONDS = 0.1
"""How long a file must stay as it is before it is read: editors write in several steps."""

Stamp = tuple[int, int, int] | None


class FileWatch:
    """Calls `changed` once after each change of `path`, when it has settled.

    That a file is gone is a change where `may_go` says that this means something, and else half of one.
    """

    def __init__(self, path: Path, clock: Clock, changed: Callable[[], object], *, may_go: bool = False) -> None:
        self._path = path
        self._clock = clock
        self._changed = changed
        self._may_go = may_go
        self._seen = self._stamp()
        self._timer: Call | None = None

    def start(self) -> None:
        """Begin to look."""
        self._timer = self._clock.callLater(LOOK_SECONDS, self._look)

    def accept(self) -> None:
        """The file as it is now is no change: whoever watches has made it."""
        self._seen = self._stamp()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _stamp(self) -> Stamp:
        try:
            info = self._path.stat()
        except OSError:
            return None
        return info.st_mtime_ns, info.st_size, info.st_ino

    def _says_something(self, stamp: Stamp) -> bool:
        return stamp is not None or self._may_go

    def _look(self) -> None:
        stamp = self._stamp()
        if self._says_something(stamp) and stamp != self._seen:
            self._timer = self._clock.callLater(DEBOUNCE_SECONDS, self._settle, stamp)
        else:
            self._timer = self._clock.callLater(LOOK_SECONDS, self._look)

    def _settle(self, before: Stamp) -> None:
        stamp = self._stamp()
        if not self._says_something(stamp):
            self._timer = self._clock.callLater(LOOK_SECONDS, self._look)
        elif stamp == before:
            self._seen = stamp
            self._timer = self._clock.callLater(LOOK_SECONDS, self._look)
            self._changed()
        else:
            self._timer = self._clock.callLater(DEBOUNCE_SECONDS, self._settle, stamp)
