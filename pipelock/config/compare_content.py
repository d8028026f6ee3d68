"""Comparisons of `redaction`, `media_policy` and `a2a_scanning` for `pipelock.config.compare`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipelock.config.compare_lists import added
from pipelock.config.schema import Config
from pipelock.config.schema_scanning import MediaPolicy, Redaction, RedactionProfile

__all__ = ["CONTENT_CEILINGS", "CONTENT_PROTECTIONS", "CONTENT_RANKS", "content"]

CONTENT_RANKS: Final = {"a2a_scanning.action": ("warn", "block")}
CONTENT_PROTECTIONS: Final = (
    "redaction.enabled",
    "media_policy.enabled",
    "media_policy.strip_images",
    "media_policy.strip_audio",
    "media_policy.strip_video",
    "media_policy.strip_image_metadata",
    "media_policy.log_media_exposure",
    "a2a_scanning.enabled",
    "a2a_scanning.scan_agent_cards",
    "a2a_scanning.detect_card_drift",
    "a2a_scanning.session_smuggling_detection",
    "a2a_scanning.scan_raw_parts",
)
CONTENT_CEILINGS: Final = ("media_policy.max_image_bytes",)


def content(old: Config, new: Config) -> Iterator[str]:
    """What is replaced or let in now and was not before."""
    yield from _media(old.media_policy, new.media_policy)
    if old.redaction.enabled and new.redaction.enabled:
        yield from _redaction(old.redaction, new.redaction)


def _media(old: MediaPolicy, new: MediaPolicy) -> Iterator[str]:
    yield from added("media_policy.allowed_image_types", old.allowed_image_types, new.allowed_image_types)


def _redaction(old: Redaction, new: Redaction) -> Iterator[str]:
    before, after = old.profiles.get(old.default_profile), new.profiles.get(new.default_profile)
    if before is not None and after is not None:
        yield from _profile(before, after)
        for name in before.dictionaries:
            then, now = old.dictionaries.get(name), new.dictionaries.get(name)
            if then is not None and now is not None and name in after.dictionaries:
                gone = len(set(then.entries) - set(now.entries))
                if gone:
                    yield f"redaction.dictionaries.{name}: {gone} entries removed"
                if then.case_insensitive and not now.case_insensitive:
                    yield f"redaction.dictionaries.{name}.case_insensitive: switched off"
                if now.word_boundary and not then.word_boundary:
                    yield f"redaction.dictionaries.{name}.word_boundary: switched on"
    yield from added("redaction.allowlist_unparseable", old.allowlist_unparseable, new.allowlist_unparseable)
    fresh = [route.host for route in new.allowlist_unparseable_routes if route not in old.allowlist_unparseable_routes]
    if fresh:
        yield f"redaction.allowlist_unparseable_routes: {', '.join(fresh[:5])} added"


def _profile(before: RedactionProfile, after: RedactionProfile) -> Iterator[str]:
    for what, then, now in (
        ("classes", before.classes, after.classes),
        ("dictionaries", before.dictionaries, after.dictionaries),
    ):
        gone = [name for name in then if name not in now]
        if gone:
            yield f"redaction.default_profile: {what} {', '.join(gone[:5])} no longer replaced"
