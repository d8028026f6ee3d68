"""The commands for the machine that Pipelock lives on: the service, the check-ups, taking it all away. As data."""

from __future__ import annotations

from pathlib import Path

from pipelock.cli.table import JSON, Command, Operand, Option

__all__ = ["MACHINE_COMMANDS"]

_CONFIG = Option(("-c", "--config"), "configuration file", "config", "FILE", convert=Path, path=True)
_NO_COLOUR = Option(("--no-color",), "no colours, whatever the terminal can show", "no_color")
_DRY_RUN = Option(("--dry-run",), "say what would be done", "dry_run")
_SERVICE_VERBS = ("install", "uninstall", "status", "restart", "logs")

MACHINE_COMMANDS = (
    Command(
        "service",
        "pipelock.cli.service",
        "have the daemon started whenever you log in",
        (
            Option(("-c", "--config"), "what it is to run with (install)", "config", "FILE", convert=Path, path=True),
            Option(
                ("--preset",),
                "or a built-in configuration (install; default: balanced)",
                "preset",
                choices=("strict", "balanced", "audit"),
            ),
            Option(("--now",), "start it at once, too (install)", "now"),
            Option(("-f", "--follow"), "go on as it says more (logs)", "follow"),
            _DRY_RUN,
            JSON,
        ),
        (Operand("what", f"one of {', '.join(_SERVICE_VERBS)}", _SERVICE_VERBS, "ACTION"),),
        details=(
            "install writes a unit for your systemd, or a plist for your launchd, and has it heeded; uninstall takes\n"
            "exactly that away, unless somebody changed it. Where no manager answers, what is left to do is printed.\n"
            "Exit code 0: all is done (status: it runs); 1: something is left to do; 2: usage or configuration."
        ),
    ),
    Command(
        "diagnose",
        "pipelock.cli.diagnose",
        "try out whether a configuration does what it says",
        (
            _CONFIG,
            Option(("--sandbox",), "which walls this machine lets us raise, instead", "sandbox"),
            _NO_COLOUR,
            JSON,
        ),
        details=(
            "Harmless and forbidden requests go through a daemon of its own, on loopback, with your configuration:\n"
            "that of -c, else that of the running daemon, else the defaults.\n"
            "Exit code 0: all is well; 1: a check failed; 2: the configuration is not valid."
        ),
    ),
    Command(
        "verify-install",
        "pipelock.cli.verify_install",
        "try out whether what is installed filters, and holds an agent",
        (
            _CONFIG,
            Option(("-o", "--output"), "write the report (JSON) to this file", "output", "FILE", (), Path, path=True),
            _NO_COLOUR,
            JSON,
        ),
        details=(
            "As `pipelock diagnose`, with made-up keys and instructions; and a program that is launched by `pipelock\n"
            "sandbox` tries to reach a server of this machine around the proxy.\n"
            "Exit code 0: all is well; 1: a check failed; 2: the configuration is not valid."
        ),
    ),
    Command(
        "uninstall",
        "pipelock.cli.uninstall",
        "take away what was put elsewhere on this machine",
        (Option(("--purge",), "and the home: settings, evidence and keys", "purge"), _DRY_RUN, JSON),
        details=(
            "The service, the git hooks and our certificate authority wherever `pipelock tls install-ca` put it. The\n"
            "package itself is removed by what installed it, which is named; do that last.\n"
            "Exit code 0: all is gone; 1: something is left to do, and is named."
        ),
    ),
)
