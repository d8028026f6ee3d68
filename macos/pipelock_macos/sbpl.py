"""A profile as text in the language of macOS' sandbox.

Of its rules the last one that matches holds. So everything is denied first, then come what all programs need of the
system, the network and the folders, and folders by depth: what is said of a folder inside of another one comes after
what is said of that. Refusals that no grant may lift stand at the end.

There are no mounts: a path is what it is outside, and can be used or not. `COPY` reads the host's, `PRIVATE` is denied
like `MASK`; `pipelock_macos.places` sends programs to folders of their own instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath

import msgspec

from pipelock.contain.profile import Access, Grant, Profile
from pipelock_macos import system
from pipelock_macos.reader import MAX_TEXT, SandboxTextError

__all__ = ["RESOLVER", "Ground", "Setting", "ground", "held_folders", "holding", "quoted", "write"]

RESOLVER = "/private/var/run/mDNSResponder"
"""The socket of the system's resolver: a question about a name carries data out."""
_TERMINALS = "^/dev/ttys[0-9]+$"
_OWN_TERMINAL = "com.apple.sandbox.pty"
"""What the kernel marks terminals with that were made inside."""
_SEES = "file-read* file-test-existence file-map-executable file-clone process-exec*"
_MEETS = "file-read-metadata file-test-existence"
_CHANGES = "file-write* file-link"


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What is known only when the agent is started.

    Attributes:
        temporary: A folder of the agent's own, without links in its path.
        tag: In the system's log beside everything that was refused; letters, digits, `-` and `:`.
        terminal: The terminal it gets (`/dev/ttys004`); empty for none.
    """

    temporary: str
    tag: str
    terminal: str = ""


class Ground(msgspec.Struct, frozen=True):
    """A path and what holds for it and all below, as the kernel will see it."""

    path: str
    access: Access
    why: str

    @property
    def depth(self) -> int:
        """How many names lead to it."""
        return len(PurePosixPath(self.path).parts)


# Of two that name the same path the one that gives less comes last, and so holds.
_GIVES = (Access.WRITE, Access.COPY, Access.READ, Access.PRIVATE, Access.MASK)


def ground(profile: Profile, setting: Setting, resolve: Callable[[str], str]) -> tuple[Ground, ...]:
    """The paths that the profile and the system's own list speak of, in the order in which they are written.

    `resolve` gives a path as the kernel sees it: absolute, without links, in the spelling on disk.
    """
    granted = [Ground(resolve(grant.path), grant.access, _reason(grant)) for grant in profile.grants]
    granted += [
        Ground(resolve(grant.upper), Access.WRITE, f"changes to {grant.path}")
        for grant in profile.grants
        if grant.access is Access.COPY and grant.upper
    ]
    own = Ground(setting.temporary, Access.WRITE, "its own temporary files")
    # Who lists the system's folders anew says something else of them: that holds.
    said = {place.path for place in granted}
    known = [Ground(path, Access.READ, why) for path, why in system.READABLE if path not in said]
    known += [Ground(path, Access.MASK, why) for path, why in system.HIDDEN if path not in said]
    # Said again where nothing seems to show them: what is shown here is not only what the plan knows.
    known += [Ground(resolve(path), Access.MASK, "Pipelock's own files") for path in profile.hidden]
    return tuple(
        sorted((*known, *granted, own), key=lambda place: (place.depth, place.path, _GIVES.index(place.access)))
    )


def _reason(grant: Grant) -> str:
    return f"{grant.why} ({grant.source})"


def quoted(text: str) -> str:
    r"""`text` as a string of the language.

    Raises:
        SandboxTextError: It holds control characters or is no UTF-8: such a path can't be written.
    """
    if any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000 for char in text):
        raise SandboxTextError(f"{text!r} holds characters that a sandbox profile can't name")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write(profile: Profile, setting: Setting, resolve: Callable[[str], str]) -> str:
    """The text of the sandbox profile.

    Raises:
        SandboxTextError: A path can't be written, or the text would be longer than `MAX_TEXT`.
    """
    places = ground(profile, setting, resolve)
    lines = [
        "(version 1)",
        f"(deny default {_tagged(setting)})",
        *_processes(),
        *_network(profile),
        *_services(profile),
        *_devices(setting),
        *_files(profile, setting, places),
        *_last(setting, places),
    ]
    text = "\n".join(lines) + "\n"
    if len(text.encode()) > MAX_TEXT:
        raise SandboxTextError(f"the sandbox profile takes {len(text.encode())} bytes; {MAX_TEXT} are allowed")
    return text


def _tagged(setting: Setting) -> str:
    return f"(with message {quoted(setting.tag)})"


def _processes() -> Iterator[str]:
    yield "\n; Processes: its own alone"
    yield "(allow process-fork)"
    yield "(allow process-info* (target same-sandbox))"
    yield "(allow signal (target same-sandbox))"
    yield "(allow ipc-posix-sem)"
    yield "(allow ipc-posix-shm-read-data ipc-posix-shm-read-metadata"
    yield '    (ipc-posix-name "apple.shm.notification_center"))'
    for prefix, allowed, why in system.SYSCTLS:
        yield f"({'allow' if allowed else 'deny'} sysctl-read (sysctl-name-prefix {quoted(prefix)}))  ; {why}"


def _network(profile: Profile) -> Iterator[str]:
    yield "\n; Network: the proxy, and ports of this machine that were named"
    for port in (profile.network.proxy_port, *profile.network.host_ports):
        yield f'(allow network-outbound (remote ip "localhost:{port}"))'
    # On loopback alone: whoever may be connected to from elsewhere has a way out.
    yield '(allow network-bind network-inbound (local ip "localhost:*"))'


def _services(profile: Profile) -> Iterator[str]:
    yield "\n; Services of the system"
    for service in system.SERVICES:
        yield f"(allow mach-lookup (global-name {quoted(service.name)}))  ; {service.why}"
    for name in profile.services:
        yield f"(allow mach-lookup (global-name {quoted(name)}))  ; asked for"
    yield "(allow iokit-get-properties)"
    for name, why in system.MACHINE_CLASSES:
        yield f"(allow iokit-open (iokit-registry-entry-class {quoted(name)}))  ; {why}"


def _devices(setting: Setting) -> Iterator[str]:
    yield "\n; Devices"
    yield "(allow pseudo-tty)"
    for device in system.DEVICES:
        operations = "file-read* file-test-existence"
        operations += " file-write-data" if device.writable else ""
        operations += " file-ioctl" if device.control else ""
        filter_ = "subpath" if device.below else "literal"
        yield f"(allow {operations} ({filter_} {quoted(device.path)}))  ; {device.why}"
    changes = "file-read* file-test-existence file-write* file-ioctl"
    yield f'(allow {changes} (require-all (regex #"{_TERMINALS}") (extension {quoted(_OWN_TERMINAL)})))'
    if setting.terminal:
        yield f"(allow {changes} (literal {quoted(setting.terminal)}))  ; the one it was started on"


def _files(profile: Profile, setting: Setting, places: Sequence[Ground]) -> Iterator[str]:
    yield "\n; Files, by depth"
    # The loader of programs opens the top folder.
    yield '(allow file-read* file-test-existence (literal "/"))'
    yield from (f"(allow {_MEETS} (literal {quoted(link)}))" for link in system.LINKS)
    met: set[str] = {"/"}
    changeable = [place for place in places if place.access is Access.WRITE]
    for place in places:
        path = quoted(place.path)
        # What nothing outside of it allows need not be denied: that is the default.
        is_inside = any(outer is not place and _within(place.path, outer.path) for outer in changeable)
        yield f"; {_comment(place)}"
        if place.access in {Access.MASK, Access.PRIVATE}:
            yield f"(deny file* process-exec* (subpath {path}) {_tagged(setting)})"
            # What is granted inside has to be reached again.
            met = {seen for seen in met if not _within(seen, place.path)}
        else:
            above = [str(folder) for folder in PurePosixPath(place.path).parents if str(folder) not in met]
            met.update(above)
            yield from (f"(allow {_MEETS} (literal {quoted(folder)}))" for folder in reversed(above))
            changes = f" {_CHANGES}" if place.access is Access.WRITE else ""
            yield f"(allow {_SEES}{changes} (subpath {path}))"
            if not changes and is_inside:
                yield f"(deny {_CHANGES} (subpath {path}) {_tagged(setting)})"
        if place.access is Access.WRITE and profile.unix_sockets:
            yield from _sockets("allow", path)
        elif is_inside:
            yield from _sockets("deny", path, f" {_tagged(setting)}")
    if profile.unix_sockets:
        yield "(allow system-socket (socket-domain AF_UNIX))"


def _sockets(verb: str, path: str, message: str = "") -> Iterator[str]:
    yield f"({verb} network-outbound (remote unix-socket (subpath {path})){message})"
    yield f"({verb} network-bind network-inbound (local unix-socket (subpath {path})){message})"


def _last(setting: Setting, places: Sequence[Ground]) -> Iterator[str]:
    yield "\n; What nothing above may lift"
    tagged = _tagged(setting)
    # Who moves a folder away takes what is kept from them inside of it along, to where it is not kept from them.
    for folder in held_folders(places):
        yield f"(deny file-write-unlink (literal {quoted(folder)}) {tagged})"
    yield f"(deny network-outbound (remote unix-socket (subpath {quoted(RESOLVER)})) {tagged})"
    yield f"(deny appleevent-send lsopen job-creation mach-register {tagged})"


def held_folders(places: Sequence[Ground]) -> list[str]:
    """Folders that could be changed, and must stay where they are for something inside of them that can't."""
    held: set[str] = set()
    for place in places:
        if place.access is Access.WRITE:
            continue
        for parent in PurePosixPath(place.path).parents:
            holder = holding(places, str(parent))
            if holder is None or holder.access is not Access.WRITE:
                break
            held.add(str(parent))
    return sorted(held)


def holding(places: Sequence[Ground], path: str) -> Ground | None:
    """What holds for `path`: the last of `places` it lies in."""
    return next((place for place in reversed(places) if _within(path, place.path)), None)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _comment(place: Ground) -> str:
    why = "".join(char if char.isprintable() else "?" for char in place.why)
    return f"{place.access}: {why}"
