"""Section `taint`: what was read from outside must not steer what is done inside."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pipelock.config.kinds import Expiry, Glob, Hosts

__all__ = ["DEFAULT_MODEL_DOMAINS", "Taint", "TrustOverride"]

DEFAULT_MODEL_DOMAINS = (
    "api.anthropic.com",
    "api.openai.com",
    "chatgpt.com",
    "*.openai.azure.com",
    "generativelanguage.googleapis.com",
    "cloudcode-pa.googleapis.com",
    "aiplatform.googleapis.com",
    "bedrock-runtime.us-east-1.amazonaws.com",
    "bedrock-runtime.us-west-2.amazonaws.com",
    "bedrock-runtime.eu-central-1.amazonaws.com",
    "bedrock-runtime.eu-west-1.amazonaws.com",
    "*.githubcopilot.com",
    "*.cursor.sh",
    "api.mistral.ai",
    "api.groq.com",
    "api.deepseek.com",
    "api.x.ai",
    "api.cohere.com",
    "api.together.xyz",
    "api.fireworks.ai",
    "openrouter.ai",
)

_Match = Annotated[str, Meta(max_length=300, extra={"rule": "line"})]
_Words = Annotated[str, Meta(max_length=300, extra={"rule": "line"})]


class TrustOverride(msgspec.Struct, frozen=True, kw_only=True):
    """An exception to taint, with an end. Where both are given, source and action must both match."""

    scope: Literal["action", "source"]
    expires_at: Expiry
    source_match: _Match = ""
    action_match: _Match = ""
    granted_by: _Words = ""
    reason: _Words = ""


class Taint(msgspec.Struct, frozen=True, kw_only=True):
    """What was read from outside must not steer what is done inside. `trifecta` works by itself."""

    enabled: bool = False
    policy: Literal["strict", "balanced", "permissive"] = "balanced"
    trifecta: Literal["off", "ask", "block"] = "off"
    allowlisted_domains: Hosts = ("docs.anthropic.com", "docs.github.com", "developer.mozilla.org")
    model_domains: Hosts = DEFAULT_MODEL_DOMAINS
    protected_paths: Annotated[tuple[Glob, ...], Meta(max_length=200)] = (
        "*/auth/*",
        "*/security/*",
        "*/.github/workflows/*",
        "*/.env*",
        "*/secrets*",
        "*/policy*",
        "*/sandbox*",
    )
    elevated_paths: Annotated[tuple[Glob, ...], Meta(max_length=200)] = ("*/config/*", "*/middleware*")
    recent_sources: Annotated[int, Meta(ge=0, le=32)] = 10
    trust_overrides: Annotated[tuple[TrustOverride, ...], Meta(max_length=200)] = ()
