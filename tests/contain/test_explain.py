"""Explanations: the same answer as the profile gives, and a fix that works, or none."""

from __future__ import annotations

import shlex

import pytest

from pipelock.contain.explain import explain
from pipelock.contain.plan import Wish, plan
from pipelock.contain.profile import Access, Profile
from pipelock.model import ContainmentFacts
from tests.contain.fake_host import HOME, SYSTEM, fake_host

MACHINE = fake_host({**SYSTEM, f"{HOME}/it's/f": "x"})
FACTS = ContainmentFacts(hidden=(f"{HOME}/.pipelock",), trust=(f"{HOME}/.pipelock/trust/ca.pem",))


def profile(**wish: tuple[str, ...]) -> Profile:
    return plan(Wish(command=("git",), folder=f"{HOME}/proj", **wish), FACTS, MACHINE)  # type: ignore[arg-type]  # a table's


PLAIN = profile()


@pytest.mark.parametrize(
    ("path", "access", "allowed", "why", "fix"),
    [
        ("/bin/sh", "read", True, "/bin/sh may be read (/usr: programs and libraries)", ""),
        ("/bin/sh", "write", False, "is read only (/usr", "--allow-write /usr/bin/sh"),
        ("/usr", "write", False, "is read only", ""),
        (
            "/etc/shadow",
            "read",
            False,
            "/etc/shadow is hidden (/etc/shadow: password hashes)",
            "--allow-read /etc/shadow",
        ),
        ("src/a.py", "write", True, "src/a.py may be changed (/home/u/proj: workspace)", ""),
        (".git/config", "write", False, "git runs programs that this names", "--allow-write ~/proj/.git/config"),
        (".git/config", "read", True, "may be read", ""),
        ("../notes/n.txt", "read", False, "is not the host's", "--allow-read ~/notes/n.txt"),
        (
            f"{HOME}/.ssh/id_ed25519",
            "read",
            False,
            "the host's holds private SSH keys",
            "--allow-read ~/.ssh/id_ed25519",
        ),
        (f"{HOME}/.ssh/id_ed25519", "write", True, "in memory, and gone at the end", ""),
        (f"{HOME}/it's/f", "read", False, "is not the host's", """--allow-read ~/'it'"'"'s/f'"""),
        (HOME, "read", True, "in memory", ""),
        (f"{HOME}/.npm/x", "write", True, "kept apart from the host", ""),
        (f"{HOME}/.pipelock/ca/key.pem", "read", False, "is not the host's", ""),
        (f"{HOME}/.pipelock/trust/ca.pem", "read", True, "certificates", ""),
        ("/srv/data/d", "read", False, "nothing grants /srv/data/d", "--allow-read /srv/data/d"),
        ("/srv/data/d", "write", False, "nothing grants", "--allow-write /srv/data/d"),
        ("/run/docker.sock", "read", False, "it holds Docker's socket", "--unix-socket /run/docker.sock"),
        ("/home", "read", True, "only holds what is granted below it", ""),
        ("/home", "write", False, "nothing grants /home", ""),
        ("/", "read", True, "only holds", ""),
        ("/proc/1/environ", "read", True, "/proc of the sandbox", ""),
        ("/proc/sys/x", "write", False, "read only", ""),
        ("/dev/sda", "write", False, "harmless devices", ""),
        ("/sys/x", "read", False, "nothing grants", ""),
        ("//usr/../usr/lib/x", "read", True, "may be read", ""),
    ],
)
def test_what_is_said(path: str, access: str, allowed: bool, why: str, fix: str) -> None:
    said = explain(PLAIN, path, Access(access))
    assert (said.allowed, said.fix) == (allowed, fix)
    assert why in said.why


def test_a_fix_does_what_it_says() -> None:
    others = (f"{HOME}/it's/f", HOME, "/home", "/", "/usr", "/srv", "/run", f"{HOME}/.ssh", f"{HOME}/.config")
    nameless = "/run/user/1000/bus"  # a socket whose name doesn't say so: the launch does
    for path in {*SYSTEM, *others} - {nameless}:
        for access in (Access.READ, Access.WRITE):
            said = explain(PLAIN, path, access, MACHINE.realpath)
            if said.fix:
                option, value = shlex.split(said.fix)
                key = option.removeprefix("--").replace("-", "_").replace("unix_socket", "unix_sockets")
                assert explain(profile(**{key: (value,)}), path, access, MACHINE.realpath).allowed, (path, access)


def test_what_is_asked_for_says_by_whom_and_what_is_ours_has_no_fix() -> None:
    wide = profile(allow_read=("~",))
    assert explain(wide, f"{HOME}/notes/n.txt").why.endswith("asked for by command line, by command line)")
    ours = explain(wide, f"{HOME}/.pipelock/ca/key.pem")
    assert (ours.allowed, ours.fix) == (False, "")
    assert "Pipelock's own files" in ours.why


def test_there_is_nothing_else_to_ask() -> None:
    with pytest.raises(ValueError, match="reads or writes"):
        explain(PLAIN, "/x", Access.COPY)
