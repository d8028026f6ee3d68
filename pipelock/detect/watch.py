"""What looks at the views of a text for more than patterns: seed phrases, known values, canaries, wallet addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pipelock.detect.views import View
from pipelock.model import Severity

__all__ = ["Found", "Watcher"]


class Found(NamedTuple):
    """Bytes `start` to `end` of a view, and what they are.

    Attributes:
        rule: As findings and `suppress` name it.
        what: What was found, to be followed by "found in …"; never a part of it.
        scanner: A layer of its own; empty for that of secrets.
        warns: No more than a warning is asked for.
        late: A rule that found something as well is named first.
    """

    rule: str
    what: str
    view: View
    start: int
    end: int
    severity: Severity = Severity.CRITICAL
    scanner: str = ""
    warns: bool = False
    late: bool = False


class Watcher(Protocol):
    """Looks at all views of one text. Pure, and safe to share between threads."""

    def find(self, views: Sequence[View], host: str = "") -> Sequence[Found]:
        """What the views, bound for `host`, hold, in any order.

        Raises:
            MatcherError: nothing is known about the views; block.
        """
        ...
