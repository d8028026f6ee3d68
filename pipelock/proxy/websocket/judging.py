"""The questions that the messages of one WebSocket put to the door, and what the answers mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol as Shape

import msgspec

from pipelock.door.door import Door, Ticket
from pipelock.model import Action, Decision, Direction, Fault, Kind, Verdict
from pipelock.proxy.websocket.endpoint import Message
from pipelock.proxy.websocket.lane import Side
from pipelock.proxy.websocket.rolling import Look, Rolling

__all__ = ["Judging", "Verdicts"]

_TEXT = "text/plain; charset=utf-8"


class Verdicts(Shape):
    """Who carries the answers out."""

    def passes(self, side: Side, instead: bytes | None) -> None:
        """What `side` sent last passes, or `instead` of it this."""

    def drops(self, side: Side) -> None:
        """It does not pass, and ends nothing."""

    def refuses(self, side: Side, decision: Decision) -> None:
        """It was refused."""


class Judging:
    """Has messages judged, one question of each side at a time.

    Args:
        door: Answers.
        action: The opening request; messages are judged as parts of it.
        verdicts: Is told what becomes of a message.
    """

    def __init__(self, door: Door, action: Action, verdicts: Verdicts) -> None:
        self._door = door
        self._action = msgspec.structs.replace(action, kind=Kind.MESSAGE, headers=(), content_type="", fault=None)
        self._verdicts = verdicts
        self._rolling = {side: Rolling(speaks=side is Side.UPSTREAM) for side in Side}
        self._tickets: dict[Side, Ticket] = {}
        self._is_over = False

    @property
    def is_asking(self) -> bool:
        """Whether an answer is waited for."""
        return bool(self._tickets)

    def is_held(self, side: Side) -> bool:
        """Whether a person is being asked about what `side` sent."""
        ticket = self._tickets.get(side)
        return ticket is not None and ticket.pending is not None

    def give_up(self) -> None:
        """Nobody wants the answers any more that are waited for."""
        tickets, self._tickets = self._tickets, {}
        for ticket in tickets.values():
            ticket.abandon()

    def close(self) -> None:
        """Likewise, and none that is still to come."""
        self._is_over = True
        self.give_up()

    def ask_about(self, side: Side, fault: Fault | None, then: Callable[[Decision], None]) -> None:
        """Have `side` refused for a `fault`, or by whatever refuses everything."""
        self._ask(side, msgspec.structs.replace(self._of(side), fault=fault), then)

    def judge(self, side: Side, message: Message) -> None:
        """Have a message judged with what it continues: in one go where it is one text, else after it by itself."""
        if self._door.engine.policy.scan_messages and not message.is_binary and self.judges_together(side):
            look = self._rolling[side].look(message.data)
            if look.context:
                # Once more on a line of its own: what it continues must not hide where it begins.
                body = b"%b%b\n%b" % (look.context, message.data, message.data)
                action = self._asking(side, message, body, len(look.context))
                self._ask(side, action, lambda decision: self._judged_at_once(side, look, decision))
                return
        action = self._asking(side, message, message.data, 0)
        self._ask(side, action, lambda decision: self._judged(side, message, decision))

    def judges_together(self, side: Side) -> bool:
        """Whether one verdict may do for several texts: not where a part may be replaced, which could not be found."""
        policy = self._door.engine.policy
        if side is Side.CLIENT:
            return policy.redaction is None
        return policy.response_action is not Verdict.STRIP

    def judge_together(self, side: Side, messages: tuple[Message, ...]) -> None:
        """Have plain texts judged as the one text they are, and line by line."""
        datas = [message.data for message in messages]
        whole = b"".join(datas)
        look = self._rolling[side].look(whole)
        known = look.body if look.context is None else look.context
        body = b"\n".join([known + whole if look.context is not None else known, *datas])
        action = self._asking(side, messages[0], body, look.seen)

        action = msgspec.structs.replace(action, size=len(whole))
        self._ask(side, action, lambda decision: self._judged_at_once(side, look, decision))

    def _asking(self, side: Side, message: Message, body: bytes, seen: int) -> Action:
        return msgspec.structs.replace(
            self._of(side),
            body=body,
            seen=seen,
            size=len(message.data),
            binary=message.is_binary,
            content_type="" if message.is_binary else _TEXT,
        )

    def _judged_at_once(self, side: Side, look: Look, decision: Decision) -> None:
        if decision.verdict is Verdict.BLOCK:
            self._verdicts.refuses(side, decision)
        elif decision.body is not None:
            self._verdicts.drops(side)
        else:
            self._rolling[side].passed(look, None, decision)
            self._verdicts.passes(side, None)

    def _judged(self, side: Side, message: Message, decision: Decision) -> None:
        if decision.verdict is Verdict.BLOCK:
            self._verdicts.refuses(side, decision)
            return
        if not self._door.engine.policy.scan_messages:
            self._verdicts.passes(side, None)
            return
        passing = message.data if decision.body is None else decision.body
        look = self._rolling[side].look(passing)
        if not look.seen:
            self._rolling[side].passed(look, decision)
            self._verdicts.passes(side, decision.body)
            return
        # Its bytes were counted when it was judged by itself.
        action = self._asking(side, message, look.body, look.seen)
        action = msgspec.structs.replace(action, content_type=_TEXT, size=0)
        self._ask(side, action, lambda second: self._judged_again(side, look, decision, second))

    def _judged_again(self, side: Side, look: Look, first: Decision, second: Decision) -> None:
        if second.verdict is Verdict.BLOCK:
            self._verdicts.refuses(side, second)
        elif second.body is not None:
            # What is to be taken out began in a message that has gone on: all that is left to do is to end it there.
            self._verdicts.drops(side)
        else:
            self._rolling[side].passed(look, first, second)
            self._verdicts.passes(side, first.body)

    def _of(self, side: Side) -> Action:
        direction = Direction.OUTBOUND if side is Side.CLIENT else Direction.INBOUND
        return msgspec.structs.replace(self._action, direction=direction)

    def _ask(self, side: Side, action: Action, then: Callable[[Decision], None]) -> None:
        def judged(decision: Decision) -> None:
            self._tickets.pop(side, None)
            if not self._is_over:
                then(decision)

        ticket = self._door.judge(action, judged)
        if ticket.then is not None:
            self._tickets[side] = ticket
