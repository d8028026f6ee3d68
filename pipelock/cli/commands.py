"""All commands, as data."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from pipelock.cli._machine_commands import MACHINE_COMMANDS
from pipelock.cli._operator_commands import OPERATOR_COMMANDS
from pipelock.cli._sandbox_command import SANDBOX_COMMAND
from pipelock.cli._ssh_commands import SSH_COMMANDS
from pipelock.cli.table import JSON, Command, Operand, Option

__all__ = ["COMMANDS", "DEFAULT_ADDRESS", "GLOBAL_OPTIONS", "MODES", "SHELLS"]

DEFAULT_ADDRESS = "127.0.0.1:8888"
MODES = ("strict", "balanced", "audit")
SHELLS = ("bash", "zsh", "fish")
MAX_NUMBER = 2**53
"""Largest number an option takes: sequence numbers travel as JSON."""


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= MAX_NUMBER):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of zero or more")
    return int(text)


def _size(text: str) -> int:
    """Bytes: a number alone, or with a unit of 1024 (KiB, MiB, GiB; K, M, G)."""
    words = {"": 1, "b": 1, "k": 1024, "kb": 1024, "kib": 1024, "m": 2**20, "mb": 2**20, "mib": 2**20}
    words |= {"g": 2**30, "gb": 2**30, "gib": 2**30}
    digits = text.rstrip("BbGgIiKkMm ")
    unit = words.get(text[len(digits) :].strip().lower(), 0)
    if not unit or not 0 < _natural(digits) * unit <= _MAX_SIZE:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 5MiB, 1 GiB at most")
    return _natural(digits) * unit


def _moment(text: str) -> float:
    """Seconds since the epoch of `2h` (ago), `today`, `2026-11-21` and the like."""
    # Imported here: few commands take a time.
    from pipelock.query import read_time  # noqa: PLC0415

    try:
        return read_time(text, time.time())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


_MAX_SIZE = 2**30
_CONFIG = Option(("-c", "--config"), "configuration file", "config", "FILE", convert=Path, path=True)
_REPORTS = (
    JSON,
    Option(("--format",), "form of the result (default: text)", "format", choices=("text", "json", "sarif")),
    Option(("-o", "--output"), "write it to this file", "output", "FILE", convert=Path, path=True),
    Option(("--exclude",), "leave these out; may be repeated", "exclude", "GLOB", repeat=True),
    Option(("--no-ignore",), "count what comments and `suppress` excuse, too", "no_ignore"),
    Option(("-v", "--verbose"), "tell what was suppressed and skipped", "verbose"),
)


GLOBAL_OPTIONS = (
    Option(
        ("--home",),
        "where pipelock keeps its state (default: PIPELOCK_HOME, else ~/.pipelock)",
        "home",
        "DIR",
        convert=Path,
        path=True,
    ),
)

COMMANDS = (
    Command(
        "run",
        "pipelock.cli.run",
        "start the daemon",
        (
            _CONFIG,
            Option(("--preset",), "use a built-in configuration instead of a file", "preset", choices=MODES),
            Option(("-m", "--mode"), "overrides the mode of the configuration", "mode", choices=MODES),
            Option(("-l", "--listen"), "overrides fetch_proxy.listen", "listen", "ADDR"),
            Option(("--reverse-proxy",), "switches the reverse proxy on", "reverse_proxy"),
            Option(("--reverse-upstream",), "its upstream; switches it on, too", "reverse_upstream", "URL"),
            Option(("--reverse-listen",), "where it listens (default: 127.0.0.1:8890)", "reverse_listen", "ADDR"),
            Option(("--lines",), "print each decision as a line", "lines"),
        ),
        details=(
            "SIGHUP reads the configuration again, SIGUSR1 toggles the kill switch, SIGINT and SIGTERM stop it.\n"
            "With `-- AGENT…` the daemon starts that command with its proxy variables set and ends with it."
        ),
        takes_agent=True,
    ),
    Command(
        "check",
        "pipelock.cli.check",
        "validate a configuration, or say what would become of a URL",
        (_CONFIG, Option(("--url",), "judge this URL as a GET request", "url", "URL"), JSON),
        details="Exit code 0: valid (allowed); 1: the URL would be refused or held; 2: the configuration is not valid.",
    ),
    Command(
        "explain",
        "pipelock.cli.explain",
        "say what each layer makes of a URL or a text, and what would change it",
        (
            Option(("--url",), "judge a request to this URL", "url", "URL"),
            Option(("--text",), "judge this text", "text", "TEXT"),
            Option(("--file",), "judge the text of this file", "file", "FILE", convert=Path, path=True),
            Option(("--stdin",), "judge what comes in on standard input", "stdin"),
            Option(
                ("--as",),
                "the text leaves in a request, comes in a response, or goes to a tool",
                "direction",
                choices=("request", "response", "tool"),
            ),
            Option(("--resolve",), "look the host up, and judge its addresses too", "resolve"),
            _CONFIG,
            JSON,
            Option(("--no-color",), "no colours, whatever the terminal can show", "no_color"),
        ),
        details=(
            "With --url and a text together the text is the body of a request to that URL, or with --as response of\n"
            "the answer. Without --as a text is judged in both directions.\n"
            "Exit code 0: allowed; 1: it would be refused or held; 2: the command line or the configuration is wrong."
        ),
    ),
    Command(
        "scan",
        "pipelock.cli.scan",
        "look for secrets, injected instructions and hidden characters in files",
        (
            *_REPORTS,
            Option(("--max-bytes",), "skip larger files (default: 5MiB)", "max_bytes", "SIZE", (), _size, 5 * 2**20),
            Option(
                ("--min-severity",),
                "leave out what is less severe (default: high)",
                "min_severity",
                choices=("info", "low", "medium", "high", "critical"),
                default="high",
            ),
            Option(("--include-deps",), "look into dependencies and build output too", "include_deps"),
            Option(("--fail-on-skip",), "exit with 2 if a text could not be looked at", "fail_on_skip"),
            _CONFIG,
        ),
        (Operand("paths", "files and folders", metavar="PATH", many=True),),
        details=(
            "A comment `pipelock:ignore` or `pipelock:ignore RULE` excuses its line.\n"
            "Exit code 0: nothing found; 1: findings; 2: something could not be looked at."
        ),
    ),
    Command(
        "git",
        "pipelock.cli.git",
        "keep secrets out of commits",
        (
            *_REPORTS,
            _CONFIG,
            Option(("--binary",), "the program that the hook calls (install-hooks)", "binary", "PROGRAM", path=True),
            Option(("--force",), "replace another hook (install-hooks)", "force"),
        ),
        (Operand("what", "scan-diff or install-hooks", ("scan-diff", "install-hooks")),),
        details=(
            "scan-diff reads a unified diff on standard input, as in `git diff | pipelock git scan-diff`: the\n"
            "lines that it adds. Exit code 0: no secret; 1: secrets; 2: the diff could not be read.\n"
            "install-hooks writes a pre-push hook that refuses to push commits with secrets."
        ),
    ),
    Command(
        "generate",
        "pipelock.cli.generate",
        "write a configuration to start from",
        (
            Option(("--preset",), "which one (default: balanced)", "preset", choices=MODES, default="balanced"),
            Option(("-o", "--output"), "write to this file", "output", "FILE", convert=Path, path=True),
            Option(("--force",), "replace an existing file", "force"),
        ),
        (Operand("what", "config: a commented configuration file", ("config",)),),
    ),
    Command(
        "canary",
        "pipelock.cli.canary",
        "print a planted value as a piece of configuration",
        (
            Option(("--format",), "how (default: yaml)", "format", choices=("yaml", "json"), default="yaml"),
            Option(("--name",), "what findings call it (default: aws_canary)", "name", "NAME", default="aws_canary"),
            Option(("--value",), "plant this text (default: one like an access key id)", "value", "TEXT"),
            Option(
                ("--env-var",),
                "the environment variable that holds it (default: AWS_CANARY_KEY)",
                "env_var",
                "NAME",
                default="AWS_CANARY_KEY",
            ),
            Option(("--literal",), "put the value itself into the configuration", "literal"),
        ),
        details="Whatever sends the value has read what nobody should have read: the request is blocked.",
    ),
    SANDBOX_COMMAND,
    Command(
        "tui",
        "pipelock.cli.tui",
        "open the dashboard",
        (Option(("--plain",), "lines instead of a screen, commands on standard input", "plain"),),
    ),
    Command("status", "pipelock.cli.status", "the daemon at a glance", (JSON,)),
    Command(
        "events",
        "pipelock.cli.events",
        "what happened, oldest first",
        (
            Option(("-f", "--follow"), "go on as things happen", "follow"),
            Option(("--after",), "only events after this number", "after", "N", convert=_natural),
            Option(
                ("--backlog",), "at most this many past ones (default: 100)", "backlog", "N", (), _natural, default=100
            ),
            JSON,
        ),
        details="With --json each event is one line of JSON.",
    ),
    *OPERATOR_COMMANDS,
    Command(
        "reload",
        "pipelock.cli.reload",
        "read the configuration again",
        (Option(("--dry-run",), "only say what it would change", "dry_run"), JSON),
        details="With --dry-run exit code 1 says that the file is not valid, or that it makes something weaker.",
    ),
    Command(
        "history",
        "pipelock.cli.history",
        "search the decisions of the past",
        (
            Option(("--since",), "2h, 7d, today, 2026-11-21 (default: all)", "since", "TIME", convert=_moment),
            Option(("-n", "--limit"), "the newest N (default: 100)", "limit", "N", (), _natural, default=100),
            JSON,
        ),
        (Operand("query", "what to look for, in quotes", metavar="QUERY", optional=True),),
        details=(
            "For example: pipelock history 'verdict:block (host:github.com or agent:claude) size>10k !method:GET'\n"
            "No daemon is needed. With --json each decision is one line. Exit code 1: nothing was found."
        ),
    ),
    Command(
        "policy",
        "pipelock.cli.policy",
        "what another configuration would have changed",
        (
            Option(("--since",), "look back to then (default: 7d)", "since", "TIME", convert=_moment),
            Option(
                ("--base",),
                "the configuration of that time, for rules it had of its own",
                "base",
                "FILE",
                (),
                Path,
                path=True,
            ),
            Option(
                ("--fail-on",),
                "which changes give exit code 1 (default: any)",
                "fail_on",
                choices=("any", "weaker", "stricter", "never"),
                default="any",
            ),
            Option(("-v", "--verbose"), "list every group and more examples", "verbose"),
            JSON,
        ),
        (Operand("what", "diff", ("diff",)), Operand("new", "the new configuration", metavar="NEW.yaml")),
        details=(
            "Judges the decisions in the history again, by the new file and the suppressions of this home. No daemon\n"
            "is needed. Exit code 0: no change that --fail-on names; 1: some; 2: it could not be tried."
        ),
    ),
    Command(
        "rules",
        "pipelock.cli.rules",
        "what each rule met since the daemon started",
        (Option(("--all",), "those that met nothing, too", "all"), JSON),
    ),
    Command(
        "suppress",
        "pipelock.cli.suppress",
        "declare a finding harmless, as narrowly as can be",
        (
            Option(("--days",), "until it expires (default: 30)", "days", "N", (), _natural, default=30),
            Option(
                ("--finding",),
                "which finding of the action (default: 0, the deciding one)",
                "finding",
                "N",
                (),
                _natural,
                default=0,
            ),
            Option(("-y", "--yes"), "write without asking (add)", "yes"),
            JSON,
        ),
        (
            Operand("what", "list, propose, add or remove", ("list", "propose", "add", "remove")),
            Operand("id", "of the action (propose, add) or the entry (remove)", metavar="ID", optional=True),
        ),
        details=(
            "propose says what would be written and which other refusals it would have lifted; add writes it to\n"
            "suppressions.yaml in the daemon's home and puts it in force. Ids are shown by `pipelock history` and\n"
            "`pipelock suppress list`. Exit code 1: no suppression may lift it, or nothing was written."
        ),
    ),
    Command(
        "doctor",
        "pipelock.cli.doctor",
        "what of the running daemon is wrong, or soon will be",
        (JSON,),
        details=(
            "Also: agents that could go around the proxy, and which walls can't be raised here.\n"
            "Exit code 1: a check failed. Which programs trust its certificates, `pipelock trust doctor` says."
        ),
    ),
    Command(
        "logs",
        "pipelock.cli.logs",
        "read the audit log",
        (
            Option(
                ("--file",), "the log (default: that of the running daemon)", "file", "FILE", convert=Path, path=True
            ),
            Option(("-n", "--last"), "the last N matching lines (default: all)", "last", "N", (), _natural, default=0),
            Option(("--filter",), "only lines with this `event`, for example blocked", "filter", "EVENT", default=""),
            Option(("-f", "--follow"), "go on as lines are written", "follow"),
            Option(("--check",), "look it through instead: torn lines, order, who may read it", "check"),
            JSON,
        ),
    ),
    Command(
        "healthcheck",
        "pipelock.cli.healthcheck",
        "ask a daemon whether it is well",
        (
            Option(
                ("--addr",),
                f"listener of the daemon (default: {DEFAULT_ADDRESS})",
                "address",
                "ADDR",
                default=DEFAULT_ADDRESS,
            ),
        ),
    ),
    Command(
        "env",
        "pipelock.cli.env",
        "print the variables that send traffic through the daemon",
        (
            Option(
                ("--shell",),
                "for which shell (default: yours, by SHELL)",
                "dialect",
                choices=("sh", "bash", "zsh", "fish", "powershell", "dotenv", "json"),
            ),
            Option(("--addr",), "listener of the daemon (default: that of the running one)", "address", "ADDR"),
            Option(("--ca",), "set what makes programs trust our certificates, too", "ca"),
            Option(("--no-ca",), "leave that out (default: set it where interception is on)", "no_ca"),
            Option(("--no-proxy",), "hosts to reach directly (default: none)", "no_proxy", "HOSTS", default=""),
            Option(("--unset",), "print what takes the variables back", "unset"),
            _CONFIG,
        ),
        details=(
            'Use it as: eval "$(pipelock env)", in fish: pipelock env | source\n'
            "Your shell's files are not touched. `pipelock trust doctor` says which programs heed the variables."
        ),
    ),
    Command(
        "trust",
        "pipelock.cli.trust",
        "find out which programs use the proxy and trust its certificates",
        (_CONFIG, JSON),
        (Operand("what", "doctor: try out what is installed", ("doctor",)),),
        details=(
            "Each program that is found makes one request to a test server on this machine, through a daemon of the\n"
            "doctor's own, with the variables of `pipelock env`. With `-- CMD…` it is that command that runs there.\n"
            "Exit code 0: all is well; 1: some program doesn't; 2: it could not be tried."
        ),
        takes_agent=True,
    ),
    Command(
        "tls",
        "pipelock.cli.tls",
        "the certificate authority that signs for intercepted hosts, and who trusts it",
        (
            _CONFIG,
            Option(("--org",), "organisation in its name (init, rotate; default: Pipelock)", "org", "NAME"),
            Option(("--validity",), "how long it is valid (init, rotate; default: 17520h)", "validity", "DURATION"),
            Option(("--out",), "write ca.pem and ca-key.pem there (init)", "out", "DIR", (), Path, path=True),
            Option(("--force",), "replace one that is there (init)", "force"),
            Option(("--cert",), "another certificate (show-ca, install-ca)", "cert", "FILE", (), Path, path=True),
            Option(("--pem",), "print the certificate itself (show-ca)", "pem"),
            Option(
                ("--store",),
                "which (install-ca: default system; remove-ca: default all)",
                "store",
                choices=("system", "nss", "java", "all"),
            ),
            Option(("--dry-run",), "say what would be done", "dry_run"),
            Option(("--finish",), "trust the replaced one no more (rotate)", "finish"),
            JSON,
        ),
        (
            Operand(
                "what",
                "init, show-ca, install-ca, remove-ca or rotate",
                ("init", "show-ca", "install-ca", "remove-ca", "rotate"),
            ),
        ),
        details=(
            "init makes an authority; the daemon does so itself when it first needs one. install-ca puts it into the\n"
            "system's store, those of Firefox and Chromium (nss), or Java's; remove-ca takes out what that put in,\n"
            "and nothing else. rotate makes a new one and installs it wherever the old one is.\n"
            "Exit code 0: all is done; 1: something is left to do, for instance by root; 2: usage."
        ),
    ),
    *MACHINE_COMMANDS,
    *SSH_COMMANDS,
    Command(
        "completion",
        "pipelock.cli.completion",
        "print a completion script for a shell",
        (),
        (Operand("shell", "which shell", SHELLS),),
    ),
    Command("version", "pipelock.cli.version", "print version and build"),
)
