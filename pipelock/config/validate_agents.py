"""Rules between the profiles of `agents`, for `validate`: what could be two agents is taken for the wrong one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network

from pipelock.config.rules import is_loopback, parse_listen
from pipelock.config.schema import Config
from pipelock.config.schema_agents import DEFAULT_PROFILE, AgentProfile

__all__ = ["agent_contradictions", "agent_warnings"]

_ANY = frozenset({"", "0.0.0.0", "::"})


def agent_contradictions(config: Config) -> Iterator[tuple[str, str]]:
    """Pairs of key and message."""
    fallback = config.agents.get(DEFAULT_PROFILE)
    for key in ("listeners", "source_cidrs", "programs") if fallback is not None else ():
        if getattr(fallback, key):
            yield (
                f"agents.{DEFAULT_PROFILE}.{key}",
                "this profile is for all that no other one is for: nothing leads to it",
            )
    yield from _listeners(config)
    yield from _networks(config.agents)
    yield from _programs(config.agents)


def _taken(config: Config) -> Iterator[tuple[str, str]]:
    yield "fetch_proxy.listen", config.fetch_proxy.listen
    yield "metrics_listen", config.metrics_listen
    yield "scan_api.listen", config.scan_api.listen
    yield "kill_switch.api_listen", config.kill_switch.api_listen
    if config.reverse_proxy.enabled:
        yield "reverse_proxy.listen", config.reverse_proxy.listen


def _listeners(config: Config) -> Iterator[tuple[str, str]]:
    taken = [(key, parse_listen(address)) for key, address in _taken(config) if address]
    for name, profile in config.agents.items():
        for index, address in enumerate(profile.listeners):
            key, (host, port) = f"agents.{name}.listeners[{index}]", parse_listen(address)
            for other, (its_host, its_port) in taken:
                if port == its_port and port and (host == its_host or host in _ANY or its_host in _ANY):
                    yield key, f"uses the address of {other}; give it one of its own"
                    break
            taken.append((key, (host, port)))


def _networks(agents: Mapping[str, AgentProfile]) -> Iterator[tuple[str, str]]:
    # Sorted by where they begin, a network that overlaps others overlaps the widest one before it.
    every = [
        (ip_network(text), f"agents.{name}.source_cidrs[{index}]", name)
        for name, profile in agents.items()
        for index, text in enumerate(profile.source_cidrs)
    ]
    for version in (4, 6):
        ordered = sorted((one for one in every if one[0].version == version), key=_start)
        last: tuple[IPv4Network | IPv6Network, str, str] | None = None
        for network, key, name in ordered:
            if last is not None and int(network.network_address) <= int(last[0].broadcast_address):
                if name != last[2]:
                    yield key, f"{network} overlaps {last[0]} of {last[1]}: it must be clear whose an address is"
                continue  # of two networks that overlap, one holds the other, and that is the earlier one
            last = network, key, name


def _start(one: tuple[IPv4Network | IPv6Network, str, str]) -> tuple[int, int]:
    return int(one[0].network_address), one[0].prefixlen


def _programs(agents: Mapping[str, AgentProfile]) -> Iterator[tuple[str, str]]:
    first: dict[str, str] = {}
    for name, profile in agents.items():
        for index, glob in enumerate(profile.programs):
            key = f"agents.{name}.programs[{index}]"
            if not glob.strip("*"):
                yield key, "would be every program"
            elif first.setdefault(glob, name) != name:
                yield key, f"{glob!r} is a program of {first[glob]} already"


def agent_warnings(config: Config) -> Iterator[str]:
    """What is allowed and probably not meant."""
    for name, profile in config.agents.items():
        for index, listen in enumerate(profile.listeners):
            if not is_loopback(listen):
                yield (
                    f"agents.{name}.listeners[{index}]: {listen} can be reached from other machines; there is no login "
                    "on this port"
                )
