"""What all tests share: the rules' databases, and what was collected being left alone.

The databases are compiled once a run, by whichever worker needs them first: that takes seconds each. Each worker keeps
those that it loaded; a matcher never changes.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from pipelock.detect._native import is_available
from pipelock.detect.matcher import Matcher

# An example takes as long as a busy machine lets it: nothing is measured by the clock. Fifty are looked at where a test
# asks for no other number; the long search is `make fuzz`.
settings.register_profile(
    "patient", settings.default, max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")

_SHARED = "PIPELOCK_TEST_RULES"
_LARGE = 30
"""Patterns from which on a set is one of the rules', and not a test's own."""
_MANY = 16
"""Matchers that a worker keeps."""


def pytest_configure(config: pytest.Config) -> None:
    """Let all workers of this run share one directory; it is named by environment, which they inherit."""
    if _SHARED not in os.environ:
        os.environ[_SHARED] = tempfile.mkdtemp(prefix="pipelock-test-rules-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(_SHARED), ignore_errors=True))
    shared = Path(os.environ[_SHARED])
    compile_anew = Matcher.__init__
    kept: dict[tuple[object, ...], dict[str, Any]] = {}

    def compile_once(
        self: Matcher, patterns: Sequence[bytes], *args: Any, cache: Path | None = None, **more: Any
    ) -> None:
        if len(patterns) < _LARGE:
            compile_anew(self, patterns, *args, cache=cache, **more)
            return
        key = (is_available(), tuple(patterns), args, repr(sorted(more.items())))
        if key not in kept:
            compile_anew(self, patterns, *args, cache=shared, **more)
            if len(kept) >= _MANY:
                kept.pop(next(iter(kept)))
            kept[key] = dict(vars(self))
        vars(self).update(kept[key])

    Matcher.__init__ = compile_once  # type: ignore[method-assign]
    config.add_cleanup(lambda: setattr(Matcher, "__init__", compile_anew))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Tests by the ten thousand are there to the end: no search for garbage goes through them again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
