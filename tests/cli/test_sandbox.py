from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pipelock.cli._sandbox_text import denial_lines, why_not_run
from pipelock.cli.sandbox import is_confined
from pipelock.contain.profile import Access, Grant, Limits, Network, Profile
from pipelock.control import frames
from pipelock.model import ContainmentFacts, Denial, WallName
from tests.cli.conftest import FakeDaemon

if sys.platform == "linux":
    from pipelock.cli._sandbox_linux import lowered

Run = Callable[..., tuple[int, str, str]]

linux = pytest.mark.skipif(sys.platform != "linux", reason="launches of Linux")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home with a workspace in it, where the command is given; no daemon runs."""
    workspace = tmp_path / "person" / "work"
    workspace.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    monkeypatch.setenv("PWD", str(workspace))
    monkeypatch.setenv("PIPELOCK_HOME", str(tmp_path / "lock"))
    monkeypatch.chdir(workspace)
    return workspace


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "there is no command: write `pipelock sandbox -- COMMAND`"),
        (("--",), 2, "there is no command after --"),
        (("claude",), 2, "write `pipelock sandbox -- claude`"),
        (("-c", "x.yaml", "--", "sh"), 2, "-c goes with --dry-run"),
        (("--json", "--", "sh"), 2, "--json goes with --dry-run"),
        (("--write", "--", "sh"), 2, "--write goes with explain"),
        (("--caches", "none", "--", "sh"), 2, "invalid choice"),
        (("--", "sh"), 1, "start it with `pipelock run --preset balanced`"),
        (("list",), 1, "no pipelock daemon answers"),
        (("explain",), 2, "say which path"),
        (("--dry-run", "--strict", "--best-effort", "--", "sh"), 2, "exclude each other"),
        (("--dry-run", "--host-port", "70000", "--", "sh"), 2, "70000 is no port"),
        (("--dry-run", "--profile", "nobody", "--", "sh"), 2, "no agents.nobody"),
        (("--dry-run", "--", "no-such-program\x1b[2J"), 127, "no such program"),
        (("--dry-run", "--allow-read", "missing", "--", "sh"), 1, "there is nothing"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    words: tuple[str, ...], code: int, said: str, place: Path, run: Run
) -> None:
    found, out, err = run("sandbox", *words)
    assert (found, out) == (code, "")
    assert said in err
    assert "\x1b" not in err


def test_an_agent_that_would_reach_nothing_is_told_so_before_it_starts(
    daemon: FakeDaemon, place: Path, run: Run, tmp_path: Path
) -> None:
    said: dict[str, str] = {}
    for name, facts in {
        "well": ContainmentFacts(),
        "stopped": ContainmentFacts(killed=True),
        "carries nothing": ContainmentFacts(forwards=False),
    }.items():
        daemon.replies[frames.AskContainment] = partial(_facts, facts)
        code, _, said[name] = run("sandbox", "--dry-run", "--allow-read", "missing", "--", "sh")
        assert code == 1  # planned no further
    assert "reach nothing" not in said["well"]
    assert "the kill switch is on" in said["stopped"]
    assert "set `forward_proxy: {enabled: true}`" in said["carries nothing"]
    for written, warned in (("{}", True), ("forward_proxy: {enabled: true}", False)):
        (tmp_path / "p.yaml").write_text(written)
        told = run("sandbox", "--dry-run", "-c", str(tmp_path / "p.yaml"), "--allow-read", "missing", "--", "sh")[2]
        assert ("reach nothing" in told) is warned


def _facts(facts: ContainmentFacts, _ask: frames.AskContainment) -> frames.ContainmentReply:
    return frames.ContainmentReply(facts)


@linux
def test_a_dry_run_tells_what_would_be_granted_and_which_walls_would_stand(
    place: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_MINE", "hunter2hunter2")
    (place / "data").mkdir()
    settings = place / "pipelock.yaml"
    settings.write_text("agents: {worker: {sandbox: {strict: true, env: [LANG]}}}\n")
    code, out, err = run(
        "sandbox", "--dry-run", "--json", "-c", str(settings), "--profile", "worker", "--mask", "data", "--", "sh", "-c", "x"
    )  # fmt: skip
    said = json.loads(out)
    assert code == {"ok": 0, "degraded": 1, "unavailable": 2}[said["outcome"]], err
    assert (said["profile"], said["mode"], said["workspace"]) == ("worker", "strict", str(place))
    accesses = {row["path"]: row["access"] for row in said["grants"]}
    assert accesses[str(place)] == "write"
    assert accesses[str(place / "data")] == "mask"
    assert {wall["name"] for wall in said["walls"]} >= {
        "network",
        "files",
        "landlock",
        "syscalls",
        "environment",
        "limits",
        "cgroup",
    }
    assert "hunter2" not in out
    assert "SECRET_OF_MINE" not in said["variables"]
    assert not list(place.glob("x"))

    code, out, err = run("sandbox", "--dry-run", "--", "sh")
    assert "no daemon runs" in err
    assert "workspace" in out
    assert said["outcome"] == "ok" or "!" in out


def test_a_folder_that_was_removed_is_told(
    place: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    code, _, err = run("sandbox", "--dry-run", "--", "sh")
    assert code == 2
    assert "was removed" in err


def test_inside_a_sandbox_nobody_is_told_to_start_a_daemon(
    place: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = tmp_path / "status"
    for text, confined in (
        ("Name:\tx\nNoNewPrivs:\t1\nSeccomp:\t2\n", True),
        ("Name:\tx\nNoNewPrivs:\t0\nSeccomp:\t2\n", False),
        ("Name:\tx\nNoNewPrivs:\t1\nSeccomp:\t0\n", False),
    ):
        status.write_text(text)
        assert is_confined(status) is confined
    assert not is_confined(tmp_path / "none")
    monkeypatch.setattr("pipelock.cli.sandbox.is_confined", lambda: True)
    code, _, err = run("sandbox", "--", "sh")
    assert (code, "looks like the inside of a sandbox" in err, "start it" in err) == (1, True, False)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("./x",), 0, "may be changed"),
        (("./x", "--write"), 0, "may be changed"),
        (("--write", "/usr/bin"), 1, "read only"),
        (("--write", "--env", "LANG", "/usr/bin", "--json"), 1, '"allowed": false'),
        (("~/.ssh/id", "--json"), 1, '"allowed": false'),
    ],
)
def test_explain_answers_for_one_path(words: tuple[str, ...], code: int, said: str, place: Path, run: Run) -> None:
    found, out, _ = run("sandbox", "explain", *words)
    assert found == code
    assert said in out


def profile(*grants: Grant) -> Profile:
    return Profile(
        agent="a", command=("x",), folder="/w", workspace="/w", home="/h", grants=grants,
        environment=(("PATH", "/usr/bin"), ("TMPDIR", "/tmp")), limits=Limits(files=5), links=(("/bin", "usr/bin"),),
    )  # fmt: skip


@linux
def test_without_own_file_system_nothing_is_granted_that_only_one_could_keep_apart() -> None:
    grants = tuple(
        Grant(path=path, access=access, why="w", upper="/u" if access is Access.COPY else "")
        for path, access in (
            ("/h", Access.PRIVATE), ("/h/.cache", Access.COPY), ("/h/.ssh", Access.MASK),
            ("/tmp", Access.PRIVATE), ("/usr", Access.READ), ("/w", Access.WRITE),
        )
    )  # fmt: skip
    low = lowered(profile(*grants), 4711, "/tmp/scratch")
    assert [(grant.path, grant.access.value, grant.upper) for grant in low.grants] == [
        ("/h/.cache", "read", ""),
        ("/h/.ssh", "mask", ""),
        ("/tmp/scratch", "write", ""),
        ("/usr", "read", ""),
        ("/w", "write", ""),
    ]
    assert low.network == Network(proxy_port=4711, ports=(), redirect=False)
    assert dict(low.environment)["TMPDIR"] == "/tmp/scratch"
    assert (low.links, low.seeds, low.limits) == ((), (), Limits(files=5))


def test_the_list_of_refusals_is_sorted_and_bounded() -> None:
    denials = [Denial(WallName.FILES, f"read /{number}", "nothing grants it", count=number) for number in range(1, 16)]
    lines = list(denial_lines(denials, left_out=4))
    assert lines[0] == "refused (15 times): read /15: nothing grants it"
    assert len(lines) == 13
    assert lines[-1].startswith(f"refused: {1 + 2 + 3 + 4} more")
    with_fix = Denial(WallName.FILES, "write /x", "read only", "--allow-write /x", "touch")
    assert list(denial_lines([with_fix], 0)) == ["refused: write /x by touch: read only; to allow it: --allow-write /x"]
    assert list(denial_lines([], 0)) == []


def test_why_a_program_is_not_run_is_said_with_what_would_help(tmp_path: Path) -> None:
    script = tmp_path / "tool"
    script.write_text("#!/opt/none/python -u\n")
    folder = tmp_path / "granted"
    seen = profile(Grant(path=str(folder), access=Access.READ, why="w"))
    assert "/opt/none/python, which is not there, nor outside" in why_not_run(seen, errno.ENOENT, str(script))
    (tmp_path / "python").touch()
    script.write_text(f"#!{tmp_path}/python -u\n")
    assert f"--allow-read {tmp_path}/python" in why_not_run(seen, errno.ENOENT, str(script))
    seen = profile(Grant(path=str(tmp_path), access=Access.READ, why="w"))
    script.write_bytes(b"\x7fELF")
    assert f"{script} exists outside" in why_not_run(profile(), errno.ENOENT, str(script))
    assert "no such program inside" in why_not_run(seen, errno.ENOENT, "tool")
    assert "may not be run" in why_not_run(seen, errno.EACCES, str(script))
    assert "this machine can run" in why_not_run(seen, errno.ENOEXEC, str(script))
    assert os.strerror(errno.E2BIG) in why_not_run(seen, errno.E2BIG, str(script))
