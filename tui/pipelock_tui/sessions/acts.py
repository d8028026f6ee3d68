"""What is asked before something is done to a session, and what is said after it. Pure."""

from __future__ import annotations

from pipelock.model import Session, SessionActed, SessionVerb, Tier
from pipelock_tui.sessions.lines import name_of
from pipelock_tui.text import Line, line

__all__ = ["acted_words", "question_of"]


def question_of(session: Session, verb: SessionVerb, tier: Tier) -> tuple[str, list[Line], str]:
    """Title, text and offer of the question before `verb` is done to `session`."""
    name = name_of(session)
    who = line((name, "strong"), (f"   {session.key}", "dim"))
    open_now = f"{session.in_flight} connection{'' if session.in_flight == 1 else 's'}"
    match verb:
        case SessionVerb.TERMINATE:
            body = [
                who,
                line("Its connections and tunnels end at once, in the middle of whatever they do."),
                line(f"When last asked it had {open_now}."),
            ]
            if session.walls is None:
                body.append(line("Score, level and airlock are forgotten; what it sends next starts afresh."))
            elif not session.ended:
                told = "The agent loses its network, is told to end, and is killed where it has not done so in 8 s."
                body.insert(1, line(told))
            return f" END {name}? ", body, "end the session"
        case SessionVerb.RESET:
            body = [who, line("Score, level, bursts, airlock and notes are forgotten; connections go on.")]
            return f" RESET {name}? ", body, "forget all that counted"
        case SessionVerb.TASK:
            body = [who, line("Taint and the task's overrides are forgotten; score, level and airlock stay.")]
            return f" NEW TASK FOR {name}? ", body, "begin a new task"
        case SessionVerb.TRUST:
            return f" TRUST {name}? ", [who], "trust it"
        case SessionVerb.AIRLOCK:
            return _airlock(name, who, open_now, tier)


def _airlock(name: str, who: Line, open_now: str, tier: Tier) -> tuple[str, list[Line], str]:
    match tier:
        case Tier.NONE:
            return f" RELEASE {name}? ", [who, line("It is treated like any other again.")], "release it"
        case Tier.SOFT:
            body = [who, line("It may do everything again, and everything it does is recorded in full.")]
            return f" RELEASE {name}, AND OBSERVE IT? ", body, "release it to soft"
        case Tier.HARD:
            body = [
                who,
                line("It may only read: GET and HEAD pass, nothing is sent."),
                line(f"Tunnels that are not opened and WebSockets are ended; it has {open_now} now."),
            ]
            return f" CLOSE {name} IN? ", body, "read only from now on"
        case Tier.DRAIN:
            return f" DRAIN {name}? ", [who, line("Nothing new begins; what is open runs out.")], "let it run out"


def acted_words(session: Session, acted: SessionActed) -> str:
    """What came of it, in a sentence."""
    name = name_of(session)
    if not acted.changed:
        return f"{name}: nothing had to be changed."
    match acted.verb:
        case SessionVerb.TERMINATE:
            plural = "" if acted.ended == 1 else "s"
            return f"{name} was ended: {acted.ended} connection{plural} closed."
        case SessionVerb.RESET:
            return f"{name} was reset: it was {acted.previous_level.value} with {acted.previous_score:.1f} points."
        case SessionVerb.AIRLOCK:
            return f"{name} is {_closed(acted.new_tier)} now; it was {_closed(acted.previous_tier)}."
        case SessionVerb.TASK:
            label = f" ({acted.current_task_label})" if acted.current_task_label else ""
            cleared = "; taint is forgotten" if acted.taint_cleared else ""
            return f"{name} begins a new task{label}{cleared}."
        case SessionVerb.TRUST:
            return f"{name} is trusted for the time that you chose."


def _closed(tier: Tier) -> str:
    return {Tier.NONE: "open", Tier.SOFT: "observed", Tier.HARD: "read only", Tier.DRAIN: "draining"}[tier]
