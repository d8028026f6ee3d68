"""The look at a sandbox profile before it is used: what must not be possible is asked for, and has to be refused.

The text is read back by a parser that shares nothing with the writer but the language, so a slip of either is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from pipelock.contain.profile import Access, Profile
from pipelock_macos import system
from pipelock_macos.evaluate import Evaluator, Question
from pipelock_macos.parse import FilterKind, Rule, Verb, covers, parse
from pipelock_macos.reader import SandboxTextError
from pipelock_macos.sbpl import RESOLVER, Ground, held_folders, holding

__all__ = ["UnsafeProfileError", "check", "faults"]

_MOST = 5
"""Faults that are told."""
_ELSEWHERE = ("93.184.215.14", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "fe80::1")
_OTHER_PORTS = (1, 22, 53, 80, 443, 5432, 8888, 65535)
_READING = ("file-read-data", "file-read-xattr", "process-exec", "file-link", "file-clone", "file-map-executable")
_WRITING = ("file-write-create", "file-write-data", "file-write-unlink", "file-write-mode", "file-link")
_NEVER = ("appleevent-send", "lsopen", "job-creation", "mach-register", "mach-priv-task-port", "file-mount")
_STRANGER = "pipelock-nobody-granted-this"
"""A name that lies in no grant."""


class UnsafeProfileError(Exception):
    """The profile allows what it must not, or can't be read back."""


def check(text: str, profile: Profile, places: Sequence[Ground]) -> None:
    """Look at `text`, which `pipelock_macos.sbpl.write` made of the rest.

    Raises:
        UnsafeProfileError: It must not be used; the message is escaped by its quotes and names what is wrong.
    """
    try:
        found = list(faults(text, profile, places))
    except SandboxTextError as error:
        raise UnsafeProfileError(f"the sandbox profile can't be read back: {error}") from error
    if found:
        more = f"; and {len(found) - _MOST} more" if len(found) > _MOST else ""
        raise UnsafeProfileError(f"the sandbox profile is wrong: {'; '.join(found[:_MOST])}{more}")


def faults(text: str, profile: Profile, places: Sequence[Ground]) -> Iterator[str]:
    """What is wrong with it, in words.

    Raises:
        SandboxTextError: It can't be read.
    """
    rules = parse(text)
    if rules.default is not Verb.DENY:
        yield "what nobody speaks of is allowed"
    for rule in rules.rules:
        yield from _shape(rule)
    asker = Evaluator(rules)
    wanted = (*_outwards(profile), *_asking(profile), *_files(profile, places))
    for question, allowed in wanted:
        if asker.allows(question) != allowed:
            yield f"{_described(question)} is {'refused' if allowed else 'allowed'}"


def _shape(rule: Rule) -> Iterator[str]:
    """Rules that are wrong whatever is asked."""
    if rule.verb is Verb.DENY:
        return
    for name in rule.operations:
        if name.startswith("network") and not rule.filters:
            yield f"line {rule.line} allows {name} without a condition"
        if name.startswith("network") and name.endswith("*"):
            yield f"line {rule.line} allows {name}"
        if name == "mach-lookup" and not rule.filters:
            yield f"line {rule.line} allows every service"
        if covers(name, "file-read-data") and not rule.filters:
            yield f"line {rule.line} allows every file"
        if covers(name, "network-outbound"):
            # The source of a socket that was not bound is nowhere, and is taken for anywhere.
            bad = [filter_ for filter_ in rule.filters if filter_.kind is FilterKind.LOCAL]
            bad += [
                filter_ for filter_ in rule.filters if filter_.value.startswith("*:") or filter_.value.endswith(":*")
            ]
            if bad:
                yield f"line {rule.line} lets connections out by a condition that all of them meet"


def _outwards(profile: Profile) -> Iterator[tuple[Question, bool]]:
    opened = {profile.network.proxy_port, *profile.network.host_ports}
    for port in opened:
        yield Question(operation="network-outbound", protocol="tcp", remote=("127.0.0.1", port)), True
        for address in _ELSEWHERE:
            yield Question(operation="network-outbound", protocol="tcp", remote=(address, port)), False
    for port in _OTHER_PORTS:
        for protocol in ("tcp", "udp"):
            for address in ("127.0.0.1", "::1", *_ELSEWHERE):
                if port in opened and address in {"127.0.0.1", "::1"}:
                    continue
                yield Question(operation="network-outbound", protocol=protocol, remote=(address, port)), False
    for address in ("0.0.0.0", "::", "192.168.1.2"):
        for operation in ("network-bind", "network-inbound"):
            yield Question(operation=operation, protocol="tcp", local=(address, 8080)), False
    for path in (RESOLVER, "/private/var/run/docker.sock", "/private/tmp/.X11-unix/X0"):
        yield Question(operation="network-outbound", path=path), False


def _asking(profile: Profile) -> Iterator[tuple[Question, bool]]:
    for service in system.KEPT_FROM:
        if service.name not in profile.services:
            yield Question(operation="mach-lookup", name=service.name), False
    for name in _NEVER:
        yield Question(operation=name, path="/private/var/root", name=_STRANGER), False
    for operation in ("signal", "process-info-pidinfo"):
        yield Question(operation=operation, target="others"), False
        yield Question(operation=operation, target="same-sandbox"), True
    yield Question(operation="sysctl-read", name="kern.procargs2"), False
    yield Question(operation="sysctl-write", name="kern.hostname"), False


def _files(profile: Profile, places: Sequence[Ground]) -> Iterator[tuple[Question, bool]]:
    for place in places:
        # Where another place speaks of the same path, that one holds.
        if holding(places, place.path) is not place:
            continue
        for path in (place.path, f"{place.path.rstrip('/')}/{_STRANGER}"):
            yield from _place(place.access, path)
            if place.access is not Access.WRITE or not profile.unix_sockets:
                yield Question(operation="network-outbound", path=path), False
    for folder in held_folders(places):
        yield Question(operation="file-write-unlink", path=folder), False
    for folder in sorted({str(parent) for place in places for parent in PurePosixPath(place.path).parents}):
        beside = f"{folder.rstrip('/')}/{_STRANGER}"
        if holding(places, beside) is None:
            yield from _place(Access.MASK, beside)
    yield from _place(Access.MASK, "/private/dev-of-nobody")
    for operation in _WRITING[:3]:
        yield Question(operation=operation, path="/dev/ttys999"), False


def _place(access: Access, path: str) -> Iterator[tuple[Question, bool]]:
    hidden = access in {Access.MASK, Access.PRIVATE}
    if hidden:
        for operation in (*_READING, *_WRITING):
            yield Question(operation=operation, path=path), False
        return
    yield Question(operation="file-read-data", path=path), True
    if access is not Access.WRITE:
        for operation in _WRITING:
            yield Question(operation=operation, path=path), False
    else:
        yield Question(operation="file-write-data", path=path), True


def _described(question: Question) -> str:
    about = question.path or question.name or question.target
    if not about:
        address, port = question.remote if question.remote[0] else question.local
        about = f"{question.protocol} {address} port {port}"
    return f"{question.operation} of {about!r}"
