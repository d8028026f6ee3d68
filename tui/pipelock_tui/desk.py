"""What waits for a person: the prompts, which of them is chosen, and whether it may be answered now.

A key that was pressed before its prompt was on the screen must not answer it. So an answer is taken only when the
chosen prompt has been the chosen one for `ARM_DELAY`; and the choice never moves by itself onto another prompt
without starting that wait again. A key that comes too early starts it again too.

Prompts stand in groups: those to one host by one program together, the group that waits longest first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from pipelock.model import Answer, Grant, Offer, Outcome, Pending
from pipelock_tui.pending.choices import answered_words, is_flagged, offers_of
from pipelock_tui.words import OUTCOMES

__all__ = ["ARM_DELAY", "LINGER", "MAX_PROMPTS", "MAX_UNDO", "Desk", "Done", "Prompt", "covers", "group_of"]

ARM_DELAY = 0.3
"""Seconds a prompt must have been the chosen one before a key answers it."""
LINGER = 6.0
"""Seconds an ended prompt stays visible, marked with how it ended."""
MAX_PROMPTS = 1_000
"""Prompts kept; those beyond are only counted. The daemon's own queue is shorter."""
MAX_UNDO = 20
"""Answers that are remembered for undoing."""
_MAX_ENDED = 4_096


@dataclass(slots=True)
class Prompt:
    """One held action.

    Attributes:
        key: Its name on this desk: the daemon's id, or another where that daemon is gone.
        pending: What is held.
        seen: The desk's revision when it was last learned.
        ended: How it ended, empty while it waits; `ended_at` in monotonic seconds.
        sent: The answer on its way.
    """

    key: str
    pending: Pending
    seen: int
    ended: str = ""
    ended_at: float = 0.0
    sent: Answer | None = None

    def state(self, now: float) -> str:
        """How it stands in words, empty while it can be answered; `now` is seconds since the epoch."""
        if self.ended:
            return self.ended
        if self.sent is not None:
            return "answer sent"
        if self.pending.expires_at and self.pending.expires_at <= now:
            return OUTCOMES[Outcome.EXPIRED]
        return ""


def group_of(pending: Pending) -> tuple[str, str]:
    """What a prompt is listed under: the host, and the program that asks (the agent where no program is known)."""
    action = pending.action
    program = pending.processes[0].program if pending.processes else action.program
    return action.host or action.url, program or action.agent or action.client or "unknown"


@dataclass(frozen=True, slots=True)
class Done:
    """An answer of ours that the daemon took: for which prompt, in which words, and the grant that it left."""

    pending_id: str
    words: str
    grant: Grant | None
    count: int = 1


class Desk:
    """The prompts in the order in which they came. `now` is always monotonic seconds, `wall` seconds since 1970."""

    def __init__(self) -> None:
        self._prompts: dict[str, Prompt] = {}
        self._over: deque[str] = deque(maxlen=_MAX_ENDED)
        self._chosen = ""
        self._chosen_at = 0.0
        self._revision = 0
        self._offer = 0
        self._order: tuple[Prompt, ...] | None = None
        self._done: deque[Done] = deque(maxlen=MAX_UNDO)
        self.overflow = 0

    def __len__(self) -> int:
        return len(self._prompts)

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """All that are visible: group by group, in each the oldest first."""
        if self._order is None:
            groups: dict[tuple[str, str], list[Prompt]] = {}
            for prompt in self._prompts.values():
                groups.setdefault(group_of(prompt.pending), []).append(prompt)
            self._order = tuple(prompt for group in groups.values() for prompt in group)
        return self._order

    @property
    def waiting(self) -> int:
        """How many prompts wait, twins counted as one."""
        return sum(not prompt.ended for prompt in self._prompts.values())

    @property
    def chosen(self) -> Prompt | None:
        """The prompt that an answer goes to."""
        return self._prompts.get(self._chosen)

    @property
    def offer(self) -> Offer | None:
        """The scope that an answer to the chosen prompt would have; always the narrowest at first."""
        prompt = self.chosen
        if prompt is None:
            return None
        offers = offers_of(prompt.pending)
        return offers[min(self._offer, len(offers) - 1)]

    @property
    def last(self) -> Done | None:
        """The last answer of ours that was not undone."""
        return self._done[-1] if self._done else None

    @property
    def harmless(self) -> tuple[Pending, ...]:
        """Those that wait and in which nothing was noticed: what may be allowed all at once."""
        return tuple(
            prompt.pending
            for prompt in self.prompts
            if not prompt.ended and prompt.sent is None and not is_flagged(prompt.pending)
        )

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
        self._order = None
        if known is not None:
            if pending.id == self._chosen and covers(known.pending) != covers(pending):
                self._chosen_at, self._offer = now, 0
            known.pending, known.seen = pending, self._revision
        elif len(self._prompts) >= MAX_PROMPTS:
            self.overflow += 1
        else:
            self._prompts[pending.id] = Prompt(pending.id, pending, self._revision)
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
        for key, prompt in self._prompts.items():
            prompt.key = key
            if not prompt.ended:
                prompt.ended, prompt.ended_at = "gone, the daemon was restarted", now
        self._over.clear()
        self._done.clear()
        self._order = None
        self._choose(next(iter(self._prompts), ""), now)

    def sweep(self, now: float) -> bool:
        """Drop the prompts that ended long enough ago; returns whether any was."""
        gone = [key for key, prompt in self._prompts.items() if prompt.ended and now - prompt.ended_at >= LINGER]
        for key in gone:
            del self._prompts[key]
            self._order = None
        if gone and self.chosen is None:
            self._choose(self._first_waiting(), now)
        return bool(gone)

    def move(self, step: int, now: float) -> None:
        """Choose the prompt `step` places further."""
        keys = self._keys()
        if not keys:
            return
        place = keys.index(self._chosen) if self._chosen in self._prompts else 0
        self.choose(keys[min(max(place + step, 0), len(keys) - 1)], now)

    def choose(self, key: str, now: float) -> None:
        """Choose one of the prompts by its key; one that is chosen already stays as it is."""
        if key != self._chosen and key in self._prompts:
            self._choose(key, now)

    def widen(self, step: int) -> bool:
        """Choose a wider (+1) or narrower (-1) scope for the chosen prompt; whether there was one."""
        prompt = self.chosen
        if prompt is None:
            return False
        before = min(self._offer, len(offers_of(prompt.pending)) - 1)
        self._offer = min(max(before + step, 0), len(offers_of(prompt.pending)) - 1)
        return self._offer != before

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

    def pressed(self, now: float, wall: float) -> str:
        """A key that answers was pressed: why it does not count, empty where it does.

        A key that comes too early begins the wait anew: whoever holds one down answers the first prompt, and none of
        those that come up under his finger.
        """
        objection = self.objection(now, wall)
        if objection and now - self._chosen_at < ARM_DELAY:
            self.rearm(now)
        return objection

    def send(self, pending_id: str, answer: Answer) -> None:
        """An answer is on its way: a second one is not taken."""
        prompt = self._prompts.get(pending_id)
        if prompt is not None:
            prompt.sent = answer

    def unsend(self, pending_id: str) -> None:
        """The answer did not arrive: the prompt waits as before."""
        prompt = self._prompts.get(pending_id)
        if prompt is not None:
            prompt.sent = None

    def answered(
        self, pending_id: str, answer: Answer, now: float, *, grant: Grant | None = None, count: int = 1
    ) -> None:
        """The daemon took our answer; the next prompt is chosen, and not armed yet."""
        words = answered_words(answer)
        self._done.append(Done(pending_id, words, grant, count))
        following = self._after(pending_id)
        self._end(pending_id, f"{words} by you", now)
        if pending_id == self._chosen and following:
            self._choose(following, now)

    def undone(self) -> None:
        """The last answer is undone, or can't be: the one before it is the last."""
        if self._done:
            self._done.pop()

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

    def _keys(self) -> list[str]:
        return [prompt.key for prompt in self.prompts]

    def _after(self, key: str) -> str:
        """The next prompt that waits in the order of the screen, from the start again after the last."""
        keys = self._keys()
        place = keys.index(key) + 1 if key in self._prompts else 0
        waiting = (each for each in keys[place:] + keys[:place] if each != key and not self._prompts[each].ended)
        return next(waiting, "")

    def _first_waiting(self) -> str:
        return self._after("") or next(iter(self._keys()), "")

    def _choose(self, key: str, now: float) -> None:
        self._chosen, self._chosen_at, self._offer = key, now, 0


def covers(pending: Pending) -> tuple[object, ...]:
    """What an answer would cover: where that changes, a key that is on its way must not count.

    How many others an offer settles does not matter: it only grows and shrinks with the queue.
    """
    return pending.binding, tuple((offer.scope, offer.allow, offer.deny, offer.broad) for offer in pending.offers)
