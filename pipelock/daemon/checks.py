"""The doctor: what of a running daemon is wrong, or soon will be. Reads files; runs in a thread."""

from __future__ import annotations

import os
import resource
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
from cryptography import x509

from pipelock.config import Config, ConfigError, Loaded
from pipelock.config.rules import parse_expiry
from pipelock.model import Check, CheckState
from pipelock.service.kinds import ServiceError
from pipelock.service.manifest import HOOK, SERVICE, Fate, Manifest, fate_of

__all__ = ["Facts", "run_checks"]

_OK, _WARN, _FAIL = CheckState.OK, CheckState.WARN, CheckState.FAIL
_DAY = 86_400
SOON_DAYS = 14
LEAST_FREE = 100 * 2**20
LITTLE_FREE = 2**30
MUCH_MEMORY = 1536 * 2**20
CLOCK_SECONDS = 60.0


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon knows of itself.

    Attributes:
        home: Where it keeps its state.
        running: The configuration in force.
        read: Reads the file anew.
        audit: The audit log.
        socket: The control socket.
        certificate: The authority's file; empty where tunnels stay closed.
        key: The authority's key file.
        sources: What holds the kill switch.
        matcher: Which one runs.
        dashboards: How many are open.
        history: Decisions that are kept; negative where none are.
        lost: Decisions that the history could not take.
        wall_lag: Seconds by which the wall clock has moved against a steady one since the start.
    """

    home: Path
    running: Loaded
    read: Callable[[], Loaded]
    audit: Path
    socket: Path | None = None
    certificate: str = ""
    key: str = ""
    sources: Sequence[str] = ()
    matcher: str = ""
    dashboards: int = 0
    history: int = -1
    lost: int = 0
    wall_lag: float = 0.0


def run_checks(facts: Facts, now: float | None = None) -> tuple[Check, ...]:
    """Look at everything. A check that fails itself is one that says so."""
    import psutil  # noqa: PLC0415 - half a megabyte, for a daemon that is asked

    at = time.time() if now is None else now
    found: list[Check] = []
    for name, check in _CHECKS:
        try:
            found += check(facts, at)
        except (OSError, ValueError, psutil.Error) as error:
            found.append(Check(name, _WARN, f"could not be looked at: {error}"))
    return tuple(found)


def _config(facts: Facts, _now: float) -> Iterator[Check]:
    path = str(facts.running.path or "built in")
    try:
        read = facts.read()
    except ConfigError as error:
        yield Check(
            "configuration", _FAIL, str(error.problems[0]), "mend the file; the old policy is in force until then"
        )
        return
    if read.policy_hash != facts.running.policy_hash:
        yield Check("configuration", _WARN, f"{path} differs from what is in force", "`pipelock reload`")
    else:
        yield Check("configuration", _OK, f"{path}, policy {facts.running.policy_hash}")
    for text in read.warnings[:20]:
        yield Check("configuration", _WARN, text)
    config = facts.running.config
    if not config.enforce or config.mode == "audit":
        yield Check("enforcement", _WARN, "findings are logged and nothing is blocked", "mode: balanced, enforce: true")
    else:
        yield Check("enforcement", _OK, f"mode {config.mode}")


def _suppressions(facts: Facts, now: float) -> Iterator[Check]:
    config: Config = facts.running.config
    dated = [(parse_expiry(entry.expires), entry) for entry in config.suppress if entry.expires]
    past = [entry.rule for end, entry in dated if end <= now]
    soon = [entry.rule for end, entry in dated if now < end <= now + SOON_DAYS * _DAY]
    if past:
        yield Check("suppressions", _WARN, f"{len(past)} are past their date: {_few(past)}", "remove them")
    if soon:
        yield Check("suppressions", _WARN, f"{len(soon)} end within {SOON_DAYS} days: {_few(soon)}", "`pipelock rules`")
    if not past and not soon:
        yield Check("suppressions", _OK, f"{len(config.suppress)} in force")


def _audit(facts: Facts, _now: float) -> Iterator[Check]:
    path = facts.audit
    try:
        info = path.lstat()
    except OSError as error:
        yield Check("audit log", _FAIL, f"{path}: {error.strerror}", "make its folder writable")
        return
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        yield Check("audit log", _FAIL, f"{path} can't be written", "make it and its folder writable for this user")
    elif info.st_mode & 0o077:
        yield Check("audit log", _WARN, f"{path} may be read by others", f"chmod 600 {path}")
    else:
        yield Check("audit log", _OK, f"{path}, {info.st_size // 1024} KiB")


def _disk(facts: Facts, _now: float) -> Iterator[Check]:
    for place in dict.fromkeys((facts.home, facts.audit.parent)):
        free = shutil.disk_usage(place).free
        state = _FAIL if free < LEAST_FREE else _WARN if free < LITTLE_FREE else _OK
        fix = "" if state is _OK else "make room: what can't be recorded is blocked in mode strict"
        yield Check("disk", state, f"{free // 2**20} MiB free at {place}", fix)


def _private(facts: Facts, _now: float) -> Iterator[Check]:
    for name, path, folder in (("home", facts.home, True), ("control socket", facts.socket, False)):
        if path is None or not path.exists():
            continue  # the way by which this was asked would tell
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            wanted = "700" if folder else "600"
            yield Check(name, _FAIL, f"{path} is open to others (mode {mode:04o})", f"chmod {wanted} {path}")
        else:
            yield Check(name, _OK, str(path))


def _authority(facts: Facts, now: float) -> Iterator[Check]:
    if not facts.certificate:
        yield Check("certificate authority", _OK, "tunnels stay closed; nothing is signed")
        return
    certificate = x509.load_pem_x509_certificate(Path(facts.certificate).read_bytes())
    days = int((certificate.not_valid_after_utc.timestamp() - now) // _DAY)
    if days < SOON_DAYS:
        state = _FAIL if days < 0 else _WARN
        said = f"{facts.certificate} is past its date" if days < 0 else f"{facts.certificate} ends in {days} days"
        yield Check("certificate authority", state, said, "`pipelock tls rotate`")
    else:
        yield Check("certificate authority", _OK, f"{facts.certificate}, {days} days left")
    mode = stat.S_IMODE(Path(facts.key).stat().st_mode) if facts.key else 0
    if mode & 0o077:
        yield Check("certificate authority", _FAIL, f"{facts.key} may be read by others", f"chmod 600 {facts.key}")


def _clock(facts: Facts, _now: float) -> Iterator[Check]:
    lag = facts.wall_lag
    if abs(lag) > CLOCK_SECONDS:
        yield Check(
            "clock", _WARN, f"the wall clock was moved by {lag:+.0f} s since the start", "look at the time service"
        )
    else:
        yield Check("clock", _OK, "steady since the start")


def _kill_switch(facts: Facts, _now: float) -> Iterator[Check]:
    if facts.sources:
        yield Check("kill switch", _WARN, f"on, held by: {', '.join(facts.sources)}", "`pipelock kill status`")
    else:
        yield Check("kill switch", _OK, "off")


def _process(_facts: Facts, _now: float) -> Iterator[Check]:
    import psutil  # noqa: PLC0415 - as above

    process = psutil.Process()
    rss = process.memory_info().rss
    state = _WARN if rss > MUCH_MEMORY else _OK
    yield Check("memory", state, f"{rss // 2**20} MiB resident", "restart it when convenient" if state is _WARN else "")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    used = process.num_fds()
    state = _WARN if limit > 0 and used > limit * 0.8 else _OK
    yield Check("open files", state, f"{used} of {limit}", "raise `ulimit -n`" if state is _WARN else "")


def _parts(facts: Facts, _now: float) -> Iterator[Check]:
    if facts.matcher and facts.matcher != "hyperscan":
        yield Check("matcher", _WARN, f"{facts.matcher}: the same verdicts, several times slower", "install hyperscan")
    else:
        yield Check("matcher", _OK, facts.matcher)
    if facts.history < 0:
        yield Check("history", _OK, "off")
    elif facts.lost:
        yield Check("history", _WARN, f"{facts.lost} decisions are missing", "look at the disk; the audit log has them")
    else:
        yield Check("history", _OK, f"{facts.history} decisions")
    section = facts.running.config.approvals
    asks = facts.running.config.egress_default == "ask" or any(
        rule.action == "ask" for rule in facts.running.config.egress_rules
    )
    if asks and not facts.dashboards and section.unattended == "deny":
        yield Check(
            "approvals", _WARN, "rules ask, and nobody is there to answer: such requests are denied", "`pipelock tui`"
        )
    else:
        yield Check("approvals", _OK, f"{facts.dashboards} dashboards")


def _installed(facts: Facts, _now: float) -> Iterator[Check]:
    """The service and the hooks: files elsewhere that name our program."""
    try:
        entries = Manifest(facts.home).entries
    except ServiceError as error:
        yield Check("service", _WARN, str(error))
        return
    again = "`pipelock service install` with the program that there is now"
    for entry in (one for one in entries if one.kind == SERVICE):
        if fate_of(entry) is Fate.GONE:
            yield Check("service", _WARN, f"{entry.path} is gone: the daemon is not started at login", again)
        elif not os.access(entry.program, os.X_OK):
            yield Check("service", _FAIL, f"{entry.path} starts {entry.program}, which can't be run", again)
        else:
            yield Check("service", _OK, f"{entry.path} starts {entry.program}")
    if all(entry.kind != SERVICE for entry in entries):
        yield Check("service", _OK, "none; `pipelock service install` has the daemon started at login")
    for entry in (one for one in entries if one.kind == HOOK):
        if fate_of(entry) is Fate.INTACT and shutil.which(entry.program) is None:
            text = f"{entry.path} calls {entry.program}, which can't be run: every push is refused"
            yield Check("git hook", _FAIL, text, "`pipelock git install-hooks --force` there")


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


_CHECKS: tuple[tuple[str, Callable[[Facts, float], Iterator[Check]]], ...] = (
    ("configuration", _config),
    ("suppressions", _suppressions),
    ("audit log", _audit),
    ("disk", _disk),
    ("files", _private),
    ("certificate authority", _authority),
    ("clock", _clock),
    ("kill switch", _kill_switch),
    ("process", _process),
    ("parts", _parts),
    ("installed", _installed),
)
