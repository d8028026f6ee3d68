from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipelock.service import actions
from pipelock.service.actions import Ran
from pipelock.service.kinds import Kind, Service, ServiceError, Step
from pipelock.service.manifest import Manifest


class Machine:
    """A manager that remembers what it was asked, and fails where it is told to."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "units" / "p.service"
        self.link = folder / "wants" / "p.service"
        self.asked: list[str] = []
        self.fails: dict[str, str] = {}
        self.manifest = Manifest(folder / "home")

    def service(self, text: str = "text") -> Service:
        def steps(*words: str) -> tuple[Step, ...]:
            return tuple(Step(("ctl", word), may_fail=word.startswith("try")) for word in words)

        return Service(
            kind=Kind.SYSTEMD,
            name="p.service",
            file=self.file,
            text=text.encode(),
            links=(self.link,),
            folders=(self.file.parent.parent / "logs",),
            enable=steps("reload", "enable"),
            start=steps("start"),
            disable=steps("disable"),
            forget=steps("reload", "try-forget"),
            look=("ctl", "look"),
            logs=("cat",),
            follow=("tail",),
            hint="a hint",
        )

    def run(self, command: tuple[str, ...]) -> Ran:
        self.asked.append(command[1])
        return Ran(said="LoadState=loaded\nActiveState=active\nMainPID=7\n", problem=self.fails.get(command[1], ""))

    def install(self, text: str = "text", *, now: bool = True, dry: bool = False) -> actions.Done:
        return actions.install(self.service(text), "/bin/p", self.manifest, self.run, now=now, dry=dry)

    def uninstall(self, *, dry: bool = False) -> actions.Done:
        return actions.uninstall(self.service(), self.manifest, self.run, dry=dry)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_there_and_back_again(machine: Machine, tmp_path: Path) -> None:
    done = machine.install()
    assert (done.wrote, done.is_well, done.left, done.hint) == (True, True, (), "a hint")
    assert done.ran == ("ctl reload", "ctl enable", "ctl start")
    assert machine.file.read_bytes() == b"text"
    assert (tmp_path / "logs").is_dir()
    again = machine.install(now=False)
    assert (again.wrote, again.is_well) == (False, True)
    assert machine.install("a newer text").wrote
    look = actions.look_at(machine.service(), machine.manifest, machine.run, lambda path: path == "/bin/p")
    assert (look.installed, look.intact, look.works, look.program) == (True, True, True, "/bin/p")
    assert (look.state.active, look.state.pid) == (True, 7)
    machine.asked.clear()
    machine.fails = {"try-forget": "not loaded"}
    done = machine.uninstall()
    assert (done.wrote, done.is_well) == (True, True)
    assert machine.asked == ["disable", "reload", "try-forget"]
    assert not machine.file.exists()
    assert machine.manifest.entries == ()
    done = machine.uninstall()
    assert (done.wrote, done.is_well, done.ran) == (False, True, ())


def test_dry_runs_do_nothing(machine: Machine, tmp_path: Path) -> None:
    done = machine.install(dry=True)
    assert (done.wrote, done.left) == (True, ("ctl reload", "ctl enable", "ctl start"))
    assert list(tmp_path.iterdir()) == []
    machine.install()
    machine.asked.clear()
    assert machine.uninstall(dry=True).left == ("ctl disable", "ctl reload", "ctl try-forget")
    assert (machine.asked, machine.file.exists()) == ([], True)


def test_what_fails_is_left_to_do(machine: Machine) -> None:
    machine.fails = {"enable": "no bus"}
    done = machine.install()
    assert (done.is_well, done.problem) == (False, "no bus")
    assert (done.ran, done.left) == (("ctl reload",), ("ctl enable", "ctl start"))


def test_without_a_manager_everything_goes_all_the_same(machine: Machine) -> None:
    machine.install()
    machine.link.parent.mkdir()
    machine.link.symlink_to(machine.file)
    machine.fails = {"disable": "no bus"}
    done = machine.uninstall()
    assert (done.wrote, done.is_well) == (True, True)
    assert "no bus" in done.hint
    assert not machine.link.is_symlink()
    assert not machine.file.exists()


def test_what_somebody_changed_is_theirs(machine: Machine) -> None:
    machine.install()
    machine.file.write_text("mine")
    machine.asked.clear()
    done = machine.uninstall()
    assert (done.is_well, done.kept) == (False, (str(machine.file),))
    assert machine.asked == []
    with pytest.raises(ServiceError, match="was changed since"):
        machine.install()
    assert machine.file.read_text() == "mine"
    look = actions.look_at(machine.service(), machine.manifest, machine.run, lambda _: False)
    assert (look.installed, look.intact, look.works) == (True, False, False)


def test_what_is_not_ours_is_never_touched(machine: Machine) -> None:
    machine.file.parent.mkdir()
    machine.file.write_text("text")  # the very same
    with pytest.raises(ServiceError, match="is not ours"):
        machine.install()
    assert machine.uninstall().wrote is False
    assert machine.file.exists()


def test_a_foreign_link_stays(machine: Machine, tmp_path: Path) -> None:
    machine.install()
    machine.link.parent.mkdir()
    machine.link.symlink_to(tmp_path / "another.service")
    machine.uninstall()
    assert machine.link.is_symlink()


def test_one_that_was_removed_by_hand_is_forgotten(machine: Machine) -> None:
    machine.install()
    machine.file.unlink()
    done = machine.uninstall()
    assert (done.wrote, done.is_well) == (False, True)
    assert machine.manifest.entries == ()


def test_restart(machine: Machine) -> None:
    with pytest.raises(ServiceError, match="not installed"):
        actions.restart(machine.service(), machine.run)
    machine.install(now=False)
    assert actions.restart(machine.service(), machine.run).ran == ("ctl start",)


def test_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no program-of-nobody here" in actions.run_command(("program-of-nobody",)).problem
    python = sys.executable
    ran = actions.run_command((python, "-c", "print('out' * 5000); raise SystemExit('why\\nmore')"))
    assert (len(ran.said), ran.problem) == (4096, "why")
    assert actions.run_command((python, "-c", "raise SystemExit(3)")).problem.endswith("ended with code 3")
    monkeypatch.setattr(actions, "STEP_SECONDS", 0.05)
    assert "took longer" in actions.run_command((python, "-c", "import time; time.sleep(60)")).problem
