"""`pipelock check`: is the configuration valid, and what would become of a URL."""

from __future__ import annotations

from pathlib import Path

from pipelock.cli.errors import EXIT_USAGE
from pipelock.cli.output import complain, print_json
from pipelock.cli.table import Arguments
from pipelock.config import ConfigError, Loaded, load

__all__ = ["execute", "summary"]


def execute(arguments: Arguments) -> int:
    """Validate, print a summary, and with `--url` a judgement."""
    try:
        loaded = load(arguments.config)
    except ConfigError as error:
        return _invalid(error, arguments)
    if arguments.json:
        print_json(
            {"valid": True, "policy": loaded.policy_hash, "warnings": loaded.warnings, "notices": loaded.notices}
        )
    else:
        print(summary(loaded))
        for text in (*loaded.warnings, *loaded.notices):
            complain(text)
    return 0


def summary(loaded: Loaded) -> str:
    """The valid configuration in eight lines."""
    config = loaded.config
    monitoring = config.fetch_proxy.monitoring
    rows = (
        ("Mode", config.mode),
        ("Listen", config.fetch_proxy.listen),
        ("API allowlist", f"{len(config.api_allowlist)} domains"),
        ("Blocklist", f"{len(monitoring.blocklist)} patterns"),
        ("Entropy thresh", f"{monitoring.entropy_threshold:.1f} bits"),
        ("Max URL length", str(monitoring.max_url_length)),
    )
    return "\n".join(["Config validation: OK", *(f"  {label + ':':<16}{text}" for label, text in rows)])


def _invalid(error: ConfigError, arguments: Arguments) -> int:
    if arguments.json:
        print_json({"valid": False, "problems": error.problems})
        return EXIT_USAGE
    name = Path(arguments.config or "").name
    count = len(error.problems)
    complain(f"Config validation FAILED: {name} has {count} {'problem' if count == 1 else 'problems'}")
    for problem in error.problems:
        complain(str(problem))
    return EXIT_USAGE
