"""The configuration file beside what is in force, in words. Pure."""

from __future__ import annotations

from pipelock.model import ConfigChange, ConfigReview
from pipelock_tui.text import Line, line

__all__ = ["review_lines"]


def review_lines(review: ConfigReview, key: str) -> list[Line]:
    """The page, not wrapped."""
    lines: list[Line] = [
        line((" CONFIGURATION ", "title"), review.path or "a built-in preset; there is no file"),
        line(("  in force   ", "dim"), f"policy {review.running}"),
    ]
    if review.on_disk:
        same = review.on_disk == review.running
        lines.append(line(("  on disk    ", "dim"), f"policy {review.on_disk}", (", the same" if same else "", "dim")))
    if review.error:
        lines += [
            (),
            line((" ✗ THE FILE CAN'T BE USED ", "alarm"), (" what is in force stays in force", "dim")),
            *(line((f"  {text}", "warn")) for text in review.error.split("\n")),
        ]
        return lines
    if not review.changes:
        said = "The file is what is in force." if review.path else "It is what is in force."
        return [*lines, (), line((f"  ✓ {said}", "allow")), *_warnings(review)]
    lines += [
        (),
        line(
            (f"  {_counted(len(review.changes), 'key')} changed. ", "strong"),
            (key, "key"),
            " puts the file in force.",
        ),
    ]
    if review.weaker:
        lines += [(), line((f" ! WEAKER IN {_counted(len(review.weaker), 'WAY', 'S')} ", "badge"))]
        lines += [line(("  ! ", "warn"), text) for text in review.weaker]
    lines += [(), line(("CHANGES", "title"))]
    for change in review.changes:
        lines += _change(change)
    return [*lines, *_warnings(review)]


def _counted(count: int, word: str, ending: str = "s") -> str:
    return f"{count} {word}{'' if count == 1 else ending}"


def _change(change: ConfigChange) -> list[Line]:
    lines = [
        line((f"  {change.key}", "strong"), (" ! weaker" if change.weaker else "", "warn"),
             (" only at the next start" if change.restart else "", "note")),
        line(("    - ", "block"), change.old or "not set"),
        line(("    + ", "allow"), change.new or "not set"),
    ]  # fmt: skip
    if change.weaker:
        lines.append(line((f"      {change.weaker}", "warn")))
    return lines


def _warnings(review: ConfigReview) -> list[Line]:
    if not review.warnings:
        return []
    return [(), line(("WARNINGS", "title")), *(line(("  ! ", "warn"), text) for text in review.warnings)]
