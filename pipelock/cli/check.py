"""`pipelock check`: is the configuration valid, and what would become of a URL."""

from __future__ import annotations

import importlib
import os

from pipelock.cli._suppressions import with_suppressions_of_home
from pipelock.cli.errors import EXIT_FAILED, EXIT_USAGE
from pipelock.cli.output import colour_of, complain, mark, print_json
from pipelock.cli.table import Arguments
from pipelock.config import ConfigError, Loaded, load
from pipelock.control.paths import home_dir
from pipelock.detect.ruleset import RuleSet
from pipelock.model import Decision, Verdict, escape

__all__ = ["execute", "judgement", "summary"]

_WORDS = {Verdict.BLOCK: "BLOCKED", Verdict.ASK: "HELD (a person is asked)"}


def execute(arguments: Arguments) -> int:
    """Validate, print a summary, and with `--url` a judgement."""
    try:
        loaded = with_suppressions_of_home(load(arguments.config), arguments)
    except ConfigError as error:
        return _invalid(error, as_json=arguments.json)
    decision = _judge(loaded, arguments.url, arguments) if arguments.url is not None else None
    if arguments.json:
        print_json(_report(loaded, decision))
    else:
        print(summary(loaded))
        for text in (*loaded.warnings, *loaded.notices):
            complain(text)
        if decision is not None:
            print(mark(judgement(decision), colour_of(decision.verdict)))
    return EXIT_FAILED if decision is not None and decision.verdict in _WORDS else 0


def summary(loaded: Loaded) -> str:
    """The valid configuration in eight lines."""
    config = loaded.config
    monitoring = config.fetch_proxy.monitoring
    rows = (
        ("Mode", config.mode),
        ("Listen", config.fetch_proxy.listen),
        ("API allowlist", f"{len(config.api_allowlist)} domains"),
        ("Blocklist", f"{len(monitoring.blocklist)} patterns"),
        ("DLP patterns", f"{_credential_rules(loaded)} rules"),
        ("Entropy thresh", f"{monitoring.entropy_threshold:.1f} bits"),
        ("Max URL length", str(monitoring.max_url_length)),
    )
    return "\n".join(["Config validation: OK", *(f"  {label + ':':<16}{text}" for label, text in rows)])


def judgement(decision: Decision) -> str:
    """The judgement of a URL as lines."""
    lines = [f"Result: {_WORDS.get(decision.verdict, 'ALLOWED')}"]
    if decision.layer:
        lines.append(f"  Scanner: {escape(decision.layer)}")
    if decision.reason:
        lines.append(f"  Reason:  {escape(decision.reason)}")
    if decision.findings:
        lines.append(f"  Score:   {decision.findings[0].score:.2f}")
    if decision.hint:
        lines.append(f"  Hint:    {escape(decision.hint)}")
    return "\n".join(lines)


def _judge(loaded: Loaded, url: str, arguments: Arguments) -> Decision:
    # The engine takes most of the start-up time, and most checks are of the file alone.
    judge = importlib.import_module("pipelock.cli.judge")
    cache = home_dir(os.environ, arguments.home) / "cache"
    decision: Decision = judge.judge(loaded, url, cache, judge.lookup)
    return decision


def _credential_rules(loaded: Loaded) -> int:
    """How many kinds of credentials are looked for, the operator's own included."""
    section = loaded.config.dlp
    builtin = RuleSet.builtin(
        "credentials", include_defaults=section.include_defaults, extended=section.extended_patterns
    ).rules
    names = {rule.name.casefold() for rule in builtin} | {pattern.name.casefold() for pattern in section.patterns}
    return len(names)


def _report(loaded: Loaded, decision: Decision | None) -> dict[str, object]:
    config = loaded.config
    report: dict[str, object] = {
        "valid": True,
        "mode": config.mode,
        "listen": config.fetch_proxy.listen,
        "policy": loaded.policy_hash,
        "api_allowlist": len(config.api_allowlist),
        "blocklist": len(config.fetch_proxy.monitoring.blocklist),
        "dlp_patterns": _credential_rules(loaded),
        "warnings": loaded.warnings,
        "notices": loaded.notices,
    }
    if decision is not None:
        report["url"] = {
            "verdict": decision.verdict,
            "scanner": decision.layer,
            "reason": decision.reason,
            "score": decision.findings[0].score if decision.findings else 0.0,
            "block_reason": decision.code or "",
            "hint": decision.hint,
            "addresses": decision.addresses,
        }
    return report


def _invalid(error: ConfigError, *, as_json: bool) -> int:
    if as_json:
        print_json({"valid": False, "problems": error.problems})
        return EXIT_USAGE
    first, *others = error.problems
    complain(f"Config validation FAILED: {first}")
    for problem in others:
        complain(str(problem))
    return EXIT_USAGE
