"""What waits for a person: the prompts, which of them is chosen, and whether it may be answered now.

A key that was pressed before its prompt was on the screen must not answer it. So an answer is taken only when the
chosen prompt has been the chosen one for `ARM_DELAY`; and the choice never moves by itself onto another prompt
without starting that wait again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from pipelock.model import AnswerWord, Outcome, Pending
from pipelock_tui.words import ANSWERED, OUTCOMES

__all__ = ["ARM_DELAY", "LINGER", "MAX_PROMPTS", "Desk", "Prompt"]

ARM_DELAY = 0.3
"""Seconds a prompt must have been the chosen one before a key answers it."""
LINGER = 6.0
"""Seconds an ended prompt stays visible, marked with how it ended."""
MAX_PROMPTS = 1_000
"""Prompts kept; those beyond are only counted. The daemon's own queue is shorter."""
_MAX_ENDED = 4_096


@dataclass(slots=True)
class Prompt:
    """One held action. `ended` says how it ended, empty while it waits; `sent` is the answer on its way."""

    pending: Pending
    seen: int
    ended: str = ""
    ended_at: float = 0.0
    sent: AnswerWord | None = None

    def state(self, now: float) -> str:
        """How it stands in words, empty while it can be answered; `now` is seconds since the epoch."""
        if self.ended:
            return self.ended
        if self.sent is not None:
            return "answer sent"
        if self.pending.expires_at and self.pending.expires_at <= now:
            return OUTCOMES[Outcome.EXPIRED]
        return ""


class Desk:
    """The prompts in the order in which they came. `now` is always monotonic seconds, `wall` seconds since 1970."""

    def __init__(self) -> None:
        self._prompts: dict[str, Prompt] = {}
        self._over: deque[str] = deque(maxlen=_MAX_ENDED)
        self._chosen = ""
        self._chosen_at = 0.0
        self._revision = 0
        self.overflow = 0

    def __len__(self) -> int:
        return len(self._prompts)

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """All that are visible, oldest first."""
        return tuple(self._prompts.values())

    @property
    def waiting(self) -> int:
        """How many prompts wait, twins counted as one."""
        return sum(not prompt.ended for prompt in self._prompts.values())

    @property
    def chosen(self) -> Prompt | None:
        """The prompt that an answer goes to."""
        return self._prompts.get(self._chosen)

    @property
    def revision(self) -> int:
        """Grows with every prompt that is learned; see `reconcile`."""
        return self._revision

    def hold(self, pending: Pending, now: float) -> None:
        """Something waits, or its count of twins changed."""
        if pending.id in self._over:
            return
        known = self._prompts.get(pending.id)
        self._revision += 1
        if known is not None:
            if known.pending.binding != pending.binding and pending.id == self._chosen:
                self._chosen_at = now
            known.pending, known.seen = pending, self._revision
        elif len(self._prompts) >= MAX_PROMPTS:
            self.overflow += 1
        else:
            self._prompts[pending.id] = Prompt(pending, self._revision)
            # An ended prompt only lingers to be read; what waits comes first, and is not armed yet.
            if self.chosen is None or self.chosen.ended:
                self._choose(pending.id, now)

    def release(self, pending_id: str, outcome: Outcome, by: str, now: float) -> None:
        """It ended; the prompt stays for `LINGER`, marked."""
        self._end(pending_id, f"{OUTCOMES[outcome]} by {by}" if by else OUTCOMES[outcome], now)

    def reconcile(self, listed: Iterable[Pending], revision: int, now: float) -> None:
        """Take over the daemon's own list, asked for when `revision` was current.

        Prompts learned after that are newer than the list; those that are not on it ended while nobody looked.
        """
        present = {pending.id: pending for pending in listed}
        for prompt in self.prompts:
            if not prompt.ended and prompt.pending.id not in present and prompt.seen <= revision:
                self._end(prompt.pending.id, "ended elsewhere", now)
        self.overflow = 0
        for pending in present.values():
            known = self._prompts.get(pending.id)
            if known is None or known.seen <= revision:
                self.hold(pending, now)

    def restart(self, now: float) -> None:
        """Another daemon answers now: what the old one held is gone, and its numbers mean nothing any more."""
        self._prompts = {f"old {key}": prompt for key, prompt in self._prompts.items() if not key.startswith("old ")}
        for prompt in self._prompts.values():
            if not prompt.ended:
                prompt.ended, prompt.ended_at = "gone, the daemon was restarted", now
        self._over.clear()
        self._choose(next(iter(self._prompts), ""), now)

    def sweep(self, now: float) -> bool:
        """Drop the prompts that ended long enough ago; returns whether any was."""
        gone = [key for key, prompt in self._prompts.items() if prompt.ended and now - prompt.ended_at >= LINGER]
        for key in gone:
            del self._prompts[key]
        if gone and self.chosen is None:
            self._choose(self._first_waiting(), now)
        return bool(gone)

    def move(self, step: int, now: float) -> None:
        """Choose the prompt `step` places further."""
        keys = list(self._prompts)
        if not keys:
            return
        place = keys.index(self._chosen) if self._chosen in self._prompts else 0
        target = keys[min(max(place + step, 0), len(keys) - 1)]
        if target != self._chosen:
            self._choose(target, now)

    def rearm(self, now: float) -> None:
        """The prompts were covered or uncovered: a key pressed before that must not count."""
        self._chosen_at = now

    def objection(self, now: float, wall: float) -> str:
        """Why the chosen prompt can't be answered at this moment; empty when it can."""
        prompt = self.chosen
        if prompt is None:
            return "Nothing waits for an answer."
        state = prompt.state(wall)
        if state:
            return f"#{prompt.pending.id} can't be answered: {state}."
        if now - self._chosen_at < ARM_DELAY:
            return "Key ignored: this prompt had only just appeared. Press it again."
        return ""

    def send(self, pending_id: str, word: AnswerWord) -> None:
        """An answer is on its way: a second one is not taken."""
        prompt = self._prompts.get(pending_id)
        if prompt is not None:
            prompt.sent = word

    def unsend(self, pending_id: str) -> None:
        """The answer did not arrive: the prompt waits as before."""
        prompt = self._prompts.get(pending_id)
        if prompt is not None:
            prompt.sent = None

    def answered(self, pending_id: str, word: AnswerWord, now: float) -> None:
        """The daemon took our answer; the next prompt is chosen, and not armed yet."""
        self._end(pending_id, f"{ANSWERED[word]} by you", now)
        if pending_id == self._chosen:
            following = self._first_waiting()
            if following:
                self._choose(following, now)

    def stale(self, pending_id: str, why: str, now: float) -> None:
        """The daemon says that this is no longer to be answered."""
        self._end(pending_id, why, now)

    def _end(self, pending_id: str, how: str, now: float) -> None:
        if pending_id not in self._over:
            self._over.append(pending_id)
        prompt = self._prompts.get(pending_id)
        if prompt is None:
            return
        if prompt.ended.endswith(" by you") and " by " in how:
            return
        prompt.ended, prompt.ended_at, prompt.sent = how, prompt.ended_at or now, None

    def _first_waiting(self) -> str:
        waiting = (key for key, prompt in self._prompts.items() if not prompt.ended)
        return next(waiting, next(iter(self._prompts), ""))

    def _choose(self, key: str, now: float) -> None:
        self._chosen, self._chosen_at = key, now
