from __future__ import annotations

import sys
import weakref

import pytest

from pipelock.daemon.memory import forget, releaser


def test_what_was_freed_goes_back_and_what_is_used_stays() -> None:
    release = releaser()
    if release is None:
        pytest.skip("this C library keeps no arenas")
    kept = [bytes([number % 256]) * 50_000 for number in range(200)]
    del kept[::2]
    release()
    assert all(len(set(one)) == 1 for one in kept)


def test_other_systems_have_nothing_to_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert releaser() is None


class _Ring:
    """Refers to itself, so that counting alone never frees it."""

    def __init__(self) -> None:
        self.itself = self


def test_what_only_refers_to_itself_is_forgotten_before_memory_goes_back() -> None:
    ring = weakref.ref(_Ring())
    seen: list[object] = []
    forget(lambda: seen.append(ring()))
    assert seen == [None]
    forget(None)
