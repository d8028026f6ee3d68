from __future__ import annotations

import pytest

from pipelock.config import loads
from pipelock.config.compare import weakenings

PROFILES = "profiles: {a: {classes: [email, ipv4], dictionaries: [d]}, b: {classes: [email], dictionaries: [d]}}"
ON = f"redaction: {{enabled: true, default_profile: a, {PROFILES}, dictionaries: {{d: {{class: c, entries: [x, y]}}}}}}"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (ON, "", "redaction.enabled: switched off"),
        (ON, ON.replace("default_profile: a", "default_profile: b"), "redaction.default_profile: classes ipv4 no longer replaced"),
        (ON, ON.replace("[x, y]", "[y]"), "redaction.dictionaries.d: 1 entries removed"),
        (ON.replace("[x, y]", "[x, y], case_insensitive: true"), ON, "redaction.dictionaries.d.case_insensitive: switched off"),
        (ON, ON.replace("[x, y]", "[x, y], word_boundary: true"), "redaction.dictionaries.d.word_boundary: switched on"),
        (ON, ON.replace("enabled: true", "enabled: true, allowlist_unparseable: [a.example]"), "redaction.allowlist_unparseable: a.example added"),
        (
            ON,
            ON.replace("enabled: true", "enabled: true, allowlist_unparseable_routes: [{host: a.example, methods: [PUT]}]"),
            "redaction.allowlist_unparseable_routes: a.example added",
        ),
        ("", "media_policy: {enabled: off}", "media_policy.enabled: switched off"),
        ("", "media_policy: {strip_video: off}", "media_policy.strip_video: switched off"),
        ("", "media_policy: {strip_image_metadata: off}", "media_policy.strip_image_metadata: switched off"),
        ("", "media_policy: {max_image_bytes: 9000000}", "media_policy.max_image_bytes: 5242880 became 9000000"),
        ("", "media_policy: {allowed_image_types: [image/png, image/jpeg, image/gif]}", "media_policy.allowed_image_types: image/gif added"),
        ("a2a_scanning: {enabled: on}", "", "a2a_scanning.enabled: switched off"),
        ("a2a_scanning: {action: block}", "", "a2a_scanning.action: block became warn"),
        ("", "a2a_scanning: {detect_card_drift: off}", "a2a_scanning.detect_card_drift: switched off"),
    ],
)  # fmt: skip
def test_a_weakening_is_told_and_its_reverse_is_not(old: str, new: str, told: str) -> None:
    before, after = loads(old, "x").config, loads(new, "x").config
    assert weakenings(before, after) == (told,)
    assert told not in weakenings(after, before)
