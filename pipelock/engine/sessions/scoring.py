"""What a decision says about who acted: threats count, and nothing else.

| signal | points | |
|---|---|---|
| `hard_block` | 3 | a threat was refused |
| `fragment_dlp` | 3 | a secret in pieces, over several requests |
| `strip` | 2 | an answer had to be cleaned of orders |
| `entropy_budget` | 2 | more noise left than work makes |
| `domain_burst` | 2 | `pipelock.engine.sessions.bursts` |
| `near_miss` | 1 | a threat was warned of, or a setting alone forbids something, once in five minutes for each host |

No points: limits that did their work, failures of the network, malformed messages, whatever a person or the lack of
one decided, the kill switch, and what a level or tier refused (it would feed itself). What a level turned into a
refusal counts as what it was. One decision gives one signal, the one with the most points.
"""

from __future__ import annotations

import msgspec

from pipelock.engine.cross_request import BUDGET_RULES
from pipelock.engine.cross_request import LABEL as CROSS_REQUEST
from pipelock.model import Action, Category, Decision, Finding, Kind, Severity, Verdict

__all__ = ["ANOMALY", "BURST_POINTS", "Signal", "is_clean", "is_tool", "signal_of"]

BURST_POINTS = 2.0
ANOMALY = 2.0
"""From so many points on a signal is an anomaly, which `airlock.triggers.anomaly_count` counts."""

# Limits, policies of the operator's own and our own measures: no word about who acted.
_SILENT = frozenset(
    {"airlock", "budget", "databudget", "escalation", "kill_switch", "length", "media_policy", "ratelimit", "recorder",
     "redaction", "session", "taint"}
)  # fmt: skip
_COUNTS = frozenset({Category.THREAT, Category.CONFIG_MISMATCH})
# Lists of where one may go: what is not in them is no threat in itself.
_LISTS = frozenset({"allowlist"})

_TOOLS = (
    "apache-maven",
    "apt",
    "bundler",
    "cargo",
    "composer",
    "conda",
    "curl",
    "debian apt-http",
    "dnf",
    "git",
    "go-http-client",
    "gomoduleget",
    "gradle",
    "homebrew",
    "libdnf",
    "mamba",
    "npm",
    "pip",
    "pnpm",
    "poetry",
    "ruby, rubygems",
    "uv",
    "wget",
    "yarn",
    "yt-dlp",
)


class Signal(msgspec.Struct, frozen=True):
    """Something that counts. `detail` is safe to show.

    Attributes:
        refused: It was refused.
        setting: Only a setting forbids it: programs that phone home try again and again, so of one host it counts once
            in a while.
    """

    type: str
    points: float
    target: str = ""
    detail: str = ""
    severity: Severity | None = None
    refused: bool = False
    setting: bool = False


def is_clean(action: Action, decision: Decision) -> bool:
    """Whether it is a request in which nothing at all was noticed and that nobody was asked about."""
    return (
        action.kind is Kind.REQUEST
        and decision.verdict is Verdict.ALLOW
        and not decision.findings
        and decision.outcome is None
    )


def is_tool(action: Action) -> bool:
    """Whether the client says that it is a package manager or the like: it goes wherever its lists lead."""
    for name, value in action.headers:
        if name == "user-agent":
            return value[:64].lower().startswith(_TOOLS)
    return False


def signal_of(action: Action, decision: Decision) -> Signal | None:
    """What a final decision about `action` counts as; `None` for nothing."""
    if decision.outcome is not None or decision.layer in _SILENT or action.kind is Kind.SCAN:
        return None
    verdict = decision.upgraded or decision.verdict
    if not decision.findings:
        return _unfound(action, decision, verdict)
    spanning = [finding for finding in decision.findings if finding.scanner == CROSS_REQUEST]
    pieced = next((finding for finding in spanning if finding.rule not in BUDGET_RULES), None)
    if pieced is not None:
        return _signal("fragment_dlp", 3.0, action, pieced, verdict)
    deciding = decision.findings[0]
    # Where an egress rule decided, what was found is beside it.
    ruled = deciding.scanner != decision.layer
    is_threat = deciding.category is Category.THREAT and deciding.scanner not in {CROSS_REQUEST, *_LISTS}
    if is_threat and not ruled and verdict in _DECIDED:
        return _signal(*_DECIDED[verdict], action, deciding, verdict)
    if spanning:
        return _signal("entropy_budget", 2.0, action, spanning[0], verdict)
    return _near_miss(action, decision, verdict) or (_unfound(action, decision, verdict) if ruled else None)


_DECIDED = {Verdict.BLOCK: ("hard_block", 3.0), Verdict.STRIP: ("strip", 2.0)}


def _near_miss(action: Action, decision: Decision, verdict: Verdict) -> Signal | None:
    if verdict is Verdict.REDACT:
        return None  # what was found does not go out
    for finding in decision.findings:
        if finding.category in _COUNTS and finding.severity is not Severity.INFO and finding.scanner not in _SILENT:
            signal = _signal("near_miss", 1.0, action, finding, verdict)
            setting = finding.category is Category.CONFIG_MISMATCH or finding.scanner in _LISTS
            return msgspec.structs.replace(signal, setting=setting)
    return None


def _unfound(action: Action, decision: Decision, verdict: Verdict) -> Signal | None:
    """Refusals for something else than what a message holds."""
    if verdict is not Verdict.BLOCK:
        return None
    if decision.layer == "sni_mismatch":
        return Signal("hard_block", 3.0, action.host, decision.reason, Severity.HIGH, refused=True)
    if decision.layer == "egress_rules":
        return Signal("near_miss", 1.0, action.host, decision.reason, Severity.LOW, setting=True)
    return None


def _signal(name: str, points: float, action: Action, finding: Finding, verdict: Verdict) -> Signal:
    refused = verdict is Verdict.BLOCK
    return Signal(name, points, action.host, finding.message, finding.severity, refused)
