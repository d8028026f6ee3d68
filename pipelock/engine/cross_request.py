"""What several requests of one session say together: secrets in pieces, and more noise than work makes.

Each request is taken into its short values (`_fragments`), and each of these is put together with what came before in
the orders a sender of parts could have chosen (`_joins`): as sent, in the same place, by number, by name, last first,
and any two or three that look like parts. A finding counts if it needs the newest request and another one: what stands
within one request was found there. For slow senders the ends of what went to one place are kept for `DRIP_SECONDS`.

The budget counts the bits (Shannon entropy times length) of all values in the window; and of those values that look
like data and no language, what goes to one domain within `DRIP_SECONDS`.

Bounds: `MAX_SESSIONS` sessions of `max_buffer_bytes` each, together `MAX_TOTAL` bytes; `MAX_DRIPS` places and as many
domains of slow senders (300 bytes each). Full, what has got least far goes first, so that a flood washes out its own
like. One request costs two scans of at most `MAX_JOINED` bytes; of one with many values that look like parts only the
first and last `MAX_PARTS` are tried in any order. A session is a client's address: names that
agents give themselves don't divide it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec

from pipelock.detect._unfinished import LIMIT_RULE
from pipelock.detect.entropy import is_opaque, shannon
from pipelock.detect.hosts import HostSet
from pipelock.engine._fragments import ROUTINE, Fragments, Piece, read_fragments
from pipelock.engine._joins import Join, is_part, of_slot, of_strangers, wire_order
from pipelock.engine._session_pieces import SessionPieces
from pipelock.engine._tables import ProgressTable
from pipelock.engine.content import folded
from pipelock.model import Action, Finding, Kind, Severity

if TYPE_CHECKING:
    from pipelock.engine.policy import Policy

__all__ = [
    "BUDGET_RULE",
    "BUDGET_RULES",
    "DRIP_RULE",
    "DRIP_SECONDS",
    "LABEL",
    "MAX_DRIPS",
    "MAX_JOINED",
    "MAX_PARTS",
    "MAX_SESSIONS",
    "MAX_TOTAL",
    "CrossRequest",
    "CrossRequestSettings",
]

LABEL = "cross_request"
BUDGET_RULE = "Entropy Budget"
DRIP_RULE = "Slow Drip"
BUDGET_RULES = frozenset({BUDGET_RULE, DRIP_RULE})
MAX_SESSIONS = 10_000
MAX_TOTAL = 32 * 1024 * 1024
MAX_DRIPS = 4_096
MAX_JOINED = 262_144
MAX_PARTS = 2
DRIP_SECONDS = 86_400.0
DRIP_WINDOWS = 16
"""The budget of a domain for a day, in budgets of a window."""

_DRIP_BYTES = 256
_MAX_TOLD = 1_024
_SAMPLE = 4_096
_BUCKETS = 30
_HOURS = 24
_OPAQUE = 3.0


class CrossRequestSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `cross_request_detection`, with times in seconds; `buffer_bytes` and `budget_bits` of 0 switch off."""

    warns: bool = False
    buffer_bytes: int = 65_536
    window: float = 300.0
    budget_bits: float = 0.0
    budget_window: float = 300.0
    budget_warns: bool = True
    budget_exempt: HostSet = msgspec.field(default_factory=HostSet)


class _Drip(msgspec.Struct):
    """The end of what went to one place, and when."""

    at: float
    tail: bytes = b""
    last: bytes = b""


class _Bits(msgspec.Struct):
    """Bits by span of time."""

    spans: dict[int, float] = {}

    def add(self, bits: float, span: int, keep: int) -> float:
        """Count, forget what is older than `keep` spans, and give the sum."""
        for old in [one for one in self.spans if one <= span - keep]:
            del self.spans[old]
        self.spans[span] = self.spans.get(span, 0.0) + bits
        return sum(self.spans.values())


class CrossRequest:
    """A tracker (`pipelock.engine.trackers`)."""

    def __init__(self) -> None:
        self._sessions: ProgressTable[str, SessionPieces] = ProgressTable(MAX_SESSIONS)
        self._bits: OrderedDict[tuple[str, str], _Bits] = OrderedDict()
        self._drips: ProgressTable[tuple[str, str], _Drip] = ProgressTable(MAX_DRIPS)
        self._told: OrderedDict[str, tuple[Finding, ...]] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes that are remembered of sessions, overhead estimated."""
        return self._size

    def forget(self, client: str) -> bool:
        """Forget what this client sent, and what it used of its budgets; whether there was anything."""
        session = self._sessions.remove(client)
        if session is not None:
            self._size -= session.size
        bits = [key for key in self._bits if key[0] == client]
        for key in bits:
            del self._bits[key]
        drips = [key for key in self._drips.all_keys() if key[0] == client]
        for drip in drips:
            self._drips.remove(drip)
        return session is not None or bool(bits or drips)

    def judge(self, action: Action, policy: Policy, now: float, *, again: bool) -> tuple[Finding, ...]:
        """What this request completes, or what it is too much of.

        Raises:
            MatcherError: a join could not be searched; block.
        """
        settings = policy.cross_request
        if settings is None or action.comes_in:
            return ()
        if action.kind in (Kind.PIECE, Kind.MESSAGE):
            return () if again else self._more(action, settings, now)
        if action.kind not in (Kind.REQUEST, Kind.CONNECT):
            return ()
        if again:
            # It was counted when it came first, and what it adds up to has not changed.
            return self._told.get(action.id, ())
        fragments = read_fragments(action)
        client = action.client or action.session
        findings: list[Finding] = []
        if settings.buffer_bytes:
            findings += self._pieces(client, fragments, policy, settings, now)
        if settings.budget_bits and fragments.host not in settings.budget_exempt:
            findings += self._budget(client, fragments, settings, now)
        if findings:
            self._told[action.id] = tuple(findings)
            if len(self._told) > _MAX_TOLD:
                self._told.popitem(last=False)
        return tuple(findings)

    # -- pieces ------------------------------------------------------------------------------------------------------

    def _pieces(
        self, client: str, fragments: Fragments, policy: Policy, settings: CrossRequestSettings, now: float
    ) -> list[Finding]:
        session = self._sessions.get(client)
        if session is None:
            session = SessionPieces()
            for gone in self._sessions.add(client, session):
                self._size -= gone.size
        before = session.size
        session.forget(now - settings.window)
        findings = self._completed(client, session, fragments, policy, settings)
        # What is refused has not been sent; remembered, it would stand between the pieces when it is tried again.
        if not findings or settings.warns or not policy.enforce:
            session.add(fragments, now, settings.buffer_bytes)
            self._drip(client, fragments.pieces, now)
            if session.count > 1:
                self._sessions.promote(client)
        self._size += session.size - before
        while self._size > MAX_TOTAL and len(self._sessions) > 1:
            self._size -= self._sessions.drop().size
        return findings

    def _completed(
        self,
        client: str,
        session: SessionPieces,
        fragments: Fragments,
        policy: Policy,
        settings: CrossRequestSettings,
    ) -> list[Finding]:
        ordered = self._ordered(client, session, fragments)
        parts = [piece for piece in fragments.pieces if is_part(piece)]
        if len(parts) > 2 * MAX_PARTS:
            parts = [*parts[:MAX_PARTS], *parts[-MAX_PARTS:]]
        strangers = [join for piece in parts for join in of_strangers(session.recent, piece)]
        found: dict[str, Finding] = {}
        plain = [join for join in ordered if not join.decoded]
        for joins, decoded in (([join for join in ordered if join.decoded], True), (plain + strangers, False)):
            kept = _within_bounds(joins)
            if not kept:
                continue
            named = [(f"{number}~", join.text.decode("latin-1")) for number, join in enumerate(kept)]
            for finding in policy.secrets.scan_joined(named, host=fragments.host, decoded=decoded):
                number = finding.place.removesuffix("~")
                if finding.warns or finding.rule in (LIMIT_RULE, *found) or not number.isdecimal():
                    continue
                join = kept[int(number)]
                if _needs_both(join, finding, policy, fragments.host):
                    found[finding.rule] = _pieced(finding, join, session.count + 1, warns=settings.warns)
        return list(found.values())

    def _ordered(self, client: str, session: SessionPieces, fragments: Fragments) -> list[Join]:
        joins = []
        if session.wire and fragments.wire:
            joins.append(wire_order(session.wire, fragments.wire))
        fresh = session.fresh_keys(fragments.keys)
        if session.keys and fresh:
            joins.append(wire_order(session.keys, fresh))
        for piece in fragments.pieces:
            before = session.in_slot(piece)
            if before:
                joins += of_slot(before, piece)
            drip = self._drips.get((client, piece.slot))
            if drip is not None and not b"".join([one.data for one in before]).endswith(drip.tail):
                join = wire_order(drip.tail, piece.data)
                joins.append(join._replace(order="in the same place, over hours"))
        return joins

    def _drip(self, client: str, pieces: tuple[Piece, ...], now: float) -> None:
        for piece in pieces:
            key = (client, piece.slot)
            drip = self._drips.get(key)
            if drip is None:
                drip = _Drip(now)
                self._drips.add(key, drip)
            elif drip.last != piece.data:
                self._drips.promote(key)
            if now - drip.at > DRIP_SECONDS:
                drip.tail = b""
            if drip.last != piece.data:
                drip.tail = (drip.tail + piece.data)[-_DRIP_BYTES:]
                drip.last = piece.data[:_DRIP_BYTES]
            drip.at = now

    # -- budget ------------------------------------------------------------------------------------------------------

    def _more(self, action: Action, settings: CrossRequestSettings, now: float) -> tuple[Finding, ...]:
        """What more of a body, or one message, adds. What it says is not put together with what requests say."""
        if not settings.budget_bits or folded(action.host) in settings.budget_exempt:
            return ()
        # A message that is judged once more, with what it continues, was counted.
        size = min(action.size, len(action.body)) if action.kind is Kind.MESSAGE else len(action.body) - action.seen
        found = self._spent(action.client or action.session, action.body[action.seen :], size, settings, now)
        # One warning a body is enough.
        return () if settings.budget_warns and BUDGET_RULE in action.told else tuple(found)

    def _spent(self, client: str, data: bytes, size: int, settings: CrossRequestSettings, now: float) -> list[Finding]:
        """`size` bytes like those of `data` leave."""
        bits = shannon(data[:_SAMPLE].decode("latin-1")) * size
        span = int(now / (settings.budget_window / _BUCKETS))
        total = self._row(client, "").add(bits, span, _BUCKETS)
        if not bits or total < settings.budget_bits:
            return []
        text = f"{total:.0f} bits within {settings.budget_window / 60:g} minutes; {settings.budget_bits:.0f} may leave"
        return [_over(BUDGET_RULE, f"this session has sent {text}", settings)]

    def _budget(self, client: str, fragments: Fragments, settings: CrossRequestSettings, now: float) -> list[Finding]:
        findings = self._spent(client, fragments.wire, len(fragments.wire), settings, now)
        opaque = sum(
            shannon(text) * len(text)
            for text in (one.data.decode("latin-1") for one in fragments.pieces if not one.slot.startswith(ROUTINE))
            if is_opaque(text, 4.5) or (8 <= len(text) < 20 and shannon(text) >= _OPAQUE and _is_mixed(text))
        )
        if opaque:
            daily = DRIP_WINDOWS * settings.budget_bits
            total = self._row(client, fragments.domain).add(opaque, int(now / 3600), _HOURS)
            if total >= daily:
                text = f"{total:.0f} bits that look like data within a day; {daily:.0f} may leave"
                findings.append(_over(DRIP_RULE, f"this session has sent one domain {text}", settings))
        return findings

    def _row(self, client: str, domain: str) -> _Bits:
        key = (client, domain)
        row = self._bits.get(key)
        if row is None:
            row = self._bits[key] = _Bits()
            if len(self._bits) > MAX_DRIPS:
                self._bits.popitem(last=False)
        else:
            self._bits.move_to_end(key)
        return row


def _is_mixed(text: str) -> bool:
    return any(char.isdigit() for char in text) and any(char.isalpha() for char in text)


def _within_bounds(joins: list[Join]) -> list[Join]:
    """Each text once, as many as may be searched."""
    kept: dict[bytes, Join] = {}
    size = 0
    for join in joins:
        if join.text not in kept:
            size += len(join.text)
            if size > MAX_JOINED:
                break
            kept[join.text] = join
    return list(kept.values())


def _needs_both(join: Join, finding: Finding, policy: Policy, host: str) -> bool:
    """Whether what was found stands in the newest piece and in another one as well."""
    if finding.span is not None:
        start, end = finding.span.start, finding.span.end
        touches = start < join.end and end > join.start
        return touches and not (join.start <= start and end <= join.end)
    parts = [join.text[: join.start], join.text[join.start : join.end], join.text[join.end :]]
    named = [("part~", part.decode("latin-1")) for part in parts if part]
    alone = policy.secrets.scan_joined(named, host=host, decoded=True)
    return finding.rule not in {one.rule for one in alone}


def _pieced(finding: Finding, join: Join, requests: int, *, warns: bool) -> Finding:
    return Finding(
        scanner=LABEL,
        rule=finding.rule,
        severity=finding.severity,
        message=f"{finding.rule} in what {requests} requests of this session sent, put together {join.order}",
        place="session",
        path=finding.path,
        warns=warns,
    )


def _over(rule: str, message: str, settings: CrossRequestSettings) -> Finding:
    return Finding(
        scanner=LABEL,
        rule=rule,
        severity=Severity.MEDIUM,
        message=message,
        place="session",
        warns=settings.budget_warns,
    )
