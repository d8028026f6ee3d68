"""Comparisons of `sandbox` as it comes out for each profile, for `compare`: what agents launched later may do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipelock.config.compare_lists import added, removed
from pipelock.config.sandbox_settings import sandbox_settings
from pipelock.config.schema import Config
from pipelock.model import CacheUse, ContainmentMode, ContainmentSettings

__all__ = ["sandboxes"]

_MODES: Final = (ContainmentMode.BEST_EFFORT, ContainmentMode.NORMAL, ContainmentMode.STRICT)
_CACHES: Final = (CacheUse.SHARED, CacheUse.COPY, CacheUse.PRIVATE)
_WIDENING: Final = (
    ("filesystem.allow_read", "allow_read"),
    ("filesystem.allow_write", "allow_write"),
    ("filesystem.unix_sockets", "unix_sockets"),
    ("env", "env"),
    ("host_ports", "host_ports"),
)
_LIMITS: Final = (
    ("processes", "processes"),
    ("memory_mb", "memory"),
    ("open_files", "files"),
    ("file_mb", "file_size"),
)


def sandboxes(old: Config, new: Config) -> Iterator[str]:
    """What agents launched from now on may do that they might not before. Each sentence once: a profile's own only."""
    said = set()
    for name in ("", *dict.fromkeys((*old.agents, *new.agents))):
        place = f"agents.{name}.sandbox" if name else "sandbox"
        for key, what in _weaker(sandbox_settings(old, name), sandbox_settings(new, name)):
            if not name:
                said.add((key, what))
            elif (key, what) in said:
                continue
            yield f"{place}.{key}: {what}"


def _weaker(old: ContainmentSettings, new: ContainmentSettings) -> Iterator[tuple[str, str]]:
    """Pairs of key and what became of it."""
    if _MODES.index(new.mode) < _MODES.index(old.mode):
        yield ("best_effort", "switched on") if new.mode is ContainmentMode.BEST_EFFORT else ("strict", "switched off")
    if _CACHES.index(new.caches) < _CACHES.index(old.caches):
        yield "caches", f"{old.caches} became {new.caches}"
    for key, attribute in _WIDENING:
        yield from _apart(added(key, _shown(key, getattr(old, attribute)), _shown(key, getattr(new, attribute))))
    yield from _apart(removed("filesystem.mask", old.mask, new.mask))
    yield from _rules(old, new)
    if new.preset != old.preset:
        yield "preset", f"{old.preset or 'by the program'} became {new.preset or 'by the program'}"
    if new.workspace != old.workspace:
        yield "workspace", f"{old.workspace or 'where it starts'} became {new.workspace or 'where it starts'}"
    if old.redirect and not new.redirect:
        yield "redirect", "switched off"
    if old.freeze_on_kill and not new.freeze_on_kill:
        yield "on_kill", "freeze became refuse"
    for key, attribute in _LIMITS:
        before, after = getattr(old, attribute), getattr(new, attribute)
        if before and not 0 < after <= before:
            unit = 1 << 20 if key.endswith("_mb") else 1
            yield f"limits.{key}", f"{before // unit} became {after // unit or 'no limit'}"


def _shown(key: str, entries: tuple[object, ...]) -> tuple[object, ...]:
    """Values of variables may be secrets: their names say enough."""
    return tuple(str(entry).partition("=")[0] for entry in entries) if key == "env" else entries


def _apart(sentences: Iterator[str]) -> Iterator[tuple[str, str]]:
    for sentence in sentences:
        key, _, what = sentence.partition(": ")
        yield key, what


def _rules(old: ContainmentSettings, new: ContainmentSettings) -> Iterator[tuple[str, str]]:
    if old.rules and not new.rules:
        yield "allow", "emptied, so that the other rules alone decide"
    elif old.rules:
        yield from _apart(added("allow", old.rules, new.rules))
