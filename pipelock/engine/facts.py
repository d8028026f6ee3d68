"""What the engine is told by the world, because it does not look for itself."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pipelock.detect.observe import Observer
from pipelock.model import Decision, Finding

__all__ = ["Answers", "Content", "Facts", "Lookup"]


class Answers(msgspec.Struct, frozen=True):
    """What the resolver said: textual addresses in order of preference, or why there are none."""

    addresses: tuple[str, ...] = ()
    error: str = ""


class Content(msgspec.Struct, frozen=True):
    """What the scanners found in headers and body. Computing it touches no state, so any thread may.

    Attributes:
        findings: In `body` where there is one, else in the action's own; what was found only in the original warns.
        policy: The hash of the policy it was made with: under another policy it proves nothing.
        body: What is to be sent instead of the action's body; `None` where that may go as it is.
        redactions: How many places of each class were replaced in `body`.
    """

    findings: tuple[Finding, ...] = ()
    policy: str = ""
    body: bytes | None = None
    redactions: dict[str, int] = {}


class Facts(msgspec.Struct, frozen=True):
    """The circumstances of one judgement.

    Attributes:
        now: Monotonic seconds, for windows.
        wall: Seconds since the epoch, for what a person is shown.
        content: The content scan where it was made elsewhere; `None` makes the engine scan here.
        again: This very action was judged and counted before; the rate limit neither asks nor counts.
        observer: Whoever explains the judgement is told of each layer.
    """

    now: float
    wall: float
    content: Content | None = None
    again: bool = False
    observer: Observer | None = None


class Lookup(msgspec.Struct, frozen=True):
    """The engine has no objection so far and needs the addresses of `host`.

    `resume` is called once, with the answers and the facts of that later moment, and gives the decision.
    """

    host: str
    resume: Callable[[Answers, Facts], Decision]
