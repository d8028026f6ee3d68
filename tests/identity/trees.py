"""Made-up families of processes, as data."""

from __future__ import annotations

from pathlib import Path

from pipelock.identity.commands import read_command
from pipelock.identity.process import ProcessFacts, ProcessId


def facts(pid: int, *words: str, session: int = 0, exe: str = "", name: str = "") -> ProcessFacts:
    """A process `pid`, started at `pid`, that runs `words`; in the session of `session`, its own by default."""
    first = words[0] if words else ""
    command = read_command(exe or first, words, name or first.rpartition("/")[2])
    return ProcessFacts(ProcessId(pid, pid), session or pid, command)


def stat_line(pid: int, parent: int, start: int, comm: str = "x", session: int = 0) -> str:
    """A line as proc_pid_stat(5) has it."""
    return f"{pid} ({comm}) S {parent} 0 {session} " + " ".join(["0"] * 15) + f" {start} 0 0\n"


def empty_proc(path: Path) -> Path:
    """A /proc in which there is nobody yet."""
    (path / "self" / "fd").mkdir(parents=True)
    (path / "self" / "stat").write_text("")
    return path


def add(
    proc: Path,
    pid: int,
    parent: int,
    start: int,
    comm: str = "x",
    *,
    session: int = 0,
    words: tuple[str, ...] = (),
    exe: str = "",
    links: dict[int, str] | None = None,
) -> None:
    """Add a process to a made-up /proc, with its open files in `links`."""
    place = proc / str(pid)
    (place / "ns").mkdir(parents=True)
    (place / "stat").write_text(stat_line(pid, parent, start, comm, session))
    (place / "comm").write_text(f"{comm}\n")
    (place / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))
    if exe:
        (place / "exe").symlink_to(exe)
    (place / "ns" / "net").symlink_to("net:[1]")
    (place / "ns" / "user").symlink_to("user:[2]")
    (place / "fd").mkdir()
    for number, target in (links or {}).items():
        (place / "fd" / str(number)).symlink_to(target)
