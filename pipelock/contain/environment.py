"""The environment of a launched agent: nothing but what is known to be harmless, what is asked for, and what we set."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Final

import msgspec

from pipelock.contain.defaults import Preset, variables
from pipelock.contain.host import Host
from pipelock.contain.profile import Source
from pipelock.contain.spots import absolute

__all__ = ["Environment", "Surroundings", "VariableError", "Wanted", "environment", "is_refused", "looks_secret"]

_MAX_VALUE: Final = 131_072
"""Bytes of one variable: MAX_ARG_STRLEN of execve(2)."""


class VariableError(ValueError):
    """A variable that is never set. The message names a way."""


class Wanted(msgspec.Struct, frozen=True):
    """`NAME`, `NAME=VALUE` or a name with one `*`, and who asks for it."""

    text: str
    source: Source


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What the environment must fit.

    Attributes:
        folder: Where the command is run.
        is_shown: Whether a path is there inside, as it is written.
        preset: The agent's.
        set: What we set ourselves: those of the proxy and of trust.
    """

    folder: str
    is_shown: Callable[[str], bool]
    preset: Preset | None = None
    set: Callable[[Mapping[str, str]], Mapping[str, str]] = lambda _: {}


class Environment(msgspec.Struct, frozen=True):
    """All variables, sorted, and lines that a person should read."""

    variables: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


def environment(wanted: Iterable[Wanted], host: Host, around: Surroundings) -> Environment:
    """The agent's environment.

    What was asked for with a value or by its exact name wins over everything, but for what is never set.

    Raises:
        VariableError: One of `wanted` is never set, or is no variable.
    """
    asked, notes = _asked(wanted, host)
    chosen = dict(_harmless(host, around))
    chosen |= _own(host, around)
    chosen |= around.set({**chosen, **asked})
    chosen |= asked
    kept = {name: value for name, value in chosen.items() if not is_refused(name) and _is_sane(value)}
    return Environment(tuple(sorted(kept.items())), tuple(notes))


def is_refused(name: str) -> bool:
    """Whether a variable is never set."""
    return _meets(variables().refused, name)


def looks_secret(name: str, value: str) -> bool:
    """Whether a variable is probably a secret, by its name or its value."""
    table = variables()
    padded = f"_{name.upper()}_"
    if any(f"_{word}_" in padded for word in table.secret_words):
        return True
    if name.upper().endswith(("TOKEN", "SECRET", "PASSWORD", "APIKEY")):
        return True
    if value.startswith(table.secret_values):
        return True
    # A URL with a password in it (RFC 3986 §3.2.1).
    authority = value.partition("://")[2].partition("/")[0]
    user, at, _ = authority.rpartition("@")
    return bool(at) and ":" in user


def _is_sane(value: str) -> bool:
    return "\0" not in value and len(value.encode("utf-8", "surrogateescape")) < _MAX_VALUE


def _matches(pattern: str, name: str) -> bool:
    head, star, tail = pattern.partition("*")
    if not star:
        return pattern == name
    return len(name) >= len(head) + len(tail) and name.startswith(head) and name.endswith(tail)


@cache
def _by_kind(patterns: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Whole names, and patterns: most are whole."""
    whole = frozenset(one for one in patterns if "*" not in one)
    return whole, tuple(one for one in patterns if "*" in one)


def _meets(patterns: tuple[str, ...], name: str) -> bool:
    whole, others = _by_kind(patterns)
    return name in whole or any(_matches(one, name) for one in others)


def _asked(wanted: Iterable[Wanted], host: Host) -> tuple[dict[str, str], list[str]]:
    found: dict[str, str] = {}
    valued: dict[tuple[Source, str], str] = {}
    notes: list[str] = []
    # Those of the command line last: theirs is the last word. A name with its value beats a bare one.
    for one in sorted(wanted, key=lambda each: (each.source is Source.COMMAND, "=" in each.text, each.text)):
        name, equals, value = one.text.partition("=")
        _check(one.text, name)
        if "*" in name:
            if equals or name == "*":
                raise VariableError(f"--env {one.text!r}: a pattern is PREFIX*, without a value")
            found |= _by_pattern(name, host)
            continue
        if equals and valued.setdefault((one.source, name), value) != value:
            raise VariableError(f"--env {name}: is there twice with different values")
        if not equals:
            if name not in host.environ:
                notes.append(f"{name} is to be passed on and is not set")
                continue
            value = host.environ[name]
        found[name] = value
        if looks_secret(name, value):
            notes.append(f"{name} holds a secret, and the agent can read it ({one.source})")
        elif _is_risky(name):
            notes.append(f"{name} makes programs run other code than their own ({one.source})")
    return found, notes


def _check(text: str, name: str) -> None:
    if not name or "\0" in text:
        raise VariableError(f"--env {text!r}: write NAME, NAME=VALUE or PREFIX*")
    if "*" not in name and is_refused(name):
        raise VariableError(
            f"--env {name}: is never set, because it makes every program of the agent run other code, or is ours; "
            f"for one program write -- env {name}=… COMMAND"
        )


def _by_pattern(pattern: str, host: Host) -> dict[str, str]:
    """What a pattern meets: never what is refused or risky, nor what looks like a secret."""
    return {
        name: value
        for name, value in host.environ.items()
        if _matches(pattern, name) and not is_refused(name) and not _is_risky(name) and not looks_secret(name, value)
    }


def _is_risky(name: str) -> bool:
    return _meets(variables().risky, name)


def _harmless(host: Host, around: Surroundings) -> Iterator[tuple[str, str]]:
    """What is passed on unasked: the table's, and the preset's with its keys."""
    of_preset = around.preset.env if around.preset is not None else ()
    keys = around.preset.secrets if around.preset is not None else ()
    for name, value in host.environ.items():
        if name in keys or (
            (_meets(variables().passed, name) or _meets(of_preset, name)) and not looks_secret(name, value)
        ):
            yield name, value
    for name, before in variables().sockets.items():
        value = host.environ.get(name, "")
        path = value.removeprefix(before).partition(",")[0]
        if value.startswith(before) and path.startswith("/") and around.is_shown(path):
            yield name, value


def _own(host: Host, around: Surroundings) -> dict[str, str]:
    """What we set whatever it was before."""
    shell = host.environ.get("SHELL", "")
    table = variables()
    own = {
        **table.given,
        **(table.given_to_root if host.uid == 0 else {}),
        "HOME": host.home,
        "PATH": ":".join(_path(host, around)),
        "PWD": around.folder,
        "TMPDIR": "/tmp",  # noqa: S108 - inside it is the agent's own
        "SHELL": shell if shell.startswith("/") and around.is_shown(shell) else "/bin/sh",
    }
    runtime = host.environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/") and around.is_shown(runtime):
        own["XDG_RUNTIME_DIR"] = runtime
    if host.ssh_command:
        own["GIT_SSH_COMMAND"] = shlex.join(host.ssh_command)
        # Or git would guess by the program's name that it takes no options (git-config(1), ssh.variant).
        own["GIT_SSH_VARIANT"] = "ssh"
    if around.preset is not None:
        preset = around.preset
        for name, value in preset.set.items():
            own[name] = absolute(value, host) if value.startswith("~") else value
        moved = host.environ.get(preset.home_variable, "") if preset.home_variable else ""
        if moved.startswith("/"):
            own[preset.home_variable] = moved
    return own


def _path(host: Host, around: Surroundings) -> Iterator[str]:
    """The folders of PATH that are there inside; relative ones lead anywhere and are left out."""
    for entry in dict.fromkeys(host.environ.get("PATH", "").split(":")):
        if entry.startswith("/") and around.is_shown(entry):
            yield entry
