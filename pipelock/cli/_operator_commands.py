"""The commands of the operator: what waits, what was answered, the kill switch, sessions. As data."""

from __future__ import annotations

from pathlib import Path

from pipelock.cli.table import JSON, Command, Operand, Option

__all__ = ["OPERATOR_COMMANDS"]

_REACH = (
    Option(
        ("--scope",),
        "how much like it others must be (default: payload)",
        "scope",
        choices=("payload", "url", "path", "host", "domain", "process"),
        default="payload",
    ),
    Option(
        ("--for",),
        "how long the answer holds (default: once)",
        "lifetime",
        choices=("once", "session", "5m", "1h", "12h", "restart", "forever"),
        default="once",
    ),
    Option(("-y", "--yes"), "do not ask whether a far-reaching answer is meant", "yes"),
)
_API = (
    JSON,
    Option(("--api-url",), "ask the admin API there (default: PIPELOCK_API_URL)", "api_url", "URL"),
    Option(("--api-token",), "its token; better in PIPELOCK_KILLSWITCH_API_TOKEN", "api_token", "TOKEN"),
    Option(("-c", "--config"), "take both from this file", "config", "FILE", convert=Path, path=True),
)
_API_DETAILS = (
    "The control socket is asked, without a token; with one of --api-url, --api-token, --config and PIPELOCK_API_URL\n"
    "the admin API. A configuration file that others may read is refused.\n"
    "Exit code 1: no such session, too many calls, no answer; 2: the command line, the configuration or the token."
)
_SESSION_VERBS = ("list", "inspect", "explain", "airlock", "release", "terminate", "trust", "recover", "reset", "task")

OPERATOR_COMMANDS = (
    Command("pending", "pipelock.cli.pending", "requests that wait for a person", (JSON,)),
    Command(
        "approve",
        "pipelock.cli.answer",
        "let a held request pass",
        (
            *_REACH,
            Option(("--redact",), "send it without what was found in its body", "redact"),
            Option(("--body",), "send the text of this file instead", "body", "FILE", convert=Path, path=True),
            Option(("--note",), "kept with the decision (at most 500 characters)", "note", "TEXT", default=""),
            JSON,
        ),
        (Operand("id", "as shown by `pipelock pending`", metavar="ID"),),
        details=(
            "Without --scope and --for the approval covers exactly the request that `pipelock pending` shows, and its\n"
            "waiting twins. A wider scope answers what else waits too, as far as it is asked for the same reason."
        ),
    ),
    Command(
        "deny",
        "pipelock.cli.answer",
        "refuse a held request",
        (
            *_REACH,
            Option(("--note",), "told to the agent (at most 500 characters)", "note", "TEXT", default=""),
            JSON,
        ),
        (Operand("id", "as shown by `pipelock pending`", metavar="ID"),),
    ),
    Command(
        "approvals",
        "pipelock.cli.approvals",
        "the answers that hold for more than once",
        (JSON,),
        (
            Operand("what", "list, diff, review or revoke", ("list", "diff", "review", "revoke")),
            Operand("id", "for revoke: as shown by list", metavar="ID", optional=True),
        ),
        details=(
            "diff shows what somebody else changed in approvals.yaml while the daemon runs (exit code 1 where that is\n"
            "anything), review puts the file in force as it is, revoke takes one answer back."
        ),
    ),
    Command(
        "kill",
        "pipelock.cli.kill",
        "stop all traffic, or let it flow again",
        _API,
        (Operand("state", "on, off or status", ("on", "off", "status")),),
        details=(
            "The switch is on while any source holds it: configuration, signal, sentinel file or this command.\n"
            f"{_API_DETAILS}"
        ),
    ),
    Command(
        "session",
        "pipelock.cli.session",
        "who is talking through the daemon, and what to do about one of them",
        (
            *_API,
            Option(("--tier",), "only these (list)", "tier", choices=("none", "soft", "hard", "drain", "normal")),
            Option(
                ("--to",),
                "the tier (airlock), or how far (release; default: none)",
                "to",
                choices=("none", "normal", "soft", "hard", "drain"),
            ),
            Option(
                ("--choice",),
                "what to do, without being asked (recover)",
                "choice",
                choices=("release-none", "release-soft", "terminate", "leave"),
            ),
            Option(("--no-prompt",), "never ask (recover)", "no_prompt"),
            Option(("--label",), "what the new task is (task)", "label", "TEXT", default=""),
            Option(("--source",), "trust what was read from there, a glob (trust)", "source", "GLOB"),
            Option(("--action",), "trust this being done, a glob (trust)", "action", "GLOB"),
            Option(("--for",), "for how long (trust; default: 1h)", "span", "DURATION", default="1h"),
            Option(("--reason",), "recorded with what is done (at most 500 characters)", "reason", "TEXT", default=""),
        ),
        (
            Operand("what", f"one of {', '.join(_SESSION_VERBS)}", _SESSION_VERBS, "ACTION"),
            Operand("key", "the session: its key or its beginning, an agent, a process", metavar="KEY", optional=True),
        ),
        details=(
            "explain says why a session is closed in, release lets it out (never further in), airlock closes it in\n"
            "(soft: watched, hard: read only, drain: nothing new), recover explains and asks. reset forgets what\n"
            "counted against it, terminate ends its connections too. task says that a new task begins: what was read\n"
            "before taints it no more. trust makes an exception for the present task.\n"
            f"{_API_DETAILS}"
        ),
    ),
    Command(
        "adaptive",
        "pipelock.cli.adaptive",
        "all sessions in numbers, all of them reset, or who you are to the daemon",
        (*_API, Option(("--agent",), "name of the agent (whoami)", "name", "NAME", default="")),
        (Operand("what", "status, flush or whoami", ("status", "flush", "whoami")),),
        details=_API_DETAILS,
    ),
)
