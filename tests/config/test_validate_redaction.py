from __future__ import annotations

import pytest

from pipelock.config import ConfigError, loads

GOOD = "redaction: {enabled: true, default_profile: a, profiles: {a: {classes: [email]}}}"


def problem(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loads(text, "x")
    (one,) = caught.value.problems
    return f"{one.key}: {one.message}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("default_profile: a, ", ""), "redaction.default_profile: required while redaction is on"),
        (GOOD.replace("default_profile: a", "default_profile: b"), "redaction.default_profile: no profile has the name 'b'"),
        (GOOD.replace("classes: [email]", "classes: []"), "redaction.profiles.a: needs classes or dictionaries"),
        (GOOD.replace("[email]", "[emial]"), "redaction.profiles.a.classes[0]: no redaction class has this name"),
        (GOOD.replace("[email]", "[email], dictionaries: [d]"), "redaction.profiles.a.dictionaries[0]: no dictionary has the name 'd'"),
        (f"{GOOD}\nrequest_body_scanning: {{enabled: off}}", "redaction.enabled: needs request_body_scanning.enabled"),
        ("redaction: {dictionaries: {d: {entries: [x]}}}", "redaction.dictionaries.d: needs a class, which its placeholders will name"),
        ("redaction: {dictionaries: {d: {class: c}}}", "redaction.dictionaries.d: needs entries or entries_file"),
        ("redaction: {dictionaries: {d: {class: Big, entries: [x]}}}", "redaction.dictionaries.d.class: a class has lower-case letters, digits, - and _, and begins with a letter or digit"),
        ("redaction: {allowlist_unparseable_routes: [{host: a.example}]}", "redaction.allowlist_unparseable_routes[0]: needs a condition beside the host"),
        ("redaction: {allowlist_unparseable_routes: [{host: a.example, path_prefixes: [/]}]}", "redaction.allowlist_unparseable_routes[0]: needs a condition beside the host"),
        ("redaction: {allowlist_unparseable_routes: [{host: a.example, path_prefixes: [x]}]}", "redaction.allowlist_unparseable_routes[0].path_prefixes[0]: a path starts with /"),
        ("redaction: {allowlist_unparseable_routes: [{host: a.example, content_types: ['a/b; c=d']}]}", "redaction.allowlist_unparseable_routes[0].content_types[0]: write the media type without parameters"),
        ("media_policy: {allowed_image_types: [image/svg+xml]}", "media_policy.allowed_image_types[0]: SVG is a document that can hold programs, and never counts as an image; leave it out"),
        ("media_policy: {allowed_image_types: [text/plain]}", "media_policy.allowed_image_types[0]: not an image type such as image/png"),
        ("media_policy: {allowed_image_types: ['image/*']}", "media_policy.allowed_image_types[0]: not a media type such as text/plain"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(text: str, told: str) -> None:
    assert problem(text) == told


def test_what_does() -> None:
    assert loads(GOOD, "x").config.redaction.enabled
    assert loads("media_policy: {allowed_image_types: [IMAGE/WebP]}", "x").config.media_policy.allowed_image_types == (
        "image/webp",
    )


def test_too_many_entries() -> None:
    words = ", ".join(f"w{n}" for n in range(10_001))
    assert problem(f"redaction: {{dictionaries: {{d: {{class: c, entries: [{words}]}}}}}}").startswith(
        "redaction.dictionaries"
    )
