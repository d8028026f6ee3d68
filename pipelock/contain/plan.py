"""From what the command line says, what config says and what the machine holds to the profile that a launcher obeys.

Pure but for the looks at the file system that `Host` makes. What cannot be done as asked is an error that names the
fix; nothing is granted that nobody named. Agents have been here before: a link that one of them may have made grants
nothing (`_Planner._may_claim`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final
from zlib import crc32

from pipelock.contain.asked import Asked
from pipelock.contain.claims import Claim, Rank, covering, grants, is_inside, links, links_in
from pipelock.contain.defaults import Place, places
from pipelock.contain.environment import Surroundings, VariableError, Wanted, environment
from pipelock.contain.ground import Ground
from pipelock.contain.host import Host, Kind
from pipelock.contain.kept import kept_folder
from pipelock.contain.presets import NO_PRESET, Own, choose
from pipelock.contain.profile import DEFAULT_PORTS, Access, Grant, Limits, Network, Profile, Source
from pipelock.contain.protect import protected, repository_beside, repository_claims, repository_of
from pipelock.contain.spots import absolute, expanded
from pipelock.contain.wish import PlanError, Wish
from pipelock.contain.workspace import TOO_WIDE
from pipelock.model import MAX_SANDBOX_PORTS, CacheUse, ContainmentFacts, ContainmentMode

__all__ = ["NO_PRESET", "PlanError", "ProxyVariables", "Wish", "plan"]

_FIRST_PROXY_PORT: Final = 8888
_MAX_AGENT: Final = 64
_MAX_NAME: Final = 200
_AGENT: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_SHOWING: Final = (Access.READ, Access.WRITE, Access.COPY)
_CACHES: Final = {CacheUse.COPY: Access.COPY, CacheUse.SHARED: Access.WRITE, CacheUse.PRIVATE: Access.PRIVATE}

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
    return _Planner(wish, facts, host.remembered()).profile(variables)


class _Planner:
    """One plan in the making."""

    def __init__(self, wish: Wish, facts: ContainmentFacts, host: Host) -> None:
        self._wish = wish
        self._facts = facts
        self._settings = facts.settings
        self._host = host
        self._notes: list[str] = []
        self._mode = wish.mode or facts.settings.mode
        self._ground = Ground(host, wish.folder, facts.hidden)
        self._folder = self._ground.folder
        self._workspace = self._find_workspace()
        self._programs = self._find_programs()
        self._own = self._find_preset()
        self._writable: tuple[str, ...] = ()

    def profile(self, variables: ProxyVariables) -> Profile:
        """All of it."""
        network = self._network()
        claims = self._allowed(self._claims())
        program = self._program(grants(claims, self._host))
        found = grants([*claims, *program], self._host)
        self._check_hidden(found)
        self._check_names(found)
        linked = links(self._written([*claims, *program]), found, self._host)
        folder = self._folder if self._shows(found, self._folder) else self._workspace
        around = Surroundings(
            folder=folder,
            is_shown=lambda path: self._is_there(found, path),
            preset=self._own.preset if self._own is not None else None,
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
            config_rules=self._settings.rules,
            freeze_on_kill=self._settings.freeze_on_kill or self._wish.freeze_on_kill,
            explain=self._settings.explain or self._wish.explain,
            links=tuple(sorted(linked.items())),
            seeds=tuple(self._own.seeds(found)) if self._own is not None else (),
            watch=tuple(self._own.watch()) if self._own is not None else (),
            hidden=self._ground.hidden,
            notes=tuple(dict.fromkeys((*self._notes, *inside.notes))),
        )

    # What is asked for.

    def _find_workspace(self) -> str:
        said = self._wish.workspace or self._settings.workspace
        if not self._host.is_folder(self._folder):
            raise PlanError(f"{self._wish.folder} is no folder")
        if not said:
            # git must see its repository; where that is too wide (a home kept in git), the folder itself.
            around = repository_of(self._folder, self._host)
            if around and not self._ground.why_not(around):
                return around
        place = self._host.realpath(self._ground.absolute(said)) if said else self._folder
        if not self._host.is_folder(place):
            raise PlanError(f"workspace {place}: there is no such folder")
        if why := self._ground.why_not(place):
            raise PlanError(f"{place} can't be the workspace: {why}; name a folder of its own: --workspace FOLDER")
        return place

    def _find_programs(self) -> tuple[str, ...]:
        """Where the command may be, as PATH has it."""
        name = self._wish.command[0]
        if "/" in name:
            candidates = [self._ground.absolute(name)]
        else:
            folders = [one for one in self._host.environ.get("PATH", "").split(":") if one.startswith("/")]
            candidates = [absolute(name, self._host, folder) for folder in folders]
        there = tuple(path for path in candidates if self._host.kind(path) is Kind.FILE)
        if not there:
            raise PlanError(f"{name}: there is no such program{'' if '/' in name else ' on PATH'}")
        return there

    def _find_preset(self) -> Own | None:
        named = self._wish.preset or self._settings.preset
        found = choose(named, os.path.basename(self._wish.command[0]))  # noqa: PTH119 - text alone
        if found is not None and not named and is_inside(self._host.realpath(self._programs[0]), self._workspace):
            # Whoever worked here before may have put it there to get at the agent's login.
            self._notes.append(
                f"{self._programs[0]} is in the workspace: if it is {found.name}, say --preset {found.name}"
            )
            found = None
        return Own(found, self._ground) if found is not None else None

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
        lines = tuple(dict.fromkeys(self._wish.rules))
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

    def _has_sockets(self) -> bool:
        return bool(self._settings.unix_sockets or self._wish.unix_sockets)

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
        if len(ports) - len(DEFAULT_PORTS) + len(host_ports) > MAX_SANDBOX_PORTS:
            raise PlanError(f"a launch takes {MAX_SANDBOX_PORTS} ports besides 80 and 443")
        taken = {*ports, *host_ports}
        proxy = next(port for port in range(_FIRST_PROXY_PORT, 65_536) if port not in taken)
        return Network(proxy_port=proxy, ports=ports, redirect=self._settings.redirect, host_ports=host_ports)

    # What is claimed.

    def _claims(self) -> Iterator[Claim]:
        yield from self._of_tables()
        yield from self._caches()
        if self._own is not None:
            yield from self._own.claims()
            self._notes += self._own.notes
        for path, why in self._ground.secrets:
            if self._own is None or not self._own.holds(path):
                yield Claim(path=path, access=Access.MASK, why=why, rank=Rank.SECRET)
        yield Claim(path=self._workspace, access=Access.WRITE, why="workspace", rank=Rank.WORKSPACE)
        yield from protected(self._workspace, self._host)
        common = repository_beside(self._workspace, self._host)
        if common and not self._ground.why_not(common):
            yield from repository_claims(common, self._host)
        for said, source in ((self._settings, Source.CONFIG), (self._wish, Source.COMMAND)):
            asked = Asked(said, source, self._ground, self._workspace)
            yield from asked.claims()
            self._notes += asked.notes
        yield from self._of_ours()

    def _of_tables(self) -> Iterator[Claim]:
        table = places()
        for rows, access, rank in (
            (table.system, Access.READ, Rank.TABLE),
            (table.toolchains, Access.READ, Rank.TABLE),
            (table.settings, Access.READ, Rank.TABLE),
            (table.private, Access.PRIVATE, Rank.RUNTIME),
        ):
            for path, row in self._there(rows):
                yield Claim(path=path, access=access, why=row.why, rank=rank)
        if self._host.uid == 0:
            # Nobody else would get to see it; root does, and needs no capability for files of its own.
            for path in self._host.closed("/etc"):
                yield Claim(path=path, access=Access.MASK, why="for root's eyes alone", rank=Rank.SECRET)
        if self._ground.home != "/":
            why = "your home: an empty one, with what is granted in it"
            yield Claim(path=self._host.home, access=Access.PRIVATE, why=why, rank=Rank.PRIVATE)

    def _there(self, rows: Iterable[Place]) -> Iterator[tuple[str, Place]]:
        for row in rows:
            for path in expanded(row, self._host):
                if self._host.exists(path):
                    yield path, row

    def _caches(self) -> Iterator[Claim]:
        use = self._wish.caches or self._settings.caches
        if use is CacheUse.SHARED and self._mode is ContainmentMode.STRICT:
            raise PlanError("shared caches carry what is left in them out of a strict sandbox; use --caches copy")
        access = _CACHES[use]
        own = f"{kept_folder(self._host)}/{_one_name(self._workspace, self._host.home)}"
        for path, row in self._there(places().caches):
            if self._host.is_folder(path):
                upper = f"{own}/{_one_name(path, self._host.home)}" if access is Access.COPY else ""
                yield Claim(path=path, access=access, why=f"cache: {row.why}", rank=Rank.CACHE, upper=upper)

    def _of_ours(self) -> Iterator[Claim]:
        for path in self._host.installation:
            if path not in TOO_WIDE and not is_inside(self._ground.home, path):
                yield Claim(path=path, access=Access.READ, why="Pipelock's program", rank=Rank.OURSELVES)
        for path in self._ground.hidden:
            yield Claim(path=path, access=Access.MASK, why="Pipelock's own files", rank=Rank.HIDDEN)
        for path in self._facts.trust:
            if path:
                yield Claim(path=path, access=Access.READ, why="certificates that are believed", rank=Rank.TRUST)

    def _allowed(self, claims: Iterable[Claim]) -> list[Claim]:
        every = [claim for claim in claims if self._host.exists(claim.path)]
        write = {self._host.realpath(claim.path) for claim in every if claim.access is Access.WRITE}
        self._writable = tuple(sorted(write))
        return [claim for claim in every if self._may_claim(claim)]

    def _may_claim(self, claim: Claim) -> bool:
        """Whether a claim holds where it really leads. Raises PlanError for one that was asked for by hand.

        Nothing inside our own places is granted but the files of trust, and those only where they hold no place of
        ours. What a table names grants no secret by way of a link, and nothing does by way of a link that the agent
        may have made.
        """
        if claim.access is Access.MASK:
            return True
        real = self._host.realpath(claim.path)
        if claim.rank is Rank.TRUST:
            return not any(is_inside(place, real) for place in self._ground.hidden)
        if self._ground.is_ours(real):
            return False
        if link := self._link_of_an_agent(claim.path, real):
            if claim.source is Source.BUILT_IN:
                return False
            raise PlanError(f"{claim.path} leads to {real} by {link}, which an agent may have made; name {real} itself")
        by_table = claim.source is Source.BUILT_IN and claim.access is not Access.PRIVATE
        return not (by_table and self._ground.secret_at(real) and not self._is_own(real))

    def _is_own(self, real: str) -> bool:
        return self._own is not None and self._own.holds(real)

    def _link_of_an_agent(self, path: str, real: str) -> str:
        """A link on the way that lies where an agent may write and leads out of there; empty for none."""
        for link, _ in links_in(path, self._host):
            if any(is_inside(link, place) and link != place and not is_inside(real, place) for place in self._writable):
                return link
        return ""

    # What follows from it.

    def _program(self, found: Mapping[str, Grant]) -> list[Claim]:
        """A claim on the program's file where nothing else shows it."""
        if any(self._is_there(found, path) for path in self._programs):
            return []
        path = self._programs[0]
        real = self._host.realpath(path)
        if self._ground.is_ours(real):
            raise PlanError(f"{path} belongs to Pipelock; no agent ever sees it")
        if why := self._ground.secret_at(real):
            raise PlanError(f"{path} lies where there is {why}; allow it by name: --allow-read {path}")
        if link := self._link_of_an_agent(path, real):
            raise PlanError(f"{path} leads to {real} by {link}, which an agent may have made; start {real} itself")
        self._notes.append(f"{path} is shown alone; what else it needs beside it takes --allow-read FOLDER")
        return [Claim(path=path, access=Access.READ, why="the program", rank=Rank.TABLE)]

    def _shows(self, found: Mapping[str, Grant], real: str) -> bool:
        around = covering(found, real)
        return around is not None and around.access in _SHOWING

    def _is_there(self, found: Mapping[str, Grant], path: str) -> bool:
        """Whether a path, as it is written, leads to something inside that is there on the host, too."""
        real = self._host.realpath(path)
        if real in found and found[real].access is Access.PRIVATE:
            return True
        return self._host.exists(path) and self._shows(found, real)

    def _written(self, claims: Iterable[Claim]) -> Iterator[str]:
        """Paths as they are written, which must lead where they do outside."""
        yield from (claim.path for claim in claims if claim.access is not Access.MASK)
        yield from (self._host.home, absolute(self._wish.folder, self._host), *places().links)
        if said := self._wish.workspace or self._settings.workspace:
            yield absolute(said, self._host, absolute(self._wish.folder, self._host))

    def _check_names(self, found: Mapping[str, Grant]) -> None:
        """The daemon is told in JSON (RFC 8259 §8.1)."""
        for path in (*found, *self._wish.command):
            try:
                path.encode()
            except UnicodeEncodeError as error:
                raise PlanError(f"{path!a} is not UTF-8: nothing with such a name can be granted or run") from error

    def _check_hidden(self, found: Mapping[str, Grant]) -> None:
        """What of ours isn't there yet can't be hidden: it must not be the agent's to make."""
        for path in self._ground.hidden:
            around = covering(found, path)
            if self._host.kind(path) is None and around is not None and around.access is Access.WRITE:
                raise PlanError(f"{path} is Pipelock's and must not be the agent's to make; make it, or work elsewhere")


def _one_name(path: str, home: str) -> str:
    """A folder's path as one name, and no other's: `work_proj` is ~/work/proj, `_srv_x` is /srv/x."""
    rest = path[len(home) + 1 :] if is_inside(path, home) and home != "/" else path
    name = rest.replace("%", "%25").replace("_", "%5F").replace("/", "_")
    # File systems take 255 bytes (NAME_MAX).
    data = os.fsencode(name)
    return name if len(data) <= _MAX_NAME else f"{os.fsdecode(data[:_MAX_NAME])}-{crc32(data):08x}"
