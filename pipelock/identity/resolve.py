"""Whose request it is: what is known of the connection, what the request says of itself, and what config says. Pure.

The agent's name comes from the first of these that gives one:

    the sandbox it was launched in  >  a listener of its own
        >  its process (a known agent, or a profile's `programs`)  >  its network  >  a bound default
        >  X-Pipelock-Agent  >  the default  >  ?agent=  >  anonymous

and the session from its sandbox, then from its process where that is known, otherwise from name and address. A name
that config gives to a listener, a network or programs is not to be had by saying it.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network

import msgspec

from pipelock.config import Config
from pipelock.config.schema_agents import DEFAULT_PROFILE, AgentProfile
from pipelock.identity.names import sanitise_agent
from pipelock.identity.root import Root
from pipelock.model import ANONYMOUS, Evidence, Identity, sandbox_key, session_key

__all__ = ["NOBODY", "Agents", "Caller", "ContainedCaller", "contained_key", "resolve"]

_HERE = "127.0.0.1"
_Table = dict[int, dict[int, str]]


class ContainedCaller(msgspec.Struct, frozen=True):
    """The sandbox that a connection comes from: it came to a listener inside, which nobody else can reach.

    Attributes:
        id: The launch, 12 hex digits.
        agent: The agent's name, safe to use.
        profile: The profile in `agents` that it was launched under; empty for none.
        shared: Its launcher could launch another for each request, as `Identity.shared`.
    """

    id: str
    agent: str
    profile: str = ""
    shared: bool = False


class Caller(msgspec.Struct, frozen=True):
    """What is known of a connection, whatever is said on it.

    Attributes:
        client: The peer's address.
        profile: The profile whose listener it came to; empty for the others.
        root: Its session's root process, where that could be found.
        contained: The sandbox whose listener it came to, where it is one's. Nothing else counts then.
    """

    client: str
    profile: str = ""
    root: Root | None = None
    contained: ContainedCaller | None = None


class Agents:
    """What config says about who is who. Made once for each configuration.

    Attributes:
        programs: The globs of programs of each profile that has some.
    """

    def __init__(
        self,
        profiles: Mapping[str, AgentProfile] | None = None,
        default_agent: str = "",
        *,
        bind_default: bool = False,
    ) -> None:
        profiles = profiles or {}
        self.default_agent = default_agent
        self.bind_default = bind_default and bool(default_agent)
        self.names = frozenset(profiles) - {DEFAULT_PROFILE}
        self.proven = frozenset(
            name for name, one in profiles.items() if one.listeners or one.source_cidrs or one.programs
        )
        self.programs = {name: one.programs for name, one in profiles.items() if one.programs}
        self._tables: dict[int, _Table] = {4: {}, 6: {}}
        for name, profile in profiles.items():
            self._add(name, profile)

    @classmethod
    def from_config(cls, config: Config) -> Agents:
        """Section `agents` and the default identity."""
        return cls(config.agents, config.default_agent_identity, bind_default=config.bind_default_agent_identity)

    def _add(self, name: str, profile: AgentProfile) -> None:
        networks = [ip_network(text) for text in profile.source_cidrs]
        # Networks of one profile may lie in each other.
        four = collapse_addresses([one for one in networks if isinstance(one, IPv4Network)])
        six = collapse_addresses([one for one in networks if isinstance(one, IPv6Network)])
        every: list[IPv4Network | IPv6Network] = [*four, *six]
        for network in every:
            lengths = self._tables[network.version].setdefault(network.prefixlen, {})
            lengths[int(network.network_address)] = name

    def at(self, client: str) -> str:
        """The profile in whose network an address is; empty where it is in none, or is no address."""
        try:
            address = ip_address(client)
        except ValueError:
            return ""
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        number, bits = int(address), address.max_prefixlen
        for length, networks in self._tables[address.version].items():
            name = networks.get(number >> (bits - length) << (bits - length))
            if name is not None:
                return name
        return ""


NOBODY = Agents()
"""No profiles, no defaults."""


def resolve(caller: Caller, claimed: str, query: str, agents: Agents) -> Identity:
    """Who sends a request on a connection of `caller`.

    `claimed` is the client's X-Pipelock-Agent, `query` its `?agent=`; both are empty where it has none.
    """
    if caller.contained is not None:
        return _contained(caller.contained, sanitise_agent(claimed or query), agents)
    root = caller.root
    name, evidence, profile = _name(caller, claimed, query, agents)
    said = sanitise_agent(claimed or query)
    if evidence is Evidence.NONE and root is not None:
        # Nobody says who it is, but the session is known.
        evidence = Evidence.PROCESS
    return Identity(
        agent=name,
        session=_key(root, name, caller.client),
        evidence=evidence,
        claimed=said if said != name else "",
        profile=profile,
        processes=root.processes if root is not None else (),
        shared=root is not None and root.adrift,
    )


def contained_key(sandbox: ContainedCaller) -> str:
    """The key of a sandbox's session: the same for all its connections, and each time it comes back with its id."""
    return sandbox_key(sandbox.agent, sandbox.id, _HERE)


def _contained(sandbox: ContainedCaller, said: str, agents: Agents) -> Identity:
    return Identity(
        agent=sandbox.agent,
        session=contained_key(sandbox),
        evidence=Evidence.LISTENER,
        claimed=said if said != sandbox.agent else "",
        profile=sandbox.profile if sandbox.profile in agents.names else "",
        shared=sandbox.shared,
    )


def _name(caller: Caller, claimed: str, query: str, agents: Agents) -> tuple[str, Evidence, str]:
    """The name, what it rests on, and the profile that holds."""
    root = caller.root
    network = "" if caller.profile or (root is not None and root.agent) else agents.at(caller.client)
    header, asked = (_believable(one, agents) for one in (claimed, query))
    if caller.profile:
        found = caller.profile, Evidence.LISTENER
    elif root is not None and root.agent:
        found = root.profile or root.agent, Evidence.PROCESS
    elif network:
        found = network, Evidence.CIDR
    elif agents.default_agent and (agents.bind_default or not header):
        found = agents.default_agent, Evidence.DEFAULT
    elif header or asked:
        found = header or asked, Evidence.HEADER
    else:
        found = ANONYMOUS, Evidence.NONE
    return (*found, found[0] if found[0] in agents.names else "")


def _believable(said: str, agents: Agents) -> str:
    name = sanitise_agent(said)
    return "" if name in agents.proven or name == DEFAULT_PROFILE else name


def _key(root: Root | None, name: str, client: str) -> str:
    if root is None:
        return session_key(name, client)
    # A process of this machine may come from any of its addresses: it is one session all the same.
    last = root.processes[-1]
    return f"{sanitise_agent(last.program)}@{last.pid}|{_HERE}"
