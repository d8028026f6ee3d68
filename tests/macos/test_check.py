"""The look before the launch: profiles that were tampered with are noticed."""

from __future__ import annotations

import pytest

from pipelock.contain.profile import Access
from pipelock_macos.check import UnsafeProfileError, check, faults
from pipelock_macos.parse import parse
from pipelock_macos.sbpl import ground, write
from tests.macos.profiles import AGENT, HOME, PORT, SETTING, STRICT, resolve

TEXT = write(AGENT, SETTING, resolve)
PLACES = ground(AGENT, SETTING, resolve)


@pytest.mark.parametrize("chosen", [AGENT, STRICT])
def test_ours_are_well(chosen) -> None:
    check(write(chosen, SETTING, resolve), chosen, ground(chosen, SETTING, resolve))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("(allow network*)", "without a condition"),
        ('(allow network* (local ip "localhost:1"))', "allows network\\*"),
        ("(allow network-outbound)", "without a condition"),
        ('(allow network-outbound (local ip "localhost:*"))', "all of them meet"),
        ('(allow network-outbound (remote ip "*:443"))', "all of them meet"),
        ('(allow network-outbound (remote ip "localhost:*"))', "all of them meet"),
        ('(allow network-outbound (remote tcp "localhost:22"))', "port 22"),
        ('(allow network-bind (local ip "*:*"))', "network-bind"),
        ('(allow network-outbound (remote unix-socket (subpath "/private/var/run")))', "mDNSResponder"),
        (f'(deny network-outbound (remote ip "localhost:{PORT}"))', f"port {PORT}' is refused"),
        ("(allow mach-lookup)", "every service"),
        ('(allow mach-lookup (global-name "com.apple.trustd.agent"))', "trustd"),
        ("(allow appleevent-send)", "appleevent"),
        ("(allow lsopen)", "lsopen"),
        ("(allow signal)", "signal of 'others'"),
        ("(allow sysctl-read)", "procargs2"),
        ("(allow file-read*)", "every file"),
        ('(allow file-read* (subpath "/"))', "file-read-data"),
        (f'(allow file-read* (subpath "{HOME}"))', "file-read-data"),
        (f'(allow file-write* (subpath "{HOME}/p/.git/hooks"))', "hooks"),
        (f'(allow file-write* (subpath "{HOME}/p"))', "file-write-"),
        (f'(allow file-read-data (literal "{HOME}/p/.env"))', "\\.env"),
        (f'(allow file-write-unlink (literal "{HOME}/p"))', "file-write-unlink"),
        (f'(allow file-link (subpath "{HOME}/.gitconfig"))', "file-link"),
        (f'(deny file-read* (subpath "{HOME}/p"))', "refused"),
        ('(allow file-write* (regex #"^/dev/ttys"))', "ttys999"),
        ('(import "bsd.sb")', "read back"),
        ("(allow", "read back"),
    ],
)
def test_a_line_too_many_is_noticed(line, complaint) -> None:
    with pytest.raises(UnsafeProfileError, match=complaint):
        check(f"{TEXT}{line}\n", AGENT, PLACES)


def test_a_default_that_allows_is_noticed() -> None:
    with pytest.raises(UnsafeProfileError, match="nobody speaks of"):
        check(TEXT.replace("(deny default", "(allow default", 1), AGENT, PLACES)


def test_a_missing_refusal_is_noticed() -> None:
    """But for those that say what is so by default."""
    unnoticed = []
    for rule in parse(TEXT).rules:
        if rule.verb == "deny":
            lines = TEXT.splitlines()
            del lines[rule.line - 1]
            if not list(faults("\n".join(lines), AGENT, PLACES)):
                unnoticed.append(rule)
    top = {place.path for place in PLACES if place.access in {Access.PRIVATE, Access.MASK}}
    assert {filter_.value for rule in unnoticed for filter_ in rule.filters if filter_.value} <= top
    assert [rule.operations for rule in unnoticed if not rule.filters] == [
        ("appleevent-send", "lsopen", "job-creation", "mach-register")
    ]


def test_many_faults_are_counted() -> None:
    with pytest.raises(UnsafeProfileError, match=r"and [0-9]+ more"):
        check("(version 1)(allow default)", AGENT, PLACES)
