from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelock.trust.doctor import PROGRAMS, Result, Scene, examine, host_of
from pipelock.trust.probes import Probe
from pipelock.trust.runner import Run
from pipelock.trust.sightings import Outcome, Sighting


class House:
    """A machine: programs on PATH, what they do when started, and what the proxy and the test server saw."""

    def __init__(self, tmp_path: Path) -> None:
        self.bin = tmp_path / "bin"
        self.bin.mkdir()
        self.home = tmp_path / "home"
        self.home.mkdir()
        self.said: dict[str, Run] = {}
        self.seen: dict[str, Sighting] = {}
        self.direct: set[str] = set()
        self.began: list[tuple[int, int, str]] = []
        self.started: list[tuple[list[str], dict[str, str]]] = []
        self.files: dict[str, str] = {}

    def install(self, *names: str) -> None:
        for name in names:
            (self.bin / name).touch(0o755)

    def start(self, command: Sequence[str], environ: Mapping[str, str], folder: Path, seconds: float) -> Run:
        self.started.append((list(command), dict(environ)))
        self.files |= {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}
        name = Path(command[0]).name
        if command[1:] == ["--version"]:
            return Run(0, f"{name} 1.2.3 (x86)\n", 0.1)
        return self.said.get(name, Run(0, "", 0.1))

    def examine(self, *probes: Probe) -> list[Result]:
        scene = Scene(
            environ={"PATH": str(self.bin), "HTTPS_PROXY": "http://p"},
            home=self.home,
            port=443,
            sightings=lambda: self.seen,
            direct=lambda: self.direct,
            began=lambda *what: self.began.append(what),
            start=self.start,
            wait=lambda _seconds: None,
        )
        return examine(probes, scene)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


CURL = Probe("curl", "curl", "curl", ("-o", "{folder}/x", "{url}"), environ={"INDEX": "{origin}/simple"})
GOOD = Sighting(connects=1, requests=1)


def test_a_program_is_sent_to_a_host_of_its_own(house: House) -> None:
    house.install("curl")
    house.seen["curl.pipelock.localhost"] = GOOD
    (result,) = house.examine(CURL)
    command, environ = house.started[0]
    assert command[0] == str(house.bin / "curl")
    assert command[2].endswith("/x")
    assert command[3] == "https://curl.pipelock.localhost:443/probe"
    assert environ["HTTPS_PROXY"] == "http://p"
    assert environ["INDEX"] == "https://curl.pipelock.localhost:443/simple"
    assert result == Result("curl", "curl", command[0], "1.2.3", Outcome.GOOD, "", "", 0.1)
    assert (result.proxy, result.trust) == (True, True)
    assert house.began == [(1, 1, "curl")]
    assert host_of(CURL._replace(public_name=True)) == "curl.pipelock.invalid"


def test_what_is_not_here_is_not_tried(house: House) -> None:
    house.install("curl", "java")
    java = Probe("java", "java", "java", (), needs="javac")
    assert [result.key for result in house.examine(CURL, CURL._replace(key="wget", program="wget"), java)] == ["curl"]
    house.install("javac")
    assert [result.key for result in house.examine(CURL, java)] == ["curl", "java"]


def test_programs_of_our_own_say_their_version(house: House) -> None:
    house.install("node")
    house.said["node"] = Run(1, "Picked up something\nversion 20.1.0\nTypeError: fetch failed\n   at x\n", 0.2)
    probe = Probe("node", "node", "node", ("{programs}/fetch.mjs", "{url}"), (), fixes={Outcome.IGNORED: "newer"})
    (result,) = house.examine(probe)
    assert house.started[0][0][1] == str(PROGRAMS / "fetch.mjs")
    assert len(house.started) == 1
    assert (result.version, result.outcome, result.fix) == ("20.1.0", Outcome.IGNORED, "newer")
    assert (result.detail, result.proxy, result.trust) == ("TypeError: fetch failed", False, None)


@pytest.mark.parametrize(
    ("said", "seen", "outcome", "detail"),
    [
        (Run(1, "curl: (60) bad\n", 0), Sighting(1, refusals=1, refusal="no trust"), Outcome.REFUSED, "no trust"),
        (Run(0, "", 0), Sighting(1, blocks=1, blocked="not listed"), Outcome.BLOCKED, "not listed"),
        (Run(0, "", 0), Sighting(1, trouble="no cipher"), Outcome.SILENT, "no cipher"),
        (Run(6, "could not resolve\n\n", 0), Sighting(), Outcome.IGNORED, "could not resolve"),
        (Run(-9, "", 10, timed_out=True), Sighting(), Outcome.TIMED_OUT, ""),
        (Run(None, "No such file", 0), Sighting(), Outcome.NOT_STARTED, "No such file"),
        (Run(77, "", 0), Sighting(), Outcome.MISSING, ""),
        (Run(127, "pyenv: curl: command not found", 0), Sighting(), Outcome.MISSING, ""),
        (Run(77, "", 0), GOOD, Outcome.GOOD, ""),
    ],
)
def test_outcomes_have_a_reason(house: House, said: Run, seen: Sighting, outcome: Outcome, detail: str) -> None:
    house.install("curl")
    house.said["curl"] = said
    house.seen["curl.pipelock.localhost"] = seen
    (result,) = house.examine(CURL)
    assert (result.outcome, result.detail) == (outcome, detail)
    assert bool(result.fix) is (outcome not in (Outcome.GOOD, Outcome.MISSING))


def test_one_that_goes_around_the_proxy_is_seen_at_the_server(house: House) -> None:
    house.install("curl")
    house.direct.add("curl.pipelock.localhost")
    (result,) = house.examine(CURL)
    assert (result.outcome, result.proxy) == (Outcome.DIRECT, False)


def test_files_are_written_and_the_user_s_configuration_is_there(house: House) -> None:
    house.install("cargo")
    (house.home / ".cargo").mkdir()
    (house.home / ".cargo/config.toml").write_text("[http]\n")
    config = ((".cargo/config.toml", "cargo/config.toml"), (".cargo/none", "cargo/none"))
    house.examine(Probe("cargo", "cargo", "cargo", (), files={".rc": "at {origin}"}, config=config))
    assert house.files == {"cargo/config.toml": "[http]\n", ".rc": "at https://cargo.pipelock.localhost:443"}


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("git version 2.39.5\n", "2.39.5"),
        ("go version go1.19.8 linux/amd64", "1.19.8"),
        ("aws-cli/1.45.11 Python/3.11.7", "1.45.11"),
        ("v20.20.2", "20.20.2"),
        ("Docker version 28.2.2, build e6", "28.2.2"),
        ("no version here", ""),
    ],
)
def test_versions_are_found_in_what_programs_print(house: House, said: str, version: str) -> None:
    house.install("curl")
    house.said["curl"] = Run(0, said, 0)  # for whatever arguments
    (result,) = house.examine(CURL._replace(version=("version",)))
    assert result.version == version


def test_after_an_interrupt_nothing_more_is_begun(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.install("curl")
    is_over = threading.Event()
    shutdown = ThreadPoolExecutor.shutdown

    def shut_down(pool: ThreadPoolExecutor, **how: bool) -> None:
        shutdown(pool, wait=False, cancel_futures=how.get("cancel_futures", False))
        is_over.set()
        shutdown(pool)

    def interrupted(command: Sequence[str], *_: object) -> Run:
        if "curl-0." in command[-1]:
            raise KeyboardInterrupt
        is_over.wait(10)
        return Run(0, "", 0)

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", shut_down)
    monkeypatch.setattr(house, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        house.examine(*(CURL._replace(key=f"curl-{number}") for number in range(50)))
    assert len(house.began) <= 3
