"""Trying out the programs of this machine, two at a time, and saying of each what it did.

Each program is sent to a host of its own, so that whatever is seen of that host is its doing. The hosts are names under
`.localhost`, which resolvers answer by themselves (RFC 6761 §6.3): a program that leaves the proxy out and looks the
name up finds this machine, or nothing. Those that make an exception for names on loopback get one under `.invalid`.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from pipelock.trust.probes import MISSING_CODE, Probe, fix_for
from pipelock.trust.runner import Run, run
from pipelock.trust.sightings import Outcome, Sighting, outcome_of

__all__ = ["PARALLEL", "PROBE_SECONDS", "ZONES", "Result", "Scene", "examine", "host_of"]

PARALLEL = 2
PROBE_SECONDS = 10.0
VERSION_SECONDS = 5.0
SETTLE_SECONDS = 0.5
"""How long the last thing a program did may take to reach the log."""
ZONES = ("pipelock.localhost", "pipelock.invalid")
PROGRAMS = Path(__file__).with_name("programs")
_NOT_HERE = (126, 127)
"""What stands in for a program and finds none (pyenv, asdf, a broken link) ends with these, as shells do."""
_SAYS_NOTHING = ("version ", "at ", "... ", "npm error A complete log")
_MAX_DETAIL = 200
_MAX_VERSION = 20
_MAX_TAIL = 16_384


class Result(NamedTuple):
    """What became of one program."""

    key: str
    title: str
    program: str
    version: str
    outcome: Outcome
    detail: str
    fix: str
    seconds: float

    @property
    def proxy(self) -> bool | None:
        """Whether the program came to the proxy."""
        if self.outcome in (Outcome.NOT_STARTED, Outcome.MISSING):
            return None
        return self.outcome in (Outcome.GOOD, Outcome.REFUSED, Outcome.SILENT, Outcome.BLOCKED)

    @property
    def trust(self) -> bool | None:
        """Whether it took the proxy's certificate; `None` where it did not come that far."""
        return {Outcome.GOOD: True, Outcome.REFUSED: False}.get(self.outcome)


class Scene(NamedTuple):
    """Where programs are tried out.

    Attributes:
        environ: What `pipelock env` makes of the user's environment; PATH in it is where programs are looked for.
        home: The user's, for configuration that a probe links to.
        port: Of the test server.
        sightings: What the proxy saw so far, by host.
        direct: Hosts that the test server was asked for.
        began: Told of each probe as it begins: how many began so far, how many there are, its title.
        start: Runs a program; `runner.run`.
        wait: Sleeps.
    """

    environ: Mapping[str, str]
    home: Path
    port: int
    sightings: Callable[[], Mapping[str, Sighting]]
    direct: Callable[[], set[str]]
    began: Callable[[int, int, str], None] = lambda _number, _all, _title: None
    start: Callable[[Sequence[str], Mapping[str, str], Path, float], Run] = run
    wait: Callable[[float], None] = time.sleep


class _Tried(NamedTuple):
    program: str
    version: str
    went: Run


def host_of(probe: Probe) -> str:
    """The host that this probe alone is sent to."""
    return f"{probe.key}.{ZONES[probe.public_name]}"


def examine(probes: Sequence[Probe], scene: Scene) -> list[Result]:
    """Try out those of `probes` whose program is installed; the results are in their order."""
    path = scene.environ.get("PATH", "")
    found = [(probe, shutil.which(probe.program, path=path)) for probe in probes if _is_complete(probe, path)]
    here = [(probe, program) for probe, program in found if program is not None]
    numbers = iter(range(1, len(here) + 1))

    def attempt(item: tuple[Probe, str]) -> _Tried:
        scene.began(next(numbers), len(here), item[0].title)
        return _try(*item, scene)

    with ThreadPoolExecutor(PARALLEL) as pool:
        try:
            tried = list(pool.map(attempt, here))
        except BaseException:  # an interrupt: what runs is waited for, what does not yet is not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    scene.wait(SETTLE_SECONDS)
    sightings, direct = scene.sightings(), scene.direct()
    return [
        _result(probe, how, sightings.get(host_of(probe), Sighting()), direct=host_of(probe) in direct)
        for (probe, _), how in zip(here, tried, strict=True)
    ]


def _is_complete(probe: Probe, path: str) -> bool:
    return not probe.needs or shutil.which(probe.needs, path=path) is not None


def _try(probe: Probe, program: str, scene: Scene) -> _Tried:
    """Run one probe in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="pipelock-probe-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        words = _words(probe, scene.port, folder)
        for file, text in probe.files.items():
            (folder / file).write_text(_filled(text, words), encoding="utf-8")
        for source, target in probe.config:
            if (scene.home / source).is_file():
                (folder / target).parent.mkdir(parents=True, exist_ok=True)
                (folder / target).symlink_to(scene.home / source)
        environ = {**scene.environ, **{key: _filled(value, words) for key, value in probe.environ.items()}}
        command = [program, *(_filled(word, words) for word in probe.arguments)]
        went = scene.start(command, environ, folder, PROBE_SECONDS)
        version = _version(went.output)
        if not version and probe.version:
            said = scene.start([program, *probe.version], environ, folder, VERSION_SECONDS)
            version = _first_number(said.output)
    return _Tried(program, version, went)


def _words(probe: Probe, port: int, folder: Path) -> dict[str, str]:
    authority = f"{host_of(probe)}:{port}"
    origin = f"https://{authority}"
    return {
        "{url}": f"{origin}/probe",
        "{origin}": origin,
        "{host}": authority,
        "{folder}": str(folder),
        "{programs}": str(PROGRAMS),
    }


def _filled(text: str, words: Mapping[str, str]) -> str:
    for name, value in words.items():
        text = text.replace(name, value)
    return text


def _result(probe: Probe, tried: _Tried, seen: Sighting, *, direct: bool) -> Result:
    went = tried.went
    if went.code is None:
        outcome = Outcome.NOT_STARTED
    elif went.code in (MISSING_CODE, *_NOT_HERE) and not seen.connects:
        outcome = Outcome.MISSING
    else:
        outcome = outcome_of(seen, direct=direct, timed_out=went.timed_out)
    good = outcome in (Outcome.GOOD, Outcome.MISSING)
    detail = "" if good else _reason(seen) or _complaint(went.output)
    fix = fix_for(probe, outcome)
    return Result(probe.key, probe.title, tried.program, tried.version, outcome, detail, fix, round(went.seconds, 3))


def _reason(seen: Sighting) -> str:
    """What the proxy noted. Its guess at the program is left out: here it is known."""
    return (seen.refusal or seen.blocked or seen.trouble).partition("; ")[0]


def _version(output: str) -> str:
    """What a probe program says of itself in a line `version X`."""
    for line in output[:4096].splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == "version":
            return words[1][:_MAX_VERSION]
    return ""


def _first_number(output: str) -> str:
    """The first word that looks like a version: digits and dots, perhaps after a name."""
    for word in output[:2048].split():
        number = word.strip(",;()\"'").lstrip("abcdefghijklmnopqrstuvwxyz/-")
        if number[:1].isdigit() and "." in number:
            return number[:_MAX_VERSION]
    return ""


def _complaint(output: str) -> str:
    """The line in which a program says what was wrong: mostly its last, and before the trace of a Java program."""
    lines = [line.strip() for line in output[-_MAX_TAIL:].splitlines()]
    told = [line for line in lines if line and not line.startswith(_SAYS_NOTHING)]
    errors = [line for line in told if "error" in line.lower()]
    return [*told, *errors][-1][:_MAX_DETAIL] if told else ""
