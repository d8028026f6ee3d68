"""From what the command line says, what config says and what the machine holds to the profile that a launcher obeys.

Pure but for the looks at the file system that `Host` makes. What cannot be done as asked is an error that names the
fix; nothing is granted that nobody named.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from zlib import crc32

import msgspec

from pipelock.contain.claims import Claim, Rank, covering, grants, is_inside, links
from pipelock.contain.defaults import Place, Preset, places, preset, preset_for, preset_names
from pipelock.contain.environment import Surroundings, VariableError, Wanted, environment
from pipelock.contain.host import Host, Kind
from pipelock.contain.profile import DEFAULT_PORTS, Access, Grant, Limits, Network, Profile, Source
from pipelock.contain.spots import absolute, expanded
from pipelock.contain.workspace import TOO_WIDE, repository_beside, repository_of, why_not
from pipelock.model import CacheUse, ContainmentFacts, ContainmentMode

__all__ = ["MAX_PORTS", "NO_PRESET", "PlanError", "Wish", "plan"]

MAX_PORTS: Final = 24
"""Ports that are caught by a listener each besides 80 and 443, and ports of the host, together."""

NO_PRESET: Final = "none"
"""The preset that adds nothing, whatever the program is."""

_FIRST_PROXY_PORT: Final = 8888
_MAX_AGENT: Final = 64
_MAX_NAME: Final = 200
_AGENT: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_KERNEL: Final = ("/proc", "/sys", "/dev")
_SHOWING: Final = (Access.READ, Access.WRITE, Access.COPY)


class PlanError(ValueError):
    """There is no such profile. The message says why and what to write instead; not escaped."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What one command line says. What it leaves out is as config has it.

    Attributes:
        command: What is to be run, at least the program.
        folder: Where the launch was asked for, absolute.
        workspace: Relative to `folder` or absolute; so are the paths of the other lists.
        env: `NAME`, `NAME=VALUE` or `PREFIX*`.
        rules: One-line egress rules; added to those of config.
        name: What the session is called.
    """

    command: tuple[str, ...]
    folder: str
    workspace: str = ""
    allow_read: tuple[str, ...] = ()
    allow_write: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    unix_sockets: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    mode: ContainmentMode | None = None
    caches: CacheUse | None = None
    ports: tuple[int, ...] = ()
    host_ports: tuple[int, ...] = ()
    name: str = ""
    preset: str = ""
    freeze_on_kill: bool = False
    explain: bool = False


ProxyVariables = Callable[[str, Mapping[str, str]], Mapping[str, str]]
"""From the proxy's URL inside and the environment so far to the variables of the proxy and of trust."""


def plan(
    wish: Wish, facts: ContainmentFacts, host: Host, variables: ProxyVariables = lambda _proxy, _inherited: {}
) -> Profile:
    """The profile.

    Raises:
        PlanError: What is wished for can't be, or must not be.
    """
    if not wish.command or not wish.command[0]:
        raise PlanError("there is no command: write pipelock sandbox -- COMMAND")
    return _Planner(wish, facts, host).profile(variables)


class _Planner:
    """One plan in the making."""

    def __init__(self, wish: Wish, facts: ContainmentFacts, host: Host) -> None:
        self._wish = wish
        self._facts = facts
        self._settings = facts.settings
        self._host = host
        self._notes: list[str] = []
        self._mode = wish.mode or facts.settings.mode
        self._home = host.realpath(host.home)
        self._hidden = tuple(sorted({host.realpath(absolute(path, host)) for path in facts.hidden}))
        self._secrets = tuple(self._places_of_secrets())
        self._preset = self._find_preset()
        self._folder = host.realpath(absolute(wish.folder, host))
        self._workspace = self._find_workspace()

    def profile(self, variables: ProxyVariables) -> Profile:
        """All of it."""
        network = self._network()
        claims = list(self._claims())
        program = self._program(claims)
        claims += program
        claims = [claim for claim in claims if self._may_claim(claim)]
        found = grants(claims, self._host)
        self._check_hidden(found)
        linked = links(self._written(claims), found, self._host)
        folder = self._folder if self._shows(found, self._folder) else self._workspace
        around = Surroundings(
            folder=folder,
            is_shown=lambda path: self._is_there(found, path),
            preset=self._preset,
            set=lambda inherited: variables(f"http://127.0.0.1:{network.proxy_port}", inherited),
        )
        try:
            inside = environment(self._wanted(), self._host, around)
        except VariableError as error:
            raise PlanError(str(error)) from error
        command = self._wish.command
        return Profile(
            agent=self._agent(),
            name=self._facts.profile,
            mode=self._mode,
            command=(program[0].path, *command[1:]) if program else command,
            folder=folder,
            workspace=self._workspace,
            home=self._host.home,
            grants=tuple(found[path] for path in sorted(found)),
            environment=inside.variables,
            network=network,
            limits=self._limits(),
            unix_sockets=self._mode is not ContainmentMode.STRICT or self._has_sockets(),
            rules=self._rules(),
            freeze_on_kill=self._settings.freeze_on_kill or self._wish.freeze_on_kill,
            explain=self._settings.explain or self._wish.explain,
            links=tuple(sorted(linked.items())),
            seeds=tuple(self._seeds(found)),
            hidden=self._hidden,
            notes=tuple(dict.fromkeys((*self._notes, *inside.notes))),
        )

    # What is asked for.

    def _find_preset(self) -> Preset | None:
        name = self._wish.preset or self._settings.preset
        if name == NO_PRESET:
            return None
        if not name:
            return preset_for(os.path.basename(self._wish.command[0]))  # noqa: PTH119 - text alone
        found = preset(name)
        if found is None:
            # Imported here: names are seldom wrong.
            from difflib import get_close_matches  # noqa: PLC0415

            near = get_close_matches(name[:64], preset_names(), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(preset_names())} and {NO_PRESET}"
            raise PlanError(f"there is no preset {name!r}; {hint}")
        return found

    def _find_workspace(self) -> str:
        said = self._wish.workspace or self._settings.workspace
        if not self._host.is_folder(self._folder):
            raise PlanError(f"{self._wish.folder} is no folder")
        if not said:
            # git must see its repository; where that is too wide (a home kept in git), the folder itself.
            around = repository_of(self._folder, self._host)
            if around and not self._why_not(around):
                return around
        place = self._host.realpath(absolute(said, self._host, self._folder)) if said else self._folder
        if not self._host.is_folder(place):
            raise PlanError(f"workspace {place}: there is no such folder")
        if why := self._why_not(place):
            raise PlanError(f"{place} can't be the workspace: {why}; name a folder of its own: --workspace FOLDER")
        return place

    def _why_not(self, place: str) -> str:
        return why_not(place, self._host, self._hidden, self._secrets)

    def _agent(self) -> str:
        program = os.path.basename(self._wish.command[0])  # noqa: PTH119 - text alone
        name = self._wish.name or self._facts.profile or program
        return "".join(char if char in _AGENT else "_" for char in name[:_MAX_AGENT]) or "agent"

    def _wanted(self) -> list[Wanted]:
        return [
            *(Wanted(text, Source.CONFIG) for text in self._settings.env),
            *(Wanted(text, Source.COMMAND) for text in self._wish.env),
        ]

    def _rules(self) -> tuple[str, ...]:
        lines = tuple(dict.fromkeys((*self._settings.rules, *self._wish.rules)))
        if lines:
            # Imported here: it needs the configuration's schema, and most launches have no rules.
            from pipelock.contain.rules import RuleError, parse_rules  # noqa: PLC0415

            try:
                parse_rules(lines)
            except RuleError as error:
                raise PlanError(f"--allow: {error}") from error
        return lines

    def _limits(self) -> Limits:
        settings = self._settings
        return Limits(
            processes=settings.processes, memory=settings.memory, files=settings.files, file_size=settings.file_size
        )

    def _network(self) -> Network:
        ports = tuple(dict.fromkeys((*DEFAULT_PORTS, *self._settings.ports, *self._wish.ports)))
        host_ports = tuple(sorted({*self._settings.host_ports, *self._wish.host_ports}))
        more = sorted(set(self._wish.host_ports) - set(self._settings.host_ports))
        if more and not self._facts.may_relay:
            raise PlanError(
                f"--host-port {more[0]}: only who may decide opens ports of this machine; "
                f"the operator can write it in sandbox.host_ports"
            )
        for port in host_ports:
            if port in self._facts.refused_ports:
                raise PlanError(f"port {port} is Pipelock's own and is never opened to an agent")
        if wrong := [port for port in (*ports, *host_ports) if not 1 <= port <= 65_535]:
            raise PlanError(f"{wrong[0]} is no port: 1 to 65535")
        if both := sorted(set(ports) & set(host_ports)):
            raise PlanError(f"port {both[0]} can't lead to this machine and be caught at once; choose one")
        if len(ports) - len(DEFAULT_PORTS) + len(host_ports) > MAX_PORTS:
            raise PlanError(f"a launch takes {MAX_PORTS} ports besides 80 and 443")
        taken = {*ports, *host_ports}
        proxy = next(port for port in range(_FIRST_PROXY_PORT, 65_536) if port not in taken)
        return Network(proxy_port=proxy, ports=ports, redirect=self._settings.redirect, host_ports=host_ports)

    # What is claimed.

    def _claims(self) -> Iterator[Claim]:
        table = places()
        yield from self._rows(table.system, Access.READ, Rank.TABLE)
        yield from self._rows(table.toolchains, Access.READ, Rank.TABLE)
        yield from self._rows(table.settings, Access.READ, Rank.TABLE)
        yield from self._rows(table.private, Access.PRIVATE, Rank.RUNTIME)
        if self._home != "/":
            why = "your home: an empty one, with what is granted in it"
            yield Claim(path=self._host.home, access=Access.PRIVATE, why=why, rank=Rank.PRIVATE)
        yield from self._caches()
        yield from self._of_preset()
        for path, why in self._secrets:
            if not self._is_the_presets(path):
                yield Claim(path=path, access=Access.MASK, why=why, rank=Rank.SECRET)
        yield Claim(path=self._workspace, access=Access.WRITE, why="workspace", rank=Rank.WORKSPACE)
        yield from self._protected(self._workspace)
        yield from self._of_repository()
        for source in (Source.CONFIG, Source.COMMAND):
            yield from self._asked(source)
        for path in self._host.installation:
            if path not in TOO_WIDE and not is_inside(self._home, path):
                yield Claim(path=path, access=Access.READ, why="Pipelock's program", rank=Rank.OURSELVES)
        for path in self._hidden:
            yield Claim(path=path, access=Access.MASK, why="Pipelock's own files", rank=Rank.HIDDEN)
        for path in self._facts.trust:
            if path:
                yield Claim(path=path, access=Access.READ, why="certificates that are believed", rank=Rank.TRUST)

    def _may_claim(self, claim: Claim) -> bool:
        """Nothing inside our own places is granted but the files of trust, and not even they with a place inside."""
        if claim.access is Access.MASK:
            return True
        real = self._host.realpath(claim.path)
        if claim.rank is Rank.TRUST:
            return not any(is_inside(place, real) for place in self._hidden)
        return not any(is_inside(real, place) for place in self._hidden)

    def _rows(self, rows: tuple[Place, ...], access: Access, rank: Rank) -> Iterator[Claim]:
        for row in rows:
            for path in expanded(row, self._host):
                if self._host.exists(path):
                    yield Claim(path=path, access=access, why=row.why, rank=rank)

    def _places_of_secrets(self) -> Iterator[tuple[str, str]]:
        for row in places().secrets:
            for path in expanded(row, self._host):
                if self._host.exists(path):
                    yield self._host.realpath(path), row.why

    def _caches(self) -> Iterator[Claim]:
        use = self._wish.caches or self._settings.caches
        if use is CacheUse.SHARED and self._mode is ContainmentMode.STRICT:
            raise PlanError("shared caches carry what is left in them out of a strict sandbox; use --caches copy")
        access = {CacheUse.COPY: Access.COPY, CacheUse.SHARED: Access.WRITE, CacheUse.PRIVATE: Access.PRIVATE}[use]
        base = self._host.environ.get("XDG_CACHE_HOME", "")
        if not base.startswith("/"):
            base = f"{self._host.home}/.cache"
        own = f"{absolute(base, self._host)}/pipelock/caches/{_one_name(self._workspace, self._host.home)}"
        for row in places().caches:
            for path in expanded(row, self._host):
                if self._host.is_folder(path):
                    upper = f"{own}/{_one_name(path, self._host.home)}" if access is Access.COPY else ""
                    yield Claim(path=path, access=access, why=f"cache: {row.why}", rank=Rank.CACHE, upper=upper)

    def _of_preset(self) -> Iterator[Claim]:
        if self._preset is None:
            return
        name = self._preset.name
        for path in self._preset_folders():
            if not self._host.is_folder(path):
                self._notes.append(f"{path} isn't there, so what {name} keeps in it is gone at the end; make it first")
                continue
            yield Claim(path=path, access=Access.WRITE, why=f"{name}'s own files", rank=Rank.PRESET_WRITE)
            for below in self._preset.protect:
                if self._host.exists(inside := f"{path}/{below}"):
                    why = f"what {name} does outside of the sandbox, too"
                    yield Claim(path=inside, access=Access.READ, why=why, rank=Rank.PROTECTED)
        for text in self._preset.read:
            path = absolute(text, self._host)
            if self._host.exists(path):
                yield Claim(path=path, access=Access.READ, why=f"{name}'s own files", rank=Rank.PRESET_WRITE)

    def _preset_folders(self) -> tuple[str, ...]:
        """Where the agent keeps its own files: written, links not resolved."""
        if self._preset is None:
            return ()
        folders = [absolute(text, self._host) for text in self._preset.write]
        moved = self._host.environ.get(self._preset.home_variable, "") if self._preset.home_variable else ""
        if moved.startswith("/"):
            place = absolute(moved, self._host)
            if place in TOO_WIDE or is_inside(self._host.home, place):
                raise PlanError(f"{self._preset.home_variable}={moved} is too much to be the agent's own")
            folders[0] = place
        return tuple(folders)

    def _is_the_presets(self, path: str) -> bool:
        if self._preset is None:
            return False
        own = (*self._preset_folders(), *(absolute(text, self._host) for text in self._preset.read))
        return any(is_inside(path, self._host.realpath(place)) for place in own)

    def _protected(self, folder: str) -> Iterator[Claim]:
        for row in places().protected:
            if self._host.exists(path := f"{folder}/{row.path}"):
                yield Claim(path=path, access=Access.READ, why=row.why, rank=Rank.PROTECTED)

    def _of_repository(self) -> Iterator[Claim]:
        """A linked worktree needs the repository it belongs to, and there, too, hooks and settings run outside."""
        common = repository_beside(self._workspace, self._host)
        if not common or self._why_not(common):
            return
        yield Claim(path=common, access=Access.WRITE, why="the worktree's repository", rank=Rank.WORKSPACE)
        for row in places().protected:
            if row.path.startswith(".git/") and self._host.exists(path := common + row.path.removeprefix(".git")):
                yield Claim(path=path, access=Access.READ, why=row.why, rank=Rank.PROTECTED)

    # What config and the command line claim.

    def _asked(self, source: Source) -> Iterator[Claim]:
        said = self._settings if source is Source.CONFIG else self._wish
        is_command = source is Source.COMMAND
        allow = Rank.COMMAND_ALLOW if is_command else Rank.CONFIG_ALLOW
        for text in said.mask:
            path = absolute(text, self._host, self._folder)
            if is_inside(self._workspace, self._host.realpath(path)):
                raise PlanError(f"{_said(source, 'mask', text)} would hide the workspace")
            rank = Rank.COMMAND_MASK if is_command else Rank.CONFIG_MASK
            yield Claim(path=path, access=Access.MASK, why=f"hidden by {source}", rank=rank, source=source)
        for key, texts in (("allow_read", said.allow_read), ("allow_write", said.allow_write)):
            access = Access.READ if key == "allow_read" else Access.WRITE
            for text in texts:
                path = absolute(text, self._host, self._folder)
                if self._check_allowed(text, key, path, source):
                    why = f"asked for by {source}"
                    yield Claim(path=path, access=access, why=why, rank=allow, source=source)
                    if access is Access.WRITE and self._host.is_folder(path):
                        yield from self._protected(path)
        for text in said.unix_sockets:
            path = absolute(text, self._host, self._folder)
            if self._check_socket(text, path, source):
                why = f"socket asked for by {source}"
                yield Claim(path=path, access=Access.WRITE, why=why, rank=allow, source=source)

    def _check_allowed(self, text: str, key: str, path: str, source: Source) -> bool:
        """Whether it is there. Raises PlanError for what is never granted."""
        said, kind = _said(source, key, text), self._host.kind(path)
        if kind is None:
            return self._is_missing(said, source)
        real = self._host.realpath(path)
        self._check_not_ours(said, real)
        if real == "/" or any(is_inside(real, place) for place in _KERNEL):
            raise PlanError(f"{said}: that is never granted as a whole; name the folder that is needed")
        if kind is Kind.SOCKET:
            raise PlanError(f"{said} is a socket; write {_said(source, 'unix_sockets', text)}")
        if key == "allow_write" and (real in TOO_WIDE or is_inside(self._home, real)):
            raise PlanError(f"{said}: too much to be written to; name the folder that is needed")
        self._warn_of_secret(said, real, "can read" if key == "allow_read" else "can read and change")
        return True

    def _check_socket(self, text: str, path: str, source: Source) -> bool:
        said, kind = _said(source, "unix_sockets", text), self._host.kind(path)
        if kind is None:
            return self._is_missing(said, source)
        real = self._host.realpath(path)
        self._check_not_ours(said, real)
        if kind is not Kind.SOCKET:
            raise PlanError(f"{said} is no socket; write {_said(source, 'allow_read', text)}")
        self._notes.append(f"{said}: the agent can ask of it whatever you can")
        self._warn_of_secret(said, real, "can use")
        return True

    def _is_missing(self, said: str, source: Source) -> bool:
        """Config is for many machines; a command line is for this one."""
        if source is Source.COMMAND:
            raise PlanError(f"{said}: there is nothing; make it first")
        self._notes.append(f"{said}: there is nothing")
        return False

    def _check_not_ours(self, said: str, real: str) -> None:
        if any(is_inside(real, place) for place in self._hidden):
            raise PlanError(f"{said} belongs to Pipelock; no agent ever sees it")

    def _warn_of_secret(self, said: str, real: str, what: str) -> None:
        why = next((why for place, why in self._secrets if is_inside(real, place)), "")
        if why:
            self._notes.append(f"{said}: the agent {what} {why}")

    def _has_sockets(self) -> bool:
        return bool(self._settings.unix_sockets or self._wish.unix_sockets)

    # What follows from it.

    def _program(self, claims: list[Claim]) -> list[Claim]:
        """A claim on the program's file where nothing else shows it. Raises PlanError where there is no program."""
        name = self._wish.command[0]
        if "/" in name:
            candidates = [absolute(name, self._host, self._folder)]
        else:
            folders = [one for one in self._host.environ.get("PATH", "").split(":") if one.startswith("/")]
            candidates = [absolute(name, self._host, folder) for folder in folders]
        there = [path for path in candidates if self._host.kind(path) is Kind.FILE]
        if not there:
            raise PlanError(f"{name}: there is no such program{'' if '/' in name else ' on PATH'}")
        found = grants([claim for claim in claims if self._may_claim(claim)], self._host)
        if any(self._is_there(found, path) for path in there):
            return []
        path = there[0]
        real = self._host.realpath(path)
        self._check_not_ours(path, real)
        if why := next((why for place, why in self._secrets if is_inside(real, place)), ""):
            raise PlanError(f"{path} lies where there is {why}; allow it by name: --allow-read {path}")
        self._notes.append(f"{path} is shown alone; what else it needs beside it takes --allow-read FOLDER")
        return [Claim(path=path, access=Access.READ, why="the program", rank=Rank.TABLE)]

    def _shows(self, found: dict[str, Grant], real: str) -> bool:
        around = covering(found, real)
        return around is not None and around.access in _SHOWING

    def _is_there(self, found: dict[str, Grant], path: str) -> bool:
        """Whether a path, as it is written, leads to something inside that is there on the host, too."""
        real = self._host.realpath(path)
        if real in found and found[real].access is Access.PRIVATE:
            return True
        return self._host.exists(path) and self._shows(found, real)

    def _written(self, claims: list[Claim]) -> Iterator[str]:
        """Paths as they are written, which must lead where they do outside."""
        yield from (claim.path for claim in claims if claim.access is not Access.MASK and self._host.exists(claim.path))
        yield from (self._host.home, absolute(self._wish.folder, self._host), *places().links)
        if self._wish.workspace or self._settings.workspace:
            said = self._wish.workspace or self._settings.workspace
            yield absolute(said, self._host, self._wish.folder)

    def _seeds(self, found: dict[str, Grant]) -> Iterator[tuple[str, str]]:
        if self._preset is None or self._host.environ.get(self._preset.home_variable, ""):
            return
        for source, target in self._preset.seeds:
            origin = absolute(source, self._host)
            place = self._host.realpath(absolute(target, self._host))
            around = covering(found, place)
            if (
                self._host.kind(origin) is Kind.FILE
                and not self._host.exists(place)
                and around is not None
                and around.access is Access.WRITE
                and not any(is_inside(self._host.realpath(origin), hidden) for hidden in self._hidden)
            ):
                yield origin, place

    def _check_hidden(self, found: dict[str, Grant]) -> None:
        """What of ours isn't there yet can't be hidden: it must not be the agent's to make."""
        for path in self._hidden:
            around = covering(found, path)
            if self._host.kind(path) is None and around is not None and around.access is Access.WRITE:
                raise PlanError(f"{path} is Pipelock's and must not be the agent's to make; make it, or work elsewhere")


def _said(source: Source, key: str, text: str) -> str:
    """How whoever asked wrote it."""
    if source is Source.CONFIG:
        return f"sandbox.filesystem.{key}: {text}"
    option = "unix-socket" if key == "unix_sockets" else key.replace("_", "-")
    return f"--{option} {text}"


def _one_name(path: str, home: str) -> str:
    """A folder's path as one name: no two are the same, for what stood for `/` is doubled."""
    rest = path[len(home) :] if is_inside(path, home) and home != "/" else path
    name = rest.strip("/").replace("_", "__").replace("/", "_")
    # File systems take 255 bytes (NAME_MAX).
    data = os.fsencode(name)
    return name if len(data) <= _MAX_NAME else f"{os.fsdecode(data[:_MAX_NAME])}-{crc32(data):08x}"
