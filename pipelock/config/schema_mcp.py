"""Sections about MCP and A2A. Those about MCP are not supported yet; switched off, they load."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pipelock.config.kinds import (
    BlockOrWarn,
    ByteCount,
    FilePath,
    Natural,
    RegexSource,
    Switch,
    Texts,
    UnsupportedSwitch,
    Word,
)

__all__ = [
    "A2aScanning",
    "ChainPattern",
    "McpBinaryIntegrity",
    "McpInputScanning",
    "McpSessionBinding",
    "McpToolPolicy",
    "McpToolProvenance",
    "McpToolScanning",
    "McpWsListener",
    "RedirectProfile",
    "ToolChainDetection",
    "ToolRule",
]


class McpInputScanning(msgspec.Struct, frozen=True, kw_only=True):
    """Messages to MCP servers."""

    enabled: UnsupportedSwitch = False
    action: BlockOrWarn = "warn"
    on_parse_error: Literal["block", "forward"] = "block"


class McpToolScanning(msgspec.Struct, frozen=True, kw_only=True):
    """Tool descriptions."""

    enabled: UnsupportedSwitch = False
    action: BlockOrWarn = "warn"
    detect_drift: bool = False


class ToolRule(msgspec.Struct, frozen=True, kw_only=True):
    """One tool rule."""

    name: Word
    tool_pattern: RegexSource
    arg_pattern: RegexSource = ""
    arg_key: RegexSource = ""
    action: Literal["", "warn", "block", "redirect"] = ""
    redirect_profile: str = ""


class RedirectProfile(msgspec.Struct, frozen=True, kw_only=True):
    """The program that runs instead."""

    exec: Texts
    reason: str = ""
    preserve_argv: bool = False
    match_abs_path: bool = False


class McpToolPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Which tool calls may be made."""

    enabled: UnsupportedSwitch = False
    action: Literal["warn", "block", "redirect"] = "warn"
    rules: tuple[ToolRule, ...] = ()
    redirect_profiles: dict[Word, RedirectProfile] = {}
    quarantine_dir: FilePath = ""


class McpSessionBinding(msgspec.Struct, frozen=True, kw_only=True):
    """Tools pinned at the start of a session."""

    enabled: UnsupportedSwitch = False
    unknown_tool_action: BlockOrWarn = "warn"
    no_baseline_action: BlockOrWarn = "warn"


class McpWsListener(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of a listener that only a command-line flag starts; they have no effect in this version."""

    allowed_origins: Texts = ()
    max_connections: Annotated[int, Meta(ge=1)] = 100


class McpBinaryIntegrity(msgspec.Struct, frozen=True, kw_only=True):
    """Hashes of MCP server programs."""

    enabled: UnsupportedSwitch = False
    manifest_path: FilePath = ""
    action: BlockOrWarn = "warn"
    require_signature: bool = False
    signature_path: FilePath = ""
    trusted_signer: str = ""
    keystore: FilePath = ""


class McpToolProvenance(msgspec.Struct, frozen=True, kw_only=True):
    """Signatures of tools."""

    enabled: UnsupportedSwitch = False
    action: BlockOrWarn = "warn"
    mode: Literal["pipelock", "sigstore", "any"] = "pipelock"
    trusted_keys: Texts = ()
    trusted_issuers: Texts = ()
    trusted_subjects: Texts = ()
    offline_only: bool = True


class ChainPattern(msgspec.Struct, frozen=True, kw_only=True):
    """A sequence of tool categories."""

    name: Word
    sequence: Annotated[Texts, Meta(min_length=2)]
    severity: Literal["medium", "high", "critical"] = "high"
    action: Literal["", "warn", "block"] = ""


class ToolChainDetection(msgspec.Struct, frozen=True, kw_only=True):
    """Suspicious sequences of calls."""

    enabled: UnsupportedSwitch = False
    action: BlockOrWarn = "warn"
    window_size: Natural = 20
    window_seconds: Natural = 60
    max_gap: Natural = 3
    tool_categories: dict[Word, Texts] = {}
    pattern_overrides: dict[Word, BlockOrWarn] = {}
    custom_patterns: tuple[ChainPattern, ...] = ()
    sensitivity_labels: dict[Literal["untrusted_source", "sensitive_source", "external_sink"], Texts] = {}


class A2aScanning(msgspec.Struct, frozen=True, kw_only=True):
    """Messages between agents (the A2A protocol) and the cards by which agents describe themselves.

    Attributes:
        action: What is done about a finding; a critical secret that is sent blocks in any case.
        detect_card_drift: Tell when an agent's card is no longer the one that was seen first.
        session_smuggling_detection: Read the texts of one conversation together.
        scan_raw_parts: Look into files that messages carry.
        max_context_messages: Messages of a conversation that are remembered.
        max_contexts: Conversations that are remembered.
        max_raw_size: Bytes of an encoded file that are looked into.
    """

    enabled: Switch = False
    action: BlockOrWarn = "warn"
    scan_agent_cards: bool = True
    detect_card_drift: bool = True
    session_smuggling_detection: bool = True
    scan_raw_parts: bool = True
    max_context_messages: Annotated[int, Meta(ge=1, le=1000)] = 100
    max_contexts: Annotated[int, Meta(ge=1, le=10_000)] = 1000
    max_raw_size: ByteCount = 1_048_576
