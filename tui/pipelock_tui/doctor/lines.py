"""The doctor's findings in words, what is wrong first. Pure."""

from __future__ import annotations

from pipelock.model import Check, CheckState
from pipelock_tui.states import empty_lines
from pipelock_tui.text import Line, line

__all__ = ["check_lines"]

_LOOKS = {
    CheckState.FAIL: ("✗ fail", "block"),
    CheckState.WARN: ("! warn", "warn"),
    CheckState.OK: ("✓ ok", "allow"),
}


def check_lines(checks: tuple[Check, ...]) -> list[Line]:
    """The page, not wrapped."""
    if not checks:
        return empty_lines("The daemon checked nothing.")
    counts = {state: sum(check.state is state for check in checks) for state in CheckState}
    told = f"{counts[CheckState.FAIL]} fail, {counts[CheckState.WARN]} warn, {counts[CheckState.OK]} ok"
    lines: list[Line] = [line((f"  {len(checks)} checks: ", "strong"), told)]
    order = list(_LOOKS)
    for check in sorted(checks, key=lambda each: order.index(each.state)):
        glyph, role = _LOOKS[check.state]
        lines += [(), line((f"  {glyph:<8}", role), (check.name, "strong"))]
        if check.detail:
            lines.append(line(f"          {check.detail}"))
        if check.fix:
            lines.append(line(("          → ", "key"), (check.fix, "key")))
    return lines
