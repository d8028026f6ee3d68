"""A config becomes a policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from pipelock.config import Config, Loaded
from pipelock.config.rules import parse_expiry
from pipelock.config.schema_operations import EgressRule as ConfigRule
from pipelock.config.suppressions_file import entry_id
from pipelock.detect.hosts import HostSet
from pipelock.detect.known import KnownValue
from pipelock.detect.ruleset import Rule, RuleSet, UserPattern
from pipelock.detect.secrets import SecretScanner
from pipelock.detect.url_layers import UrlLayers, UrlSettings
from pipelock.engine._retold import RuleBook
from pipelock.engine._suppress import Entry, Suppressions
from pipelock.engine.a2a import A2aSettings
from pipelock.engine.approvals import ApprovalLimits
from pipelock.engine.compile_redaction import compile_redaction
from pipelock.engine.compile_sessions import compile_sessions
from pipelock.engine.compile_taint import taint_of
from pipelock.engine.egress import EgressRule, EgressRules, OwnRules
from pipelock.engine.media import MediaPolicy
from pipelock.engine.policy import NoResponses, Policy, ResponseScanner
from pipelock.engine.watchers import cross_request_of, wallets_of, watchers
from pipelock.model import Severity, Verdict

__all__ = ["approval_limits", "compile_policy", "own_rules", "rule_book", "rule_named", "suppressions_of"]

_CONFIG_HINT = "the operator can name it in sandbox.allow; --allow only narrows that further"
_LAUNCH_HINT = "if the agent needs it, start it again with one more --allow; config's own rules hold besides"


def compile_policy(
    loaded: Loaded,
    environ: Mapping[str, str],
    cache: Path | None,
    *,
    known: Sequence[KnownValue] = (),
    judges_responses: bool = True,
) -> Policy:
    """Compile what `loaded` says.

    Args:
        loaded: A valid configuration.
        environ: The environment whose secrets are looked for, if `dlp.scan_env` says so.
        cache: Directory (0700) of compiled rule databases; `None` compiles anew.
        known: Values that were read from credential files and lists; only fingerprints are kept.
        judges_responses: False leaves out what judges responses, half of the work; a response then fails to be judged.

    Raises:
        MatcherError: a pattern can't be compiled.
    """
    # Two halves that don't need each other, each of which takes seconds where nothing is cached.
    with ThreadPoolExecutor(1) as apart:
        injection = apart.submit(_injection, loaded.config, cache) if judges_responses else None
        return _policy(loaded, environ, cache, known, injection)


def _policy(
    loaded: Loaded,
    environ: Mapping[str, str],
    cache: Path | None,
    known: Sequence[KnownValue],
    injection: Future[ResponseScanner] | None,
) -> Policy:
    config = loaded.config
    rules = _credential_rules(config)
    watched = watchers(config, rules, environ, known, warm=injection is not None)
    secrets = SecretScanner(rules, watchers=watched, cache=cache)
    bodies = config.request_body_scanning
    responses = config.response_scanning
    monitoring = config.fetch_proxy.monitoring
    everything = bodies.header_mode == "all"
    layers = UrlLayers(_url_settings(config), secrets)
    layers.registrable_host("www.example.com")  # loads the public suffix list now, not during the first request
    return Policy(
        hash=loaded.policy_hash,
        mode=config.mode,
        enforce=config.enforce and config.mode != "audit",
        explain=config.explain_blocks,
        layers=layers,
        secrets=secrets,
        credential_rules=len(rules.rules),
        injection=injection.result() if injection is not None else NoResponses(),
        egress=_egress(config),
        suppressions=suppressions_of(config),
        scan_headers=bodies.enabled and bodies.scan_headers,
        header_all=everything,
        header_names=frozenset(
            name.lower() for name in (bodies.ignore_headers if everything else bodies.sensitive_headers)
        ),
        scan_bodies=bodies.enabled,
        body_action=Verdict.parse(bodies.action),
        scan_responses=responses.enabled,
        response_action=Verdict.parse(responses.action),
        response_exempt=HostSet(responses.exempt_domains),
        event_action=Verdict.parse(responses.sse_streaming.action or "block"),
        scan_messages=config.websocket_proxy.scan_text_frames,
        sni_verification=config.forward_proxy.sni_verification,
        host_overrides={
            host.lower(): tuple(map(str, addresses)) for host, addresses in config.dns.host_overrides.items()
        },
        max_requests_per_minute=monitoring.max_requests_per_minute,
        max_data_per_minute=monitoring.max_data_per_minute,
        wallets=wallets_of(config),
        cross_request=cross_request_of(config),
        redaction=compile_redaction(config, watched, cache) if config.redaction.enabled else None,
        media=_media(config) if config.media_policy.enabled else None,
        a2a=_a2a(config) if config.a2a_scanning.enabled else None,
        sessions=compile_sessions(config),
        taint=taint_of(config),
    )


def approval_limits(config: Config) -> ApprovalLimits:
    """Section `approvals`."""
    section = config.approvals
    return ApprovalLimits(
        timeout_seconds=float(section.timeout_seconds),
        response_timeout_seconds=float(config.response_scanning.ask_timeout_seconds),
        hold_unattended=section.unattended == "hold",
        max_pending=section.max_pending,
        max_pending_per_session=section.max_pending_per_session,
    )


def _a2a(config: Config) -> A2aSettings:
    section = config.a2a_scanning
    return A2aSettings(
        action=Verdict.parse(section.action),
        cards=section.scan_agent_cards,
        drift=section.detect_card_drift,
        sessions=section.session_smuggling_detection,
        raw=section.scan_raw_parts,
        max_messages=section.max_context_messages,
        max_contexts=section.max_contexts,
        max_raw=section.max_raw_size,
    )


def _media(config: Config) -> MediaPolicy:
    section = config.media_policy
    refused = {"image": section.strip_images, "audio": section.strip_audio, "video": section.strip_video}
    return MediaPolicy(
        refused=frozenset(kind for kind, stripped in refused.items() if stripped),
        image_types=frozenset(section.allowed_image_types),
        clean=section.strip_image_metadata,
        log=section.log_media_exposure,
        max_image_bytes=section.max_image_bytes,
    )


def _egress(config: Config) -> EgressRules:
    return EgressRules(list(map(_egress_rule, config.egress_rules)), Verdict.parse(config.egress_default))


def own_rules(config: Sequence[ConfigRule], launch: Sequence[ConfigRule]) -> tuple[OwnRules, ...]:
    """The lists of one sandbox, config's and its launch's: each blocks what it does not name, unless it is empty."""
    told = (
        (config, "the configuration (sandbox.allow)", _CONFIG_HINT),
        (launch, "its launch (--allow)", _LAUNCH_HINT),
    )
    return tuple(
        OwnRules(EgressRules(list(map(_egress_rule, rules)), Verdict.BLOCK), written, hint)
        for rules, written, hint in told
        if rules
    )


def _egress_rule(rule: ConfigRule) -> EgressRule:
    return EgressRule(
        name=rule.name,
        action=Verdict.parse(rule.action),
        hosts=None if rule.host in ("", "*") else HostSet([rule.host]),
        methods=frozenset(rule.method),
        path=rule.path,
        port=rule.port,
        agent="" if rule.agent == "*" else rule.agent,
        reason=rule.reason,
    )


def _url_settings(config: Config) -> UrlSettings:
    monitoring = config.fetch_proxy.monitoring
    return UrlSettings(
        mode_strict=config.mode == "strict",
        api_allowlist=config.api_allowlist,
        blocklist=monitoring.blocklist,
        internal=config.internal,
        trusted_domains=config.trusted_domains,
        ip_allowlist=config.ssrf.ip_allowlist,
        max_url_length=monitoring.max_url_length,
        entropy_threshold=monitoring.entropy_threshold,
        subdomain_entropy_threshold=monitoring.subdomain_entropy_threshold,
        subdomain_entropy_exclusions=monitoring.subdomain_entropy_exclusions,
        query_entropy_exclusions=monitoring.query_entropy_exclusions,
    )


def suppressions_of(config: Config) -> Suppressions:
    """Section `suppress`."""
    if not config.suppress:
        return Suppressions()
    core = {
        rule.name.casefold()
        for family in ("credentials", "injection")
        for rule in RuleSet.builtin(family, include_defaults=False).rules
    }
    entries = [
        Entry(
            rule=entry.rule,
            path=entry.path,
            hosts=HostSet([entry.host]) if entry.host else None,
            field=entry.field,
            expires=parse_expiry(entry.expires) if entry.expires else float("inf"),
            id=entry_id(entry),
        )
        for entry in config.suppress
    ]
    return Suppressions(entries, frozenset(core))


def _credential_rules(config: Config) -> RuleSet:
    extra = [
        UserPattern(
            name=pattern.name,
            pattern=pattern.regex,
            severity=Severity(pattern.severity),
            validator=pattern.validator,
            exempt=pattern.exempt_domains,
            warns=pattern.action == "warn",
        )
        for pattern in config.dlp.patterns
    ]
    dlp = config.dlp
    return RuleSet.builtin(
        "credentials", extra=extra, include_defaults=dlp.include_defaults, extended=dlp.extended_patterns
    )


def _injection(config: Config, cache: Path | None) -> ResponseScanner:
    # Imported here: a policy for requests alone does without.
    from pipelock.detect.injection import InjectionScanner  # noqa: PLC0415

    languages = config.response_scanning.include_defaults
    return InjectionScanner(_injection_rules(config), cache=cache, languages=languages)


def _injection_rules(config: Config) -> RuleSet:
    section = config.response_scanning
    extra = [UserPattern(name=pattern.name, pattern=pattern.regex) for pattern in section.patterns]
    return RuleSet.builtin("injection", extra=extra, include_defaults=section.include_defaults)


def rule_book(config: Config, *before: Config) -> RuleBook:
    """The rules of `config`, for judging records again; `before` are configurations that may have been in force."""
    rules = {rule.name.casefold(): rule for rule in (*_credential_rules(config).rules, *_injection_rules(config).rules)}
    known = set(rules)
    for family in ("credentials", "injection"):
        known |= {rule.name.casefold() for rule in RuleSet.builtin(family).rules}
    for other in before:
        known |= {pattern.name.casefold() for pattern in other.dlp.patterns}
        known |= {pattern.name.casefold() for pattern in other.response_scanning.patterns}
    return RuleBook(rules, frozenset(known))


def rule_named(config: Config, name: str) -> Rule | None:
    """The rule that findings of `name` come from: a built-in one or the operator's; `None` where code looks for it."""
    wanted = name.casefold()
    rules = (*_credential_rules(config).rules, *_injection_rules(config).rules)
    return next((rule for rule in rules if rule.name.casefold() == wanted), None)
