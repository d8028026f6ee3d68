"""What is believed of a launcher that hands over an agent: numbers within bounds, names that it may give, ports."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from pipelock.control.backend import BackendError, ContainWish
from pipelock.identity import Agents, ContainedCaller, sanitise_agent
from pipelock.identity.commands import masked_command
from pipelock.model import MAX_HANDED, Contained, ContainmentSettings, HandedKind, Wall

__all__ = ["MAX_SINGLES", "MAX_WALLS", "Believed", "believe"]

MAX_WALLS = 32
MAX_SINGLES = 8
"""`?` in a launch's rules, all together: each is tried at every place of a path, which is as long as an agent likes."""
_MAX_WITH_SINGLES = 200
_MAX_TEXT = 300
_MAX_PATH = 4_096
_MAX_COMMAND = 4_096
_ID = frozenset("0123456789abcdef")
_ID_LENGTH = 12


class Believed(msgspec.Struct, frozen=True):
    """A wish that was looked through.

    Attributes:
        contained: The agent, under the name and profile that hold for it; texts are cut and secrets masked.
        caller: The same, as its connections tell of it.
        settings: What config says of it now.
    """

    contained: Contained
    caller: ContainedCaller
    settings: ContainmentSettings


def believe(
    wish: ContainWish,
    agents: Agents,
    settings: Callable[[str], ContainmentSettings],
    *,
    refused_ports: frozenset[int],
    now: float,
) -> Believed:
    """Look a wish through. Its descriptors are not looked at.

    Args:
        wish: The launcher's.
        agents: What config says about names.
        settings: What it says of a profile, or of the agent of a name that has none.
        refused_ports: Loopback ports that are never relayed: the daemon's own.
        now: Seconds since the epoch.

    Raises:
        BackendError: bad_request, forbidden.
    """
    said = wish.contained
    if len(said.id) != _ID_LENGTH or not _ID.issuperset(said.id):
        raise BackendError("bad_request", f"a sandbox's id has {_ID_LENGTH} hex digits")
    if len(wish.sockets) > MAX_HANDED or len(said.walls) > MAX_WALLS:
        raise BackendError("bad_request", f"at most {MAX_HANDED} sockets and {MAX_WALLS} walls")
    _check_rules(wish.rules)
    name, profile = _names(wish, agents)
    # By the agent's name where there is no profile, as launchers are told them.
    found = settings(profile or name)
    _check_ports(wish, refused_ports, found.host_ports)
    contained = msgspec.structs.replace(
        said,
        agent=name,
        profile=profile,
        started_at=min(max(said.started_at, 0.0), now),
        # Masked here: launchers start faster without knowing what secrets look like.
        command=masked_command(said.command[:_MAX_COMMAND].split(" "))[:_MAX_TEXT],
        workspace=said.workspace[:_MAX_PATH],
        walls=tuple(Wall(wall.name, wall.state, wall.detail[:_MAX_TEXT], wall.fix[:_MAX_TEXT]) for wall in said.walls),
    )
    return Believed(contained, ContainedCaller(said.id, name, profile, shared=wish.shared), found)


def _names(wish: ContainWish, agents: Agents) -> tuple[str, str]:
    """The agent's name and profile."""
    said = wish.contained
    if said.profile and said.profile not in agents.names:
        raise BackendError("bad_request", "there is no such profile in section agents")
    bound = _bound(wish, agents)
    name = sanitise_agent(bound or said.agent)
    if not name or name in {".", ".."}:
        raise BackendError("bad_request", "a sandbox's agent has a name")
    if bound and said.profile not in {"", name}:
        raise BackendError("forbidden", f"what is launched from here is {name}'s, not agents.{said.profile}'s")
    # Who takes a profile's name takes its budgets, too.
    profile = said.profile or (name if name in agents.names else "")
    proven = agents.proven.intersection({name, profile})
    if proven and not wish.may_decide and name != wish.inside:
        # Rules and budgets go by it, and whoever can't decide may be an agent that wants those of another one.
        raise BackendError(
            "forbidden",
            f"agents.{min(proven)} has a listener, networks or programs of its own, so its name is given by who "
            "may decide: start the sandbox in a terminal of your own",
        )
    if name in agents.names and name != profile:
        raise BackendError("bad_request", f"{name} is another profile's name than agents.{profile}")
    return name, profile


def _bound(wish: ContainWish, agents: Agents) -> str:
    """Whose it is, whatever its launcher says: nobody gets rid of his name by launching."""
    if wish.may_decide:
        return ""
    return wish.inside or (agents.default_agent if agents.bind_default else "")


def _check_rules(rules: Sequence[str]) -> None:
    """What they may cost the daemon with each request: whoever may not decide may launch, too."""
    costly = [rule for rule in rules if "?" in rule]
    if sum(rule.count("?") for rule in costly) > MAX_SINGLES or any(len(rule) > _MAX_WITH_SINGLES for rule in costly):
        raise BackendError(
            "bad_request",
            f"a launch's rules hold at most {MAX_SINGLES} `?`, in lines of at most {_MAX_WITH_SINGLES} characters: "
            "write `*`",
        )


def _check_ports(wish: ContainWish, refused: frozenset[int], granted: tuple[int, ...]) -> None:
    """Which ports of this machine may be relayed."""
    for port in (one.port for one in wish.sockets if one.kind is HandedKind.HOST_PORT):
        if port in refused:
            raise BackendError("forbidden", f"port {port} is the daemon's own and is not relayed")
        if not wish.may_decide and port not in granted:
            raise BackendError(
                "forbidden",
                f"port {port} of this machine is opened by who may decide, in a terminal of their own, or by "
                "sandbox.host_ports",
            )
