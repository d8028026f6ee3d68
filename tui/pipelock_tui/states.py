"""What a view says while it has nothing to show: not asked yet, nothing there, or why it can't be had. Pure."""

from __future__ import annotations

from pipelock_tui.text import Line, line

__all__ = ["broken_lines", "empty_lines", "error_lines", "loading_lines"]


def loading_lines(what: str) -> list[Line]:
    """The daemon was asked and has not answered."""
    return [(), line((f"  … {what}: the daemon is being asked", "dim"))]


def empty_lines(what: str, hint: str = "") -> list[Line]:
    """There is nothing, and what would bring something."""
    lines: list[Line] = [(), line((f"  · {what}", "strong"))]
    return [*lines, line((f"    {hint}", "dim"))] if hint else lines


def error_lines(what: str, why: str, hint: str = "") -> list[Line]:
    """It could not be had, and why."""
    lines: list[Line] = [(), line((f"  ✗ {what}", "block")), line((f"    {why}", "warn"))]
    return [*lines, line((f"    {hint}", "dim"))] if hint else lines


def broken_lines(title: str, why: str, key: str) -> list[Line]:
    """A view broke. The rest of the dashboard goes on."""
    return [
        (),
        line((f" ✗ {title} can't be shown ", "alarm")),
        (),
        line(f"  {why}"),
        (),
        line(("  This is a defect of the dashboard, not of the daemon: traffic and prompts are not affected.", "dim")),
        line(("  ", ""), (key, "key"), (" tries it again.", "dim")),
    ]
