"""Section `redaction` becomes a `Redaction`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelock.config import Config
from pipelock.config.schema_scanning import RedactionDictionary, RedactionProvider
from pipelock.detect.hosts import HostSet
from pipelock.detect.known import KnownSecrets
from pipelock.detect.redaction import Dictionary, Limits, Redactor
from pipelock.detect.seeds import SeedPhrases
from pipelock.detect.watch import Watcher
from pipelock.engine.redact import Redaction, Route

__all__ = ["compile_redaction"]

_PROVIDERS = {
    "anthropic": RedactionProvider(
        host_patterns=("api.anthropic.com",), path_prefixes=("/v1/messages", "/v1/complete")
    ),
    "openai": RedactionProvider(host_patterns=("api.openai.com",), path_prefixes=("/v1/chat/", "/v1/responses")),
    "gemini": RedactionProvider(host_patterns=("generativelanguage.googleapis.com",), path_prefixes=("/v1",)),
}


def compile_redaction(config: Config, watched: Sequence[Watcher], cache: Path | None) -> Redaction:
    """The profile in force.

    Args:
        config: A valid configuration in which redaction is on.
        watched: What the scanner of secrets watches for; known values among it are a class.
        cache: Directory (0700) of compiled rule databases; `None` compiles anew.

    Raises:
        MatcherError: a pattern can't be compiled.
    """
    section = config.redaction
    profile = section.profiles[section.default_profile]
    known: list[tuple[str, Watcher]] = [("env-secret", one) for one in watched if isinstance(one, KnownSecrets)]
    if "seed-phrase" in profile.classes:
        known.append(("seed-phrase", SeedPhrases()))
    limits = section.limits
    redactor = Redactor(
        profile.classes,
        [_dictionary(section.dictionaries[name]) for name in profile.dictionaries],
        Limits(limits.max_body_bytes, limits.max_redactions_per_request, limits.max_depth),
        watchers=known,
        cache=cache,
    )
    routes = [Route(HostSet(section.allowlist_unparseable))] if section.allowlist_unparseable else []
    routes += [
        Route(
            hosts=HostSet([route.host]),
            methods=frozenset(route.methods),
            prefixes=route.path_prefixes,
            suffixes=route.path_suffixes,
            types=frozenset(route.content_types),
        )
        for route in section.allowlist_unparseable_routes
    ]
    providers = {**_PROVIDERS, **section.providers}
    read = [Route(HostSet(one.host_patterns), prefixes=one.path_prefixes) for one in providers.values() if one.parser]
    return Redaction(redactor, tuple(routes), tuple(read))


def _dictionary(section: RedactionDictionary) -> Dictionary:
    return Dictionary(
        kind=section.class_,
        entries=section.entries,
        case_insensitive=section.case_insensitive,
        word_boundary=section.word_boundary,
        priority=section.priority,
    )
