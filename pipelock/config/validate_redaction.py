"""Rules between the keys of section `redaction`."""

from __future__ import annotations

from collections.abc import Iterator

from pipelock.config.schema import Config
from pipelock.config.schema_scanning import Redaction

__all__ = ["MAX_ENTRIES", "redaction_contradictions"]

MAX_ENTRIES = 10_000
"""Dictionary entries of all dictionaries together."""


def redaction_contradictions(config: Config) -> Iterator[tuple[str, str]]:
    """Pairs of key and message for values that do not go together."""
    section = config.redaction
    yield from _profiles(section)
    yield from _dictionaries(section)
    for index, route in enumerate(section.allowlist_unparseable_routes):
        conditions = (route.methods, route.path_prefixes, route.path_suffixes, route.content_types)
        if not any(conditions) or (route.path_prefixes == ("/",) and not any((conditions[0], *conditions[2:]))):
            yield f"redaction.allowlist_unparseable_routes[{index}]", "needs a condition beside the host"
    if not section.enabled:
        return
    if not config.request_body_scanning.enabled:
        yield "redaction.enabled", "needs request_body_scanning.enabled"
    if not section.default_profile:
        yield "redaction.default_profile", "required while redaction is on"
    elif section.default_profile not in section.profiles:
        yield "redaction.default_profile", f"no profile has the name {section.default_profile!r}"


def _profiles(section: Redaction) -> Iterator[tuple[str, str]]:
    for name, profile in section.profiles.items():
        key = f"redaction.profiles.{name}"
        if not profile.classes and not profile.dictionaries:
            yield key, "needs classes or dictionaries"
        for index, dictionary in enumerate(profile.dictionaries):
            if dictionary not in section.dictionaries:
                yield f"{key}.dictionaries[{index}]", f"no dictionary has the name {dictionary!r}"


def _dictionaries(section: Redaction) -> Iterator[tuple[str, str]]:
    for name, dictionary in section.dictionaries.items():
        key = f"redaction.dictionaries.{name}"
        if not dictionary.class_:
            yield key, "needs a class, which its placeholders will name"
        if not dictionary.entries and not dictionary.entries_file:
            yield key, "needs entries or entries_file"
    if sum(len(dictionary.entries) for dictionary in section.dictionaries.values()) > MAX_ENTRIES:
        yield "redaction.dictionaries", f"more than {MAX_ENTRIES} entries in all"
