"""`pipelock session …`: who is talking, why a session is closed in, and what to do about it."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Callable, Iterable

import msgspec

from pipelock.admin.wire import MAX_TEXT, SessionList, TrustWish
from pipelock.cli._admin import SessionDesk, open_desk
from pipelock.cli._session_keys import find_key
from pipelock.cli._session_text import explained, inspected, table
from pipelock.cli.errors import EXIT_OK, UsageError
from pipelock.cli.lines import count, duration
from pipelock.cli.output import print_json, print_table
from pipelock.cli.table import Arguments
from pipelock.config.rules import ValueRuleError, parse_duration
from pipelock.model import Tier, escape, is_sandbox_key

__all__ = ["execute"]

CHOICES = {
    "release-none": "release it: no airlock any more",
    "release-soft": "release it halfway: it may do all again and is watched",
    "terminate": "end its connections, and the agent if it runs in a sandbox; what comes next begins afresh",
    "leave": "leave it as it is",
}


def execute(arguments: Arguments) -> int:
    """Carry out one of the verbs."""
    if arguments.what == "list":
        return _list(arguments)
    if not arguments.key:
        raise UsageError(f"`pipelock session {arguments.what}` needs a session; `pipelock session list` shows them")
    for name in ("reason", "label"):
        if len(getattr(arguments, name)) > MAX_TEXT:
            raise UsageError(f"--{name} has at most {MAX_TEXT} characters")
    with open_desk(arguments) as desk:
        key = find_key(arguments.key, desk.sessions(""))
        return _VERBS[arguments.what](desk, key, arguments)


def _list(arguments: Arguments) -> int:
    with open_desk(arguments) as desk:
        sessions = desk.sessions(arguments.tier or "")
    if arguments.json:
        print_json(SessionList(sessions, len(sessions)))
    elif sessions:
        now = time.time()
        print_table(*table(sessions, now))
    else:
        print("No session is in that tier." if arguments.tier else "Nobody has sent anything yet.")
    return EXIT_OK


def _show(arguments: Arguments, value: msgspec.Struct, lines: Iterable[str]) -> int:
    if arguments.json:
        print_json(value)
    else:
        print("\n".join(lines))
    return EXIT_OK


def _inspect(desk: SessionDesk, key: str, arguments: Arguments) -> int:
    session = desk.inspect(key)
    return _show(arguments, session, inspected(session, time.time()))


def _explain(desk: SessionDesk, key: str, arguments: Arguments) -> int:
    why = desk.explain(key)
    return _show(arguments, why, explained(why, time.time()))


def _airlock(desk: SessionDesk, key: str, arguments: Arguments) -> int:
    if not arguments.to:
        raise UsageError("airlock needs --to: soft (watched), hard (read only), drain (nothing new), or none")
    tier = Tier.NONE if arguments.to == "normal" else Tier(arguments.to)
    done = desk.airlock(key, tier, arguments.reason)
    said = (
        f"is in tier {done.new_tier} now, after {done.previous_tier}" if done.changed else f"was in tier {tier} already"
    )
    return _show(arguments, done, [f"{escape(key, 80)} {said}."])


def _release(desk: SessionDesk, key: str, arguments: Arguments) -> int:
    if arguments.to in ("hard", "drain"):
        raise UsageError(f"a release never closes a session in; `pipelock session airlock --to {arguments.to}` does")
    return _release_to(desk, key, Tier.SOFT if arguments.to == "soft" else Tier.NONE, arguments)


def _release_to(desk: SessionDesk, key: str, tier: Tier, arguments: Arguments) -> int:
    now = Tier(desk.inspect(key).airlock_tier)
    if now.rank < tier.rank:
        raise UsageError(f"{escape(key, 80)} is in tier {now.value}; a release never closes a session in further")
    done = desk.airlock(key, tier, arguments.reason)
    said = (
        f"released from tier {done.previous_tier} to {done.new_tier}" if done.changed else f"stays in tier {now.value}"
    )
    return _show(arguments, done, [f"{escape(key, 80)} {said}."])


def _reset(desk: SessionDesk, key: str, arguments: Arguments) -> int:
    done = desk.reset(key, arguments.reason)
    text = f"{escape(key, 80)} begins afresh; it was at level {done.previous_level}, {done.previous_score:g} points."
    return _show(arguments, done, [text])


def _terminate(desk: SessionDesk, key: str, arguments: Arguments) -> int:
    done = desk.terminate(key, arguments.reason)
    after = (
        "Its agent is told to end, if it still runs." if is_sandbox_key(key) else "What it sends next begins afresh."
    )
    text = f"{escape(key, 80)} is ended, {count(done.ended, 'connection')} closed. {after}"
    return _show(arguments, done, [text])


def _task(desk: SessionDesk, key: str, arguments: Arguments) -> int:
    done = desk.task(key, arguments.label, arguments.reason)
    cleared = "what it had read is forgotten" if done.taint_cleared else "it had read nothing doubtful"
    return _show(arguments, done, [f"A new task begins for {escape(key, 80)}: {cleared}."])


def _trust(desk: SessionDesk, key: str, arguments: Arguments) -> int:
    if not (arguments.source or arguments.action):
        raise UsageError("trust needs --source or --action: it has to be about something")
    try:
        seconds = parse_duration(arguments.span)
    except ValueRuleError as error:
        raise UsageError(f"--for {escape(arguments.span, 40)}: {error}") from error
    wish = TrustWish(
        source_match=arguments.source or "",
        action_match=arguments.action or "",
        expires_at=dt.datetime.fromtimestamp(time.time() + seconds, dt.UTC),
        granted_by="command line",
        reason=arguments.reason,
    )
    done = desk.trust(key, wish)
    text = f"{escape(key, 80)} is trusted with that for {duration(seconds)}, or until its next task."
    return _show(arguments, done, [text])


def _recover(desk: SessionDesk, key: str, arguments: Arguments) -> int:
    choice = arguments.choice
    if not choice:
        if arguments.no_prompt:
            raise UsageError(f"--no-prompt needs --choice, one of {', '.join(CHOICES)}")
        print("\n".join(explained(desk.explain(key), time.time())), file=sys.stderr)
        choice = _asked(input)
    if choice == "leave":
        print(f"{escape(key, 80)} stays as it is.", file=sys.stderr)
        return EXIT_OK
    if choice == "terminate":
        return _terminate(desk, key, arguments)
    return _release_to(desk, key, Tier.SOFT if choice == "release-soft" else Tier.NONE, arguments)


def _asked(read: Callable[[], str]) -> str:
    """The choice that a person makes; what is not clear, and the end of input, change nothing."""
    if not sys.stdin.isatty():
        raise UsageError(f"nobody is there to ask; use --choice, one of {', '.join(CHOICES)}")
    for number, (choice, words) in enumerate(CHOICES.items(), 1):
        print(f"  {number}  {choice}: {words}", file=sys.stderr)
    print("Which (1 to 4)? ", end="", file=sys.stderr, flush=True)
    try:
        said = read().strip()
    except EOFError:
        return "leave"
    if said in CHOICES:
        return said
    return list(CHOICES)[int(said) - 1] if said in ("1", "2", "3", "4") else "leave"


_VERBS: dict[str, Callable[[SessionDesk, str, Arguments], int]] = {
    "inspect": _inspect,
    "explain": _explain,
    "airlock": _airlock,
    "release": _release,
    "terminate": _terminate,
    "trust": _trust,
    "recover": _recover,
    "reset": _reset,
    "task": _task,
}
