"""Rules between the keys of `sandbox` and of `agents.<name>.sandbox`, for `validate`."""

from __future__ import annotations

from collections.abc import Iterator

from pipelock.config.rule_lines import parse_rule_line
from pipelock.config.rules import ValueRuleError
from pipelock.config.sandbox_settings import sandbox_settings
from pipelock.config.schema import Config
from pipelock.config.schema_sandbox import AgentSandbox, Sandbox
from pipelock.model import MAX_SANDBOX_PORTS, ContainmentMode

__all__ = ["sandbox_contradictions", "sandbox_warnings"]


def sandbox_contradictions(config: Config) -> Iterator[tuple[str, str]]:
    """Pairs of key and message."""
    for place, name, section in _sections(config):
        if section.strict and section.best_effort:
            yield f"{place}.best_effort", "strict asks for every wall and best_effort for none: choose one"
        for index, line in enumerate(section.allow or ()):
            try:
                parse_rule_line(line)
            except ValueRuleError as error:
                hint = f"; perhaps {error.suggestion}" if error.suggestion else ""
                yield f"{place}.allow[{index}]", f"{error}{hint}"
        settings = sandbox_settings(config, name)
        if settings.mode is ContainmentMode.STRICT and section.caches == "shared":
            yield f"{place}.caches", "shared caches carry what the agent leaves there out of a strict sandbox; use copy"
        if len(settings.ports) + len(settings.host_ports) > MAX_SANDBOX_PORTS:
            yield f"{place}.ports", f"with host_ports there are more than {MAX_SANDBOX_PORTS}; each takes two sockets"


def _sections(config: Config) -> Iterator[tuple[str, str, Sandbox | AgentSandbox]]:
    """Each place where it stands, and the profile's name; that of the section itself is empty."""
    yield "sandbox", "", config.sandbox
    yield from ((f"agents.{name}.sandbox", name, profile.sandbox) for name, profile in config.agents.items())


def sandbox_warnings(config: Config) -> Iterator[str]:
    """What is allowed and probably not meant."""
    for place, _name, section in _sections(config):
        if section.enabled:
            yield f"{place}.enabled: Pipelock launches nothing by itself yet; start agents with `pipelock sandbox`"
        if section.best_effort:
            yield f"{place}.best_effort: agents start even where nothing holds their network"
