"""A session's standing in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from pipelock.model import Level, Session, SessionNote, Tier

__all__ = ["duration", "what_next", "why"]

_MEANS = {
    Tier.SOFT: "watched",
    Tier.HARD: "read only",
    Tier.DRAIN: "nothing new is let through",
}


def duration(seconds: float) -> str:
    """About how long, for a sentence."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{round(minutes / 60)} h"


def why(session: Session, notes: Sequence[SessionNote]) -> str:
    """What brought it where it stands."""
    parts = []
    if session.ended:
        parts.append("the operator ended this session; what comes now starts afresh")
    if session.level is not Level.NORMAL:
        parts.append(f"level {session.level.value} ({session.score:g} points){_because(notes)}")
    if session.tier is not Tier.NONE:
        reason = f": {session.tier_why}" if session.tier_why else ""
        parts.append(f"airlock tier {session.tier.value} ({_MEANS[session.tier]}){reason}")
    used = [one.name.replace("_", " ") for one in session.budgets if one.used >= one.limit]
    if used:
        parts.append(f"used up: {', '.join(used)}")
    if not parts:
        counted = f"; {session.score:g} of {session.threshold:g} points" if session.score and session.threshold else ""
        return f"nothing is held against this session{counted}"
    return "; ".join(parts)


def _because(notes: Sequence[SessionNote]) -> str:
    for note in reversed(notes):
        if note.kind == "signal":
            place = f" at {note.target}" if note.target else ""
            return f", last for {note.type.replace('_', ' ')}{place}: {note.detail}"
    return ""


def what_next(session: Session, now: float) -> str:
    """What happens by itself and what a person can do. `now` in seconds since the epoch."""
    parts = []
    if session.level is not Level.NORMAL and session.recovers_at:
        parts.append(f"the level drops by one in {duration(session.recovers_at - now)} if no threat is refused before")
    if session.tier is not Tier.NONE:
        if session.tier_until:
            parts.append(f"the airlock opens by one tier in {duration(session.tier_until - now)}")
        else:
            parts.append("the airlock stays until a person releases it")
    if not parts:
        return "nothing happens by itself"
    commands = []
    if session.tier is not Tier.NONE:
        commands.append("`pipelock session release`")
    commands.append("`pipelock session reset`")
    return f"{'; '.join(parts)}; {' or '.join(commands)} ends it at once"
