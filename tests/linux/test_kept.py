"""Folders for changes to caches: one user at a time, notes of what is not written yet, and their end."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelock_linux.kept import _empty, may_be_damaged, take

BOOT = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
OTHER = "e8e4ec03-6a72-4dd4-9b0f-4c2a1c7b4f1d"

AGENT = """
import sys
from pipelock_linux import kept
kept.take(sys.argv[1])
"""
"""One that has a folder until it ends."""

LAUNCHER = """
import json, os, sys
from pathlib import Path
from pipelock_linux import kept
ended, taken, gone, plain = map(Path, sys.argv[1:])
real = kept.libc.call
def call(name, *arguments):
    if name == "syncfs":
        held = [os.readlink(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd")[:-1]]
        notes = len(list(ended.glob("unwritten.*")))
        (ended / "seen").write_text(json.dumps([held, notes, os.getsid(0) == os.getpid()]))
    return real(name, *arguments)
kept.libc.call = call
kept.take(str(taken))
kept.write_out(map(str, (ended, taken, gone, plain)))
_, status = os.wait()
print(json.dumps([status, *([one.name for one in each.glob("unwritten.*")] for each in (ended, taken))]))
"""
"""Has another agent's folder too, and waits for the process that otherwise outlives it."""


@pytest.mark.parametrize(
    ("names", "damaged"),
    [
        ((), False),
        (("changes", "work", "lock"), False),
        ((f"unwritten.{BOOT}.1", "changes"), False),
        ((f"unwritten.{OTHER}.1", "changes"), True),
        ((f"unwritten.{BOOT}.1", f"unwritten.{OTHER}.1"), True),
        ((f"unwritten.{BOOT}0.1",), True),
        (("unwritten.",), True),
    ],
    ids=["new", "written", "this life", "another", "both", "longer", "nothing"],
)
def test_changes_are_relied_on_unless_the_machine_went_down_before_they_were_written(names, damaged) -> None:
    assert may_be_damaged(names, BOOT) is damaged


def test_a_folder_has_one_user_at_a_time_and_keeps_its_changes(tmp_path) -> None:
    folder = tmp_path / "state/kept"
    holder, was_damaged = take(str(folder))
    assert os.path.samestat(os.fstat(holder), folder.stat())
    assert (folder.stat().st_mode & 0o777, was_damaged) == (0o700, False)
    with pytest.raises(OSError, match="another agent has what was kept"):
        take(str(folder))
    (tmp_path / "elsewhere").symlink_to(folder)
    with pytest.raises(OSError) as raised:
        take(str(tmp_path / "elsewhere"))
    assert raised.value.errno in {errno.ENOTDIR, errno.ELOOP}


@pytest.mark.parametrize(("boot", "left"), [(BOOT, ["file"]), (OTHER, [])], ids=["this life", "another"])
def test_a_note_of_another_life_of_the_machine_costs_the_changes(tmp_path, boot, left) -> None:
    (tmp_path / "changes").mkdir()
    (tmp_path / "changes/file").touch()
    (tmp_path / f"unwritten.{boot}.1").touch()
    assert take(str(tmp_path))[1] is not bool(left)
    assert [one.name for one in (tmp_path / "changes").iterdir()] == left
    notes = [one.name for one in tmp_path.glob("unwritten.*")]
    assert len(notes) == 1
    assert notes[0].startswith(f"unwritten.{BOOT}.")
    assert notes != [f"unwritten.{boot}.1"]


def test_a_folder_is_emptied_however_deep_it_is_and_no_link_is_followed(tmp_path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    top = tmp_path / "top"
    (top / "a/b/c").mkdir(parents=True)
    (top / "a/b/link").symlink_to(outside)
    (top / "link").symlink_to(outside)
    os.mkfifo(top / "a/pipe")
    deep = os.open(top, os.O_RDONLY)
    for _ in range(3000):  # more than a path has room for
        os.mkdir("deeper", dir_fd=deep)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    os.close(deep)
    holder = os.open(tmp_path, os.O_RDONLY)
    _empty(holder, "top")
    os.close(holder)
    assert not list(top.iterdir())
    assert (outside / "file").exists()


def test_notes_of_agents_that_ended_go_when_all_is_written(tmp_path) -> None:
    ended, taken, gone, plain = (tmp_path / name for name in ("ended", "taken", "gone", "plain"))
    plain.touch()
    subprocess.run([sys.executable, "-c", AGENT, str(ended)], check=True, timeout=60)
    assert len(list(ended.glob("unwritten.*"))) == 1
    launcher = [sys.executable, "-c", LAUNCHER, *map(str, (ended, taken, gone, plain))]
    done = subprocess.run(launcher, check=True, capture_output=True, text=True, timeout=60)
    notes = [one.name for one in taken.glob("unwritten.*")]
    assert done.stdout == f'[0, [], ["{notes[0]}"]]\n'
    assert not done.stderr
    # While it was written: nothing else was open, the note was there still, and no terminal's end could reach it.
    assert json.loads((ended / "seen").read_text()) == [[str(ended)], 1, True]
