"""What the command line says instead of the file."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from pipelock.config.problems import Problem
from pipelock.config.rules import ValueRuleError, parse_listen
from pipelock.config.schema import Config, Mode
from pipelock.config.schema_proxy import ReverseProxy

__all__ = ["NO_REVERSE_FLAGS", "REVERSE_LISTEN", "Overrides", "ReverseFlags", "overridden"]

REVERSE_LISTEN = "127.0.0.1:8890"
"""Where the reverse proxy listens if the command line switches it on and nobody says where."""


class ReverseFlags(NamedTuple):
    """The reverse proxy on the command line. An upstream switches it on; `None` leaves what the file says."""

    enabled: bool = False
    upstream: str | None = None
    listen: str | None = None


NO_REVERSE_FLAGS = ReverseFlags()


class Overrides(NamedTuple):
    """All of it. `None` leaves what the file says."""

    mode: Mode | None = None
    listen: str | None = None
    reverse: ReverseFlags = NO_REVERSE_FLAGS


def overridden(config: Config, overrides: Overrides, problems: list[Problem]) -> Config:
    """`config` as the command line wants it; an address that is none is added to `problems`."""
    replace = msgspec.structs.replace
    if overrides.mode is not None:
        config = replace(config, mode=overrides.mode)
    if overrides.listen is not None and _is_address(overrides.listen, "listen", problems):
        config = replace(config, fetch_proxy=replace(config.fetch_proxy, listen=overrides.listen))
    return replace(config, reverse_proxy=_reverse(config.reverse_proxy, overrides.reverse, problems))


def _reverse(section: ReverseProxy, flags: ReverseFlags, problems: list[Problem]) -> ReverseProxy:
    replace = msgspec.structs.replace
    if flags.listen is not None and _is_address(flags.listen, "reverse-listen", problems):
        section = replace(section, listen=flags.listen)
    if flags.upstream is not None:
        section = replace(section, upstream=flags.upstream)
    if flags.enabled or flags.upstream is not None:
        section = replace(section, enabled=True, listen=section.listen or REVERSE_LISTEN)
    return section


def _is_address(text: str, flag: str, problems: list[Problem]) -> bool:
    try:
        parse_listen(text)
    except ValueRuleError as error:
        problems.append(Problem("command line", 0, 0, flag, str(error), error.suggestion))
        return False
    return True
