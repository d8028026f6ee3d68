"""A policy: what a config means, compiled once and never changed. A reload makes a new one and swaps it in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn, Protocol

import msgspec

from pipelock.detect.addresses import Host
from pipelock.detect.hosts import HostSet
from pipelock.detect.matcher import MatcherError
from pipelock.detect.secrets import SecretScanner
from pipelock.detect.url_layers import UrlLayers
from pipelock.detect.wallets import Wallets
from pipelock.engine._cleared import Cleared
from pipelock.engine._suppress import Suppressions
from pipelock.engine.a2a import A2aSettings, verdict_for_a2a
from pipelock.engine.cross_request import CrossRequestSettings
from pipelock.engine.egress import EgressRules
from pipelock.engine.media import MediaPolicy
from pipelock.engine.redact import Redaction
from pipelock.engine.sessions.policy import SessionPolicy
from pipelock.engine.taint import TaintPolicy
from pipelock.model import Action, Finding, Kind, Severity, Verdict

__all__ = ["NoResponses", "Policy", "ResponseScanner"]

_TEXT_LABELS = frozenset({"body_dlp", "header_dlp"})


class ResponseScanner(Protocol):
    """What looks for injection; `pipelock.detect.injection.InjectionScanner` is the one."""

    def scan(
        self, data: bytes | str, place: str, content_type: str = "", *, value: bool = False
    ) -> tuple[Finding, ...]:
        """What in `data` tries to give orders. Raises MatcherError: nothing is known about it; block."""
        ...


class NoResponses:
    """Stands in a policy that is asked about requests alone. A response it is asked about is one that must block."""

    def scan(self, data: bytes | str, place: str, content_type: str = "", *, value: bool = False) -> NoReturn:
        """Raise MatcherError, whatever is asked."""
        raise MatcherError("this policy was compiled for requests alone")


class Policy(msgspec.Struct, frozen=True):
    """Everything a judgement depends on, except state.

    Attributes:
        hash: First 16 hex digits of the policy hash.
        mode: strict, balanced or audit.
        enforce: False (or mode audit) turns refusals into warnings, except hard ones.
        explain: Clients are told the hint.
    """

    hash: str
    mode: str
    enforce: bool
    explain: bool
    layers: UrlLayers
    secrets: SecretScanner
    credential_rules: int
    injection: ResponseScanner
    egress: EgressRules
    suppressions: Suppressions
    scan_headers: bool
    header_all: bool
    header_names: frozenset[str]
    scan_bodies: bool
    body_action: Verdict
    scan_responses: bool
    response_action: Verdict
    response_exempt: HostSet
    sni_verification: bool
    host_overrides: Mapping[str, tuple[str, ...]]
    max_requests_per_minute: int
    max_data_per_minute: int
    redaction: Redaction | None = None
    wallets: Wallets | None = None
    cross_request: CrossRequestSettings | None = None
    media: MediaPolicy | None = None
    a2a: A2aSettings | None = None
    event_action: Verdict = Verdict.BLOCK
    scan_messages: bool = True
    taint: TaintPolicy = msgspec.field(default_factory=TaintPolicy)
    cleared: Cleared = msgspec.field(default_factory=Cleared)
    sessions: SessionPolicy = SessionPolicy()

    def scans_header(self, name: str) -> bool:
        """Whether the header (lower-case name) is scanned: `header_names` lists the exceptions in mode `all`."""
        return (name not in self.header_names) if self.header_all else (name in self.header_names)

    def known_addresses(self, host: Host) -> tuple[str, ...]:
        """Addresses that need no lookup: an IP literal's own, or `dns.host_overrides`."""
        if host.address is not None:
            return (str(host.address),)
        return self.host_overrides.get(host.name, ())

    def verdict_for(self, action: Action, finding: Finding) -> Verdict:
        """What one finding demands, before the mode has its say."""
        if finding.hard or finding.warns:
            return Verdict.BLOCK if finding.hard else Verdict.WARN
        if finding.scanner.startswith("a2a_"):
            return verdict_for_a2a(action, finding, self.a2a)
        if finding.scanner == "media_policy":
            # What it says of media that pass is for the record alone.
            return Verdict.ALLOW if finding.severity is Severity.INFO else Verdict.BLOCK
        if action.comes_in:
            # Switched off, only the core floor is still looked at, and it does not ask.
            wanted = self.event_action if action.kind is Kind.EVENT else self.response_action
            return wanted if self.scan_responses else Verdict.BLOCK
        if finding.scanner in _TEXT_LABELS and finding.severity is not Severity.CRITICAL:
            return self.body_action
        return Verdict.BLOCK
