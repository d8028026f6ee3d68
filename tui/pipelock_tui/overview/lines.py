"""The first screen in words: the daemon, its traffic, what waits, the sessions, what was said lately. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from itertools import islice, zip_longest

from pipelock.model import Level, Session, Status, Tier
from pipelock_tui.board import Board, Remark
from pipelock_tui.facts import kill_sources
from pipelock_tui.rows import Row, row_line
from pipelock_tui.states import loading_lines
from pipelock_tui.text import Line, Part, cut, fit, line, width_of
from pipelock_tui.words import ago, clock_time, countdown, number, size

__all__ = ["LATEST", "LOOKED", "beside", "overview_lines"]

LATEST = 6
"""Rows of what was not simply allowed, and remarks, that are shown."""
LOOKED = 1_000
"""Newest rows that are looked through for them, so that a long quiet day costs nothing."""
_WIDE = 100
_LABEL = 13


def overview_lines(
    board: Board, now: float, width: int, zone: tzinfo | None = None, *, keys: Mapping[str, str]
) -> list[Line]:
    """The whole page at this width; `now` is seconds since the epoch, `keys` the words for keys by their actions."""
    status = board.status
    if status is None:
        if board.connection.up or not board.connection.since:
            return loading_lines("the daemon's state")
        return _unreached(board)
    half = (width - 3) // 2 if width >= _WIDE else width
    left = [*_daemon(status, now, keys), (), *_traffic(status, half)]
    right = [*_waiting(board, now, half, keys), (), *_sessions(board, status, half), (), *_tops(status, half)]
    lines = beside(left, right, half) if width >= _WIDE else [*left, (), *right]
    return [*lines, (), *_latest(board, width, zone), (), *_remarks(board.remarks, width, zone)]


def beside(left: Sequence[Line], right: Sequence[Line], width: int) -> list[Line]:
    """Two columns of `width` cells with a gap of three between; what is too long is cut."""
    rows: list[Line] = []
    for one, other in zip_longest(left, right, fillvalue=()):
        begun = _clip(one, width)
        rows.append((*begun, Part(" " * (width - width_of(begun) + 3)), *_clip(other, width)))
    return rows


def _clip(parts: Line, width: int) -> Line:
    kept: list[Part] = []
    room = width
    for part in parts:
        text = cut(part.text, room)
        kept.append(Part(text, part.role))
        room -= width_of((Part(text),))
        if room <= 0:
            break
    return tuple(kept)


def _title(words: str, note: str = "") -> Line:
    return line((words, "title"), (f"  {note}" if note else "", "dim"))


def _item(label: str, text: str, role: str = "") -> Line:
    return (Part(f"  {label:<{_LABEL}}", "dim"), Part(text, role))


def _unreached(board: Board) -> list[Line]:
    return [
        (),
        line((" ○ No daemon is reached ", "alarm")),
        (),
        line(f"  {board.connection.why or 'It does not answer.'}"),
        line(("  Start it with ", "dim"), ("pipelock run", "key"), (", or let this dashboard wait: ", "dim"),
             ("it connects as soon as one is there.", "dim")),
    ]  # fmt: skip


def _daemon(status: Status, now: float, keys: Mapping[str, str]) -> list[Line]:
    mode = status.mode if status.enforce else f"{status.mode}, not enforcing: nothing is refused"
    kill = status.kill_switch
    held = f"ON, held by {', '.join(kill_sources(kill)) or 'an unknown source'}" if kill.active else "off"
    lines = [
        _title("DAEMON", f"{status.version}, pid {status.pid}, up {ago(now - status.started_at)}"),
        _item("mode", mode, "" if status.enforce else "warn"),
        _item("kill switch", ("■ " if kill.active else "□ ") + held, "block" if kill.active else "allow"),
        _item("listens at", status.listen),
        _item("file", status.config_path or "built-in preset"),
        _item("policy", status.policy),
        _item("by default", status.egress_default or "as the mode says"),
        _item("audit log", status.audit_path or "standard output"),
        _item("opens TLS", status.ca_cert or "no, tunnels stay closed"),
    ]
    if status.admin:
        lines.append(_item("admin API", status.admin))
    if status.history:
        way = f"{keys['view.traffic']}, {keys['traffic.search']}"
        lines.append(_item("history", f"{number(status.history)} decisions can be searched ({way})"))
    if status.rss:
        lines.append(_item("memory", f"{size(status.rss)}B resident"))
    return lines


def _traffic(status: Status, width: int) -> list[Line]:
    rows = (
        ("✓ allowed", status.allowed, "allow"),
        ("! warned", status.warned, "warn"),
        ("✗ blocked", status.blocked, "block"),
    )
    most = max(1, *(count for _, count, _ in rows))
    room = max(4, width - _LABEL - 16)
    lines = [_title("TRAFFIC", f"{number(status.requests)} judged since the start")]
    for label, count, role in rows:
        bar = "█" * max(1 if count else 0, round(count * room / most))
        lines.append(line((f"  {label:<{_LABEL}}", role), (f"{number(count):>10}  ", "strong"), (bar, role)))
    lines.append(
        _item(
            "open now",
            f"{number(status.connections)} connections, {number(status.tunnels)} tunnels, "
            f"{number(status.websockets)} WebSockets",
        )
    )
    return lines


def _waiting(board: Board, now: float, width: int, keys: Mapping[str, str]) -> list[Line]:
    waiting = [prompt for prompt in board.desk.prompts if not prompt.state(now)]
    status = board.status
    others = max(0, (status.dashboards if status else 1) - 1)
    note = f"{others} other dashboard{'s' if others > 1 else ''} can answer, too" if others else ""
    lines = [_title("WAITING FOR YOU", note)]
    if not waiting:
        return [*lines, line(("  · nothing", "dim"))]
    see = ("  see ", (keys["view.pending"], "key"), " or answer below")
    lines.append(line(("  ◆ ", "ask"), (f"{len(waiting)}", "strong"), *see))
    for prompt in waiting[:3]:
        action = prompt.pending.action
        left = countdown(prompt.pending.expires_at, now)
        what = cut(f"{action.method} {action.host}", width - 20)
        lines.append(line((f"  #{prompt.pending.id} ", "strong"), what, (f"  {left}", "warn")))
    return lines


def _sessions(board: Board, status: Status, width: int) -> list[Line]:
    known = f"{number(status.sessions)} known"
    if status.contained:
        known += f", {number(status.contained)} behind walls"
    lines = [_title("SESSIONS", f"{known}, {number(status.grants)} grants hold")]
    levels = [(level, status.levels.get(level.value, 0)) for level in Level if level is not Level.NORMAL]
    tiers = [(tier, status.tiers.get(tier.value, 0)) for tier in Tier if tier is not Tier.NONE]
    told = [f"{count} {level.value}" for level, count in levels if count]
    told += [f"{count} in the airlock ({tier.value})" for tier, count in tiers if count]
    lines.append(line((f"  ▲ {', '.join(told)}", "warn")) if told else line(("  · all normal", "dim")))
    lines += [_session(session, width) for session in _worst(board.sessions)]
    return lines


def _worst(sessions: Iterable[Session]) -> list[Session]:
    suspicious = [each for each in sessions if each.level is not Level.NORMAL or each.tier is not Tier.NONE]
    return sorted(suspicious, key=lambda each: (each.tier.rank, each.level.rank, each.score), reverse=True)[:3]


def _session(session: Session, width: int) -> Line:
    tier = f", {session.tier.value}" if session.tier is not Tier.NONE else ""
    words = f"{session.level.value}{tier}"
    role = "block" if session.level.rank >= Level.HIGH.rank or session.tier.rank >= Tier.HARD.rank else "warn"
    return line(("  ", ""), cut(session.key, max(8, width - len(words) - 6)), (f"  {words}", role))


def _tops(status: Status, width: int) -> list[Line]:
    if not status.top_blocked and not status.top_layers:
        return []
    lines = [_title("MOST REFUSED")]
    for (host, count), (layer, times) in list(
        zip_longest(status.top_blocked[:4], status.top_layers[:4], fillvalue=("", 0))
    ):
        half = max(10, (width - 16) // 2)
        parts = [(f"  {number(count):>5} " if host else " " * 8, "block"), (fit(host, half), "")]
        if layer:
            parts += [(f"{number(times):>5} ", "block"), (cut(layer, half), "dim")]
        lines.append(line(*parts))
    return lines


def _latest(board: Board, width: int, zone: tzinfo | None) -> list[Line]:
    journal = board.journal
    found: list[Row] = []
    for row in islice(journal.newest(), LOOKED):
        if row.record is None or row.record.decision.verdict.value != "allow":
            found.append(row)
        if len(found) == LATEST:
            break
    lines = [_title("LATEST THAT WAS NOT SIMPLY ALLOWED", f"{number(journal.total)} rows in view 3")]
    if not found:
        return [*lines, line(("  · nothing yet", "dim"))]
    return [*lines, *(row_line(row, width, zone) for row in reversed(found))]


def _remarks(remarks: Iterable[Remark], width: int, zone: tzinfo | None) -> list[Line]:
    newest = list(remarks)[-LATEST:]
    if not newest:
        return []
    lines = [_title("WHAT YOU WERE TOLD")]
    for remark in newest:
        glyph, role = _SEVERITIES.get(remark.severity, ("i", "dim"))
        lines.append(
            line((f"  {clock_time(remark.at, zone)} ", "dim"), (f"{glyph} ", role), cut(remark.text, width - 14))
        )
    return lines


_SEVERITIES = {"error": ("✗", "block"), "warning": ("!", "warn")}
