"""The configuration on disk beside the one in force, key by key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from pipelock.config import Config, ConfigError, Loaded
from pipelock.config.compare import restart_only, weakenings
from pipelock.model import ConfigChange, ConfigReview

__all__ = ["MAX_CHANGES", "review"]

MAX_CHANGES = 500
MAX_VALUE = 200
"""Characters of a value."""
_SECRET = ("token", "secret", "password", "license_key", "dsn", "canary", "dictionar", "webhook.url")


def review(running: Loaded, read: Loaded | ConfigError) -> ConfigReview:
    """What a reload would change. Values that are secrets are not shown."""
    path = str(running.path or "")
    if isinstance(read, ConfigError):
        return ConfigReview(path, running.policy_hash, error=str(read)[:4000])
    restart = frozenset(restart_only(running.config, read.config))
    weaker = weakenings(running.config, read.config)
    changes = []
    for key, old, new in _differences(running.config, read.config):
        said = next((text for text in weaker if text.partition(":")[0] == key), "")
        changes.append(
            ConfigChange(key, _shown(key, old), _shown(key, new), said.partition(": ")[2], restart=key in restart)
        )
        if len(changes) == MAX_CHANGES:
            break
    return ConfigReview(
        path, running.policy_hash, read.policy_hash, tuple(changes), weaker, (*read.notices, *read.warnings)
    )


def _differences(old: Config, new: Config) -> Iterator[tuple[str, object, object]]:
    yield from _tree("", msgspec.to_builtins(old), msgspec.to_builtins(new))


def _tree(prefix: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, object, object]]:
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name), new.get(name)
        key = f"{prefix}.{name}" if prefix else name
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _tree(key, before, after)
        elif before != after:
            yield key, before, after


def _shown(key: str, value: object) -> str:
    if value in (None, "", [], (), {}):
        return ""
    if any(word in key.lower() for word in _SECRET):
        return "(not shown)"
    if isinstance(value, (list, tuple)):
        return _list(value)
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"


def _list(items: Sequence[object]) -> str:
    """Entries by their name, or as they are; entries may hold secrets, which their names are not."""
    names = [
        str(item.get("name") or item.get("rule") or "…") if isinstance(item, dict) else str(item) for item in items
    ]
    text = ", ".join(names)
    return f"{len(items)}: {text if len(text) <= MAX_VALUE else text[:MAX_VALUE] + '…'}"
