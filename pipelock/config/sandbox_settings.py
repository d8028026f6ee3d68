"""What section `sandbox` comes to for one profile: the section, overridden by `agents.<name>.sandbox`."""

from __future__ import annotations

from typing import Final, TypeVar

from pipelock.config.schema import Config
from pipelock.config.schema_agents import DEFAULT_PROFILE
from pipelock.config.schema_sandbox import AgentSandbox, AgentSandboxLimits, Sandbox, SandboxLimits
from pipelock.model import CacheUse, ContainmentMode, ContainmentSettings

__all__ = ["sandbox_settings"]

_MIB: Final = 1 << 20
T = TypeVar("T")


def sandbox_settings(config: Config, profile: str) -> ContainmentSettings:
    """The settings of a profile; those of `_default`, or of the section alone, where there is none of that name."""
    section = config.sandbox
    named = config.agents.get(profile) or config.agents.get(DEFAULT_PROFILE)
    own = named.sandbox if named is not None else AgentSandbox()
    limits = _limits(section.limits, own.limits)
    files, more = section.filesystem, own.filesystem
    return ContainmentSettings(
        mode=_mode(section, own),
        preset=_either(own.preset, section.preset),
        workspace=_either(own.workspace, section.workspace),
        allow_read=_joined(files.allow_read, more.allow_read),
        allow_write=_joined(files.allow_write, more.allow_write),
        mask=_joined(files.mask, more.mask),
        unix_sockets=_joined(files.unix_sockets, more.unix_sockets),
        caches=CacheUse(_either(own.caches, section.caches)),
        env=_joined(section.env, own.env),
        rules=_either(own.allow, section.allow),
        ports=_joined(section.ports, own.ports),
        redirect=_either(own.redirect, section.redirect),
        host_ports=_joined(section.host_ports, own.host_ports),
        processes=limits.processes,
        memory=limits.memory_mb * _MIB,
        files=limits.open_files,
        file_size=limits.file_mb * _MIB,
        freeze_on_kill=_either(own.on_kill, section.on_kill) == "freeze",
        explain=_either(own.explain, section.explain),
    )


def _mode(section: Sandbox, own: AgentSandbox) -> ContainmentMode:
    """A profile that says `strict: true` is strict whatever the section says, and the other way round."""
    strict = _either(own.strict, section.strict and not own.best_effort)
    if strict:
        return ContainmentMode.STRICT
    if _either(own.best_effort, section.best_effort):
        return ContainmentMode.BEST_EFFORT
    return ContainmentMode.NORMAL


def _limits(section: SandboxLimits, own: AgentSandboxLimits) -> SandboxLimits:
    return SandboxLimits(
        processes=_either(own.processes, section.processes),
        memory_mb=_either(own.memory_mb, section.memory_mb),
        open_files=_either(own.open_files, section.open_files),
        file_mb=_either(own.file_mb, section.file_mb),
    )


def _either(own: T | None, inherited: T) -> T:
    return inherited if own is None else own


def _joined(section: tuple[T, ...], own: tuple[T, ...]) -> tuple[T, ...]:
    """Both, each entry once, in the order written."""
    return tuple(dict.fromkeys((*section, *own)))
