"""The commands that SSH goes through the proxy with, as data."""

from __future__ import annotations

from pipelock.cli.table import Command, Operand, Option

__all__ = ["SSH_COMMANDS"]

SSH_COMMANDS = (
    Command(
        "ssh",
        "pipelock.cli.ssh",
        "ssh through the proxy, which is told what git wants",
        details=(
            "For git: GIT_SSH_COMMAND='pipelock ssh --'. What follows -- are ssh's own arguments.\n"
            "The host and its port must be in forward_proxy.raw_tcp where tunnels are read; docs/git-over-ssh.md."
        ),
        takes_agent=True,
        brief=True,
    ),
    Command(
        "connect",
        "pipelock.cli.connect",
        "carry standard input and output to a host through the proxy",
        (
            Option(("--proxy",), "the proxy (default: that of HTTPS_PROXY)", "proxy", "URL"),
            Option(("--remote",), "what is wanted there, for whoever decides", "remote", "TEXT"),
        ),
        (
            Operand("host", "where to", metavar="HOST"),
            Operand("port", "its port", metavar="PORT"),
        ),
        details="For ssh: -o ProxyCommand='pipelock connect %h %p'. Exit code 0: it was connected; 1: it was refused.",
        brief=True,
    ),
)
