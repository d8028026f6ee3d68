"""On the real kernel: what `life_inside.py` finds behind the walls of namespaces, network and files."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.unprivileged import NOBODY, Somebody, somebody
from tests.linux import life_inside

Found = dict[str, Any]


class Life:
    """What was found, and the folder on the host."""

    def __init__(self, found: Found, home: Path, uid: int) -> None:
        self.found = found
        self.home = home
        self.uid = uid


@pytest.fixture(scope="module", params=["caller", "nobody"])
def life(request: pytest.FixtureRequest) -> Iterator[Life]:
    if request.param == "nobody" and os.getuid() != 0:
        pytest.skip("the caller is an ordinary user already")
    with ExitStack() as closing:
        user = closing.enter_context(somebody())
        for bound in life_inside.lay_out(user.home):
            closing.enter_context(bound)
        yield Life(*_live(user, as_nobody=request.param == "nobody"))


def _live(user: Somebody, *, as_nobody: bool, besides: str = "") -> tuple[Found, Path, int]:
    program = [sys.executable, str(Path(life_inside.__file__).resolve()), str(user.home), besides]
    ours, its = pty.openpty()
    try:
        if as_nobody:
            user.own(*user.home.rglob("*"))
            done = user.run(*program, stdin=its)
        else:
            if os.getuid() == 0:
                os.chown(user.home, 0, 0)
            done = subprocess.run(program, stdin=its, capture_output=True, text=True, check=False, timeout=60)
    finally:
        os.close(its)
        os.close(ours)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    found = json.loads(done.stdout)
    if "unable" in found:
        pytest.skip(f"this machine gives no such walls: {found['unable']}")
    return found, user.home, NOBODY if as_nobody else os.getuid()


FAR = {4: "93.184.216.34", 6: "2606:2800:220::1"}
NEAR = {4: "127.0.0.1", 6: "::1"}


def families(found: Found) -> set[int]:
    return {family for _, _, family in found["handed"]}


def test_every_listener_is_handed_over_once_for_each_family(life: Life) -> None:
    handed = life.found["handed"]
    assert 4 in families(life.found)
    for family in families(life.found):
        kinds = [(kind, port) for kind, port, its in handed if its == family]
        assert kinds[:5] == [
            ("proxy", 8888),
            ("transparent", 80),
            ("transparent", 443),
            ("host_port", life_inside.HOST_PORT),
            ("dns", 53),
        ]
        assert [kind for kind, _ in kinds[5:]] in ([], ["redirected"])
    assert len({port for kind, port, _ in handed if kind == "redirected"}) <= 1
    assert life.found["closed on exec"] is True


def test_whatever_is_connected_to_comes_to_us_under_its_own_name(life: Life) -> None:
    found = life.found
    is_redirected = any(kind == "redirected" for kind, _, _ in found["handed"])
    for family in families(found):
        assert found[f"proxy {family}"] == [NEAR[family], 8888]
        assert found[f"far 443 {family}"] == [FAR[family], 443]
        assert found[f"host port {family}"] == [NEAR[family], life_inside.HOST_PORT]
        for port in (22, 8888, life_inside.HOST_PORT):
            expected = [FAR[family], port] if is_redirected else "ECONNREFUSED"
            assert found[f"far {port} {family}"] == expected


def test_what_nobody_listens_on_is_refused_and_what_the_agent_serves_is_its_own(life: Life) -> None:
    for family in families(life.found):
        for tried in ("near 22", "far tcp 53", "udp"):
            assert life.found[f"{tried} {family}"] == "ECONNREFUSED"
        assert life.found[f"own {family}"] == "served"
        assert life.found[f"taken {family}"] == "EADDRINUSE"


def test_names_are_asked_of_any_address_and_answered_from_it(life: Life) -> None:
    for family in families(life.found):
        assert life.found[f"asked {family}"] == ["question", FAR[family], "answer"]


def test_the_root_holds_what_was_granted_and_the_way_there(life: Life) -> None:
    found = life.found
    assert set(found["root"]) <= {"bin", "dev", "etc", "lib", "lib64", "proc", "sbin", "tmp", "usr"}
    assert found["home"] == ["cache", "doubtful", "other", "settings", "state", "work"]
    assert found["read bare"] == "ENOENT"
    # Those that stay open are the locks of what is kept: empty files.
    assert found["descriptors"] == [str(life.home / name / "lock") for name in ("damaged", "kept")]


@pytest.mark.parametrize(
    ("what", "came"),
    [
        ("file", "text"),
        ("mask", ""),
        ("masked folder", "ENOENT"),
        ("shown again", "shown"),
        ("settings", "read me"),
        ("seed", "seeded"),
        ("old", "old"),
        ("kept", "kept"),
        ("doubtful", "old"),
        ("copied file", "old"),
        ("resolver", "nameserver 127.0.0.1\noptions timeout:5 attempts:2\n"),
    ],
)
def test_what_is_read(life: Life, what, came) -> None:
    assert life.found[f"read {what}"] == came


def test_names_of_this_machine_are_known(life: Life) -> None:
    assert life.found["read hosts"].startswith("127.0.0.1 localhost")


WRITABLE = ("file", "new", "git", "copy", "copied file", "other", "private", "null")
READ_ONLY = (
    "hook",
    "new hook",
    "mask",
    "in mask",
    "shown again",
    "settings",
    "root",
    "device folder",
    "system",
    "kernel",
    "process",
)


def test_what_can_be_written_and_what_can_not(life: Life) -> None:
    found = life.found
    assert {what: found[f"write {what}"] for what in WRITABLE} == dict.fromkeys(WRITABLE, 3)
    assert {what: found[f"write {what}"] for what in READ_ONLY} == dict.fromkeys(READ_ONLY, "EROFS")
    assert found["remove mask"] == "EBUSY"
    # Neither may the folder around what is protected make room for another one.
    assert found["rename protected"] == "EBUSY"
    assert found["rename across"] == "renamed"


def test_the_host_has_what_was_written_for_it_and_nothing_else(life: Life) -> None:
    home = life.home
    assert (home / "work/file").read_text() == "new"
    assert (home / "work/renamed").read_text() == "new"
    assert (home / "work/.git/hooks/pre-commit").read_text() == "hook"
    assert not (home / "work/.git/hooks/post-commit").exists()
    assert not (home / "new").exists()
    assert not (home / "gone").exists()
    assert not list((home / "other").iterdir())
    assert (home / "cache/old").read_text() == "old"
    assert (home / "cache/inner/removed").read_text() == "old"
    assert (home / "state").read_text() == "old"
    kept = home / "kept/changes"
    assert {one.name: one.read_text() for one in kept.iterdir() if one.is_file()} == {
        "before": "kept", "old": "new", "seed": "seeded"
    }  # fmt: skip
    assert all(one.stat().st_uid == life.uid for one in kept.iterdir())


def test_a_cover_that_was_taken_off_from_outside_is_told(life: Life) -> None:
    found = life.found
    assert (found["quiet before"], found["told"], found["quiet after"]) == (True, True, True)
    assert found["lost"] == [str(life.home / "work/.env")]
    assert (life.home / "work/.env").read_text() == "another secret"


def test_sockets_of_the_host_are_there_only_where_they_were_granted(life: Life) -> None:
    # A covered socket is a file that can't be written to, or one that nobody is bound to.
    assert life.found["masked socket"] in {"EACCES", "ECONNREFUSED"}
    assert life.found["granted socket"] == "connected"


def test_processes_devices_and_marks_of_the_host_are_out_of_sight(life: Life) -> None:
    found = life.found
    assert found["processes"] == ["1"]
    assert found["kernel memory"] in {"ENOENT", 0o444}
    nodes = ["full", "null", "random", "tty", "urandom", "zero"]
    others = ["console", "fd", "ptmx", "pts", "shm", "stderr", "stdin", "stdout"]
    assert found["devices"] == sorted(nodes + others)
    # One that was made inside, and the one that we were started in.
    assert (found["terminal"], found["own terminal"]) == ("/dev/pts/", "/dev/console")
    assert (found["shared memory"], found["random"]) == (1, 4)
    assert found["flags"] == {"usr": True, "work": True, "cache": True}
    assert found["mknod"] == "EPERM"
    assert found["shell"] == str(life.uid)


def test_the_walls_tell_how_they_stand(life: Life) -> None:
    walls = life.found["walls"]
    assert {name: state for name, (state, _) in walls.items()} == {
        "ipc": "up", "network": "up", "files": "up", "processes": "up", "devices": "up"
    }  # fmt: skip
    # What is kept has one user at a time.
    assert walls["files"][1] == (
        "12 places of the host's, nothing else; "
        f"changes to {life.home}/doubtful start anew (the machine went down before they were written); "
        f"changes to {life.home}/other are kept in memory (another agent has what was kept)"
    )


def test_what_may_never_have_been_written_is_gone_and_each_agent_leaves_a_note(life: Life) -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert not list((life.home / "damaged/changes").iterdir())
    for name in ("kept", "damaged"):
        notes = [one.name for one in (life.home / name).glob("unwritten.*")]
        assert len(notes) == 1
        assert notes[0].startswith(f"unwritten.{boot}.")
        assert notes != [f"unwritten.{boot}.1"]


def test_no_mount_of_the_hosts_is_left_but_what_was_granted(life: Life) -> None:
    home = str(life.home)
    granted = (home, "/dev", "/etc", "/proc", "/usr", "/bin", "/lib", "/lib64", "/sbin")
    others = {path for path in life.found["mounts"] if not path.startswith(granted)}
    assert others == {"/", str(life.home.parent)}
    assert life.found["mounts"].count("/") == 1


@pytest.mark.parametrize(
    ("besides", "why"),
    [
        ("a link", "building the file system view was refused: Too many levels of symbolic links ({home}/link)"),
        ("a hidden part that vanished", "{home}/work/vanished is to be hidden and has vanished"),
        ("everything", "the whole file system can't be granted"),
    ],
    ids=["link", "vanished", "everything"],
)
def test_what_is_not_as_it_was_planned_ends_the_launch(besides, why) -> None:
    with ExitStack() as closing:
        user = closing.enter_context(somebody())
        for bound in life_inside.lay_out(user.home):
            closing.enter_context(bound)
        found, home, _ = _live(user, as_nobody=False, besides=besides)
        assert found["refused"] == why.format(home=home)
        assert "read file" not in found
