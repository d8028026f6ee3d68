"""The audit log in words: its files, and what is wrong in them. Pure."""

from __future__ import annotations

from datetime import datetime, tzinfo

from pipelock.model import AuditState
from pipelock_tui.states import empty_lines
from pipelock_tui.text import Line, fit, line
from pipelock_tui.words import number, size

__all__ = ["audit_lines"]

_PRIVATE = 0o077


def audit_lines(state: AuditState, width: int, zone: tzinfo | None = None) -> list[Line]:
    """The page, not wrapped."""
    if not state.files:
        hint = "The audit log goes to standard output; logging.output and logging.file keep it in a file."
        return [*empty_lines("There is no audit file.", hint), *_problems(state)]
    good = not state.problems and not state.broken and not state.backwards
    verdict = line(("  ✓ Nothing is wrong with it.", "allow")) if good else line((" ✗ SOMETHING IS WRONG ", "alarm"))
    lines = [verdict, *_problems(state), (), line(("READ", "title"))]
    part = "" if state.complete else f", the newest {size(state.read_bytes)}B only"
    lines += [
        line(("  lines      ", "dim"), f"{number(state.lines)}{part}"),
        line(("  blocked    ", "dim"), number(state.blocked)),
        line(("  broken     ", "dim"), (number(state.broken), "block" if state.broken else "")),
        line(("  backwards  ", "dim"), (number(state.backwards), "warn" if state.backwards else ""),
             ("  lines older than the one before" if state.backwards else "", "dim")),
    ]  # fmt: skip
    if state.first_at:
        lines.append(line(("  from, to   ", "dim"), f"{_when(state.first_at, zone)} to {_when(state.last_at, zone)}"))
    room = max(20, width - 40)
    lines += [(), line(("FILES", "title"), ("  newest first", "dim"))]
    lines.append(line((f"  {fit('file', room)} {'size':>6}  {'changed':<19}  mode", "head")))
    for file in state.files:
        open_to_all = bool(file.mode & _PRIVATE)
        lines.append(
            line(f"  {fit(file.path, room)} {size(file.size):>6}  {_when(file.modified_at, zone)}  ",
                 (f"{file.mode:04o}{' !' if open_to_all else ''}", "warn" if open_to_all else "dim"))
        )  # fmt: skip
    return lines


def _problems(state: AuditState) -> list[Line]:
    return [line(("  ✗ ", "block"), text) for text in state.problems]


def _when(at: float, zone: tzinfo | None) -> str:
    try:
        return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return "-"
