"""What a conversation looks up and changes besides prompts: sessions, rules, history, fixes, pages about the daemon."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from pipelock.control import frames
from pipelock.model import Session, SessionVerb, Tier
from pipelock_tui.audit.lines import audit_lines
from pipelock_tui.board import Board
from pipelock_tui.config.lines import review_lines
from pipelock_tui.doctor.lines import check_lines
from pipelock_tui.kill.lines import kill_lines
from pipelock_tui.plain.answers import TypedError
from pipelock_tui.plain.printing import decision_line, grant_line, page, rule_line, session_line
from pipelock_tui.ports import Clock, Watch
from pipelock_tui.rows import Row
from pipelock_tui.rules.lines import matching
from pipelock_tui.sessions.acts import acted_words, question_of
from pipelock_tui.sessions.detail import detail_lines
from pipelock_tui.traffic.fixing import USUAL_DAYS, fix_lines, title_line

__all__ = ["PAGE", "Oversight"]

PAGE = 20
"""Decisions of the history that are printed at once."""
_SLOW = 30.0
_WIDTH = 100
_TRUST = 3600.0
R = TypeVar("R", bound=msgspec.Struct)


class Oversight:
    """Carries out those commands; each gives the lines to print. May raise `ControlError` and `TypedError`."""

    def __init__(self, link: Watch, board: Board, clock: Clock) -> None:
        self._link = link
        self._board = board
        self._clock = clock
        self._listed: list[str] = []
        self._query = ""
        self._before = 0

    async def sessions(self, rest: str) -> list[str]:
        """All sessions, numbered."""
        _nothing(rest)
        found = await self._link.sessions()
        self._board.learn_sessions(found)
        self._listed = [session.key for session in found]
        now = self._clock.wall()
        return [session_line(place, session, now) for place, session in enumerate(found, 1)] or ["no sessions"]

    async def session(self, rest: str) -> list[str]:
        """One of them in full."""
        key = self._key(rest)
        reply = await self._ask(lambda number: frames.InspectSession(number, key), frames.SessionReply)
        detail = reply.detail
        return page(detail_lines(detail.session, detail, self._clock.wall(), self._clock.zone, _WIDTH))

    async def airlock(self, rest: str) -> list[str]:
        """Set the tier: `airlock KEY none|soft|hard|drain yes`."""
        name, tier, sure = _words(rest, 3)
        if tier not in {each.value for each in Tier}:
            raise TypedError(f"the airlock is one of {', '.join(each.value for each in Tier)}")
        return await self._act(name, SessionVerb.AIRLOCK, sure, tier=Tier(tier))

    async def reset(self, rest: str) -> list[str]:
        """Forget score, level and airlock."""
        name, sure = _words(rest, 2)
        return await self._act(name, SessionVerb.RESET, sure)

    async def terminate(self, rest: str) -> list[str]:
        """End the session and its connections."""
        name, sure = _words(rest, 2)
        return await self._act(name, SessionVerb.TERMINATE, sure)

    async def task(self, rest: str) -> list[str]:
        """Begin a new task: `task KEY [LABEL]`."""
        name, _, label = rest.partition(" ")
        return await self._act(name, SessionVerb.TASK, "yes", label=label.strip())

    async def trust(self, rest: str) -> list[str]:
        """Trust the present task for an hour: `trust KEY SOURCE ACTION`, each a pattern in which `*` stands for any."""
        name, source, action = _words(rest, 3)
        if not source or not action:
            raise TypedError(
                "trust takes a session, the source and the action, for example: trust 1 https://docs.example/* *"
            )
        expires = self._clock.wall() + _TRUST
        return await self._act(
            name, SessionVerb.TRUST, "yes", source_match=source, action_match=action, expires_at=expires
        )

    async def rules(self, rest: str) -> list[str]:
        """Rules with their hits, those that hold a word."""
        reply = await self._ask(frames.ListRules, frames.RulesReply)
        found = matching(reply.items, None, rest)
        lines = [rule_line(row, self._clock) for row in found] or ["no rules"]
        return [*lines, "and more: pipelock rules"] if reply.more else lines

    async def grants(self, rest: str) -> list[str]:
        """Answers that hold, and what differs in approvals.yaml."""
        _nothing(rest)
        reply = await self._ask(frames.ListGrants, frames.GrantsReply)
        lines = [grant_line(grant) for grant in reply.items] or ["no grants"]
        if reply.unreviewed:
            lines += ["approvals.yaml was changed by somebody else; `review` takes it over:", *reply.unreviewed]
        return lines

    async def revoke(self, rest: str) -> list[str]:
        """Take a grant back."""
        (name,) = _words(rest, 1)
        reply = await self._ask(lambda number: frames.RevokeGrant(number, name), frames.Ok)
        return [f"✓ {reply.detail or 'taken back'}"]

    async def review(self, rest: str) -> list[str]:
        """Take over approvals.yaml as it is."""
        _nothing(rest)
        reply = await self._ask(frames.ReviewGrants, frames.Ok)
        return [f"✓ {reply.detail or 'taken over'}"]

    async def unsuppress(self, rest: str) -> list[str]:
        """Take an entry out of suppressions.yaml."""
        (name,) = _words(rest, 1)
        reply = await self._ask(lambda number: frames.RemoveSuppression(number, name), frames.Ok, _SLOW)
        return [f"✓ {reply.detail or 'taken out'}"]

    async def search(self, rest: str) -> list[str]:
        """Search the history, newest first."""
        self._query, self._before = rest, 0
        return await self._page()

    async def more(self, rest: str) -> list[str]:
        """The next page of the last search."""
        _nothing(rest)
        if not self._before:
            raise TypedError("there is nothing older, or nothing was searched yet")
        return await self._page()

    async def fix(self, rest: str) -> list[str]:
        """Propose how a refusal would be kept from happening again: `fix ACTION [DAYS [FINDING]]`, 0 the first one."""
        name, days, finding = _words(rest, 3)
        if days and not (days.isascii() and days.isdigit() and 0 < int(days[:4]) <= 365):
            raise TypedError("days are a number from 1 to 365")
        if finding and not (finding.isascii() and finding.isdigit() and len(finding) < 4):
            raise TypedError("a finding is told by its number, 0 the deciding one")
        length, which = int(days) if days else USUAL_DAYS, int(finding or 0)
        reply = await self._ask(lambda number: frames.ProposeFix(number, name, which, length), frames.FixReply, _SLOW)
        lines = page([title_line(reply.fix), *fix_lines(reply.fix, length, self._clock.zone, choosing=False)])
        return [*lines, f"apply {reply.fix.id} writes it"] if reply.fix.possible else lines

    async def apply(self, rest: str) -> list[str]:
        """Write a proposal and put it in force."""
        (name,) = _words(rest, 1)
        reply = await self._ask(lambda number: frames.ApplyFix(number, name), frames.Ok, _SLOW)
        return [f"✓ {reply.detail or 'in force'}"]

    async def config(self, rest: str) -> list[str]:
        """The file beside what is in force."""
        _nothing(rest)
        reply = await self._ask(frames.ReviewConfig, frames.ConfigReply, _SLOW)
        return page(review_lines(reply.review, "`reload`"))

    async def audit(self, rest: str) -> list[str]:
        """The audit log, looked through."""
        _nothing(rest)
        reply = await self._ask(frames.ReadAudit, frames.AuditReply, _SLOW)
        return page(audit_lines(reply.state, _WIDTH, self._clock.zone))

    async def doctor(self, rest: str) -> list[str]:
        """What is wrong."""
        _nothing(rest)
        reply = await self._ask(frames.RunDoctor, frames.DoctorReply, _SLOW)
        return page(check_lines(reply.checks))

    async def sources(self, rest: str) -> list[str]:
        """Who holds the kill switch, and how that is cleared."""
        _nothing(rest)
        status = self._board.status
        pid = status.pid if status else 0
        return page(kill_lines(self._board.kill, pid, known=status is not None, key="`kill on|off`"))

    async def _page(self) -> list[str]:
        query, before = self._query, self._before
        reply = await self._ask(
            lambda number: frames.SearchHistory(number, query, before, PAGE), frames.HistoryReply, _SLOW
        )
        found = reply.page
        self._before = found.before
        lines = [decision_line(Row(kept.record.at, kept.record), self._clock) for kept in found.items]
        end = "`more` goes on" if found.before else "nothing older"
        return [*lines, f"{len(lines)} decisions, {found.looked_at} looked at; {end}"]

    async def _act(
        self,
        name: str,
        verb: SessionVerb,
        sure: str,
        *,
        tier: Tier = Tier.NONE,
        label: str = "",
        source_match: str = "",
        action_match: str = "",
        expires_at: float = 0.0,
    ) -> list[str]:
        key = self._key(name)
        session = self._board.session(key) or Session(key=key, agent="", client="", started_at=0.0, last_seen_at=0.0)
        if sure != "yes":
            title, body, offer = question_of(session, verb, tier)
            return [title.strip(), *page(body), f"put `yes` behind the command to {offer}"]
        reply = await self._ask(
            lambda number: frames.ActOnSession(
                id=number,
                key=key,
                verb=verb,
                tier=tier,
                label=label,
                source_match=source_match,
                action_match=action_match,
                expires_at=expires_at,
            ),
            frames.ActedReply,
        )
        return [f"✓ {acted_words(session, reply.acted)}"]

    def _key(self, name: str) -> str:
        """The session's key: as it is, or by its number in the last list."""
        name = name.strip()
        if not name:
            raise TypedError("say which session: its key, or its number in `sessions`")
        if name.isascii() and name.isdigit() and 0 < int(name[:6]) <= len(self._listed):
            return self._listed[int(name[:6]) - 1]
        return name

    async def _ask(self, make: Callable[[int], frames.ClientFrame], kind: type[R], seconds: float = 5.0) -> R:
        return await self._link.ask(make, kind, seconds)


def _nothing(rest: str) -> None:
    if rest:
        raise TypedError("nothing comes after this command")


def _words(rest: str, count: int) -> list[str]:
    """Exactly `count` words, the missing ones empty; the first must be there."""
    words = rest.split()
    if not words or len(words) > count:
        raise TypedError("say which one" if not words else f"at most {count} words come after this command")
    return words + [""] * (count - len(words))
