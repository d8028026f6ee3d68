from __future__ import annotations

import pytest

from pipelock.service.program import Place, ProgramError, ephemeral, stable_program

HOME = "/home/u"
VENV = f"{HOME}/.local/share/uv/tools/pipelock/bin"
LINK = f"{HOME}/.local/bin/pipelock"


def place(started_as: str, links: dict[str, str], *programs: str, python: str = f"{VENV}/python") -> Place:
    return Place(
        started_as=started_as,
        python=python,
        home=HOME,
        folder=f"{HOME}/work",
        environ={"PATH": f"relative:{HOME}/.local/bin:/usr/bin"},
        is_program=lambda path: path in links or path in programs,
        resolve=lambda path: links.get(path, path),
    )


@pytest.mark.parametrize(
    "said", [LINK, "pipelock", f"{VENV}/pipelock", "../.local/bin/pipelock", f"{VENV}/__main__.py"]
)
def test_the_link_that_an_upgrade_keeps_is_preferred(said: str) -> None:
    real = f"{VENV}/pipelock"
    assert stable_program(place(said, {LINK: real}, real)) == LINK


def test_a_link_to_another_one_is_not() -> None:
    links = {LINK: "/opt/other/bin/pipelock"}
    assert stable_program(place(f"{VENV}/pipelock", links, f"{VENV}/pipelock")) == f"{VENV}/pipelock"


def test_a_name_alone_is_looked_up() -> None:
    assert stable_program(place("pipelock", {}, "/usr/bin/pipelock", python="/usr/bin/python3")) == "/usr/bin/pipelock"


@pytest.mark.parametrize(
    "path",
    [
        f"{HOME}/.cache/uv/archive-v0/0aB/bin/pipelock",
        f"{HOME}/.cache/uv/environments-v2/x/bin/pipelock",
        f"{HOME}/.local/pipx/.cache/0ab/bin/pipelock",
        f"{HOME}/.cache/pipx/0ab/bin/pipelock",
        "/tmp/x/bin/pipelock",
        "/private/var/folders/ab/T/venv/bin/pipelock",
    ],
)
def test_what_will_be_gone_is_refused(path: str) -> None:
    with pytest.raises(ProgramError, match=r"uv tool install"):
        stable_program(place(path, {}, path))
    with pytest.raises(ProgramError):  # hidden behind a link, too
        stable_program(place(LINK, {LINK: path}, path))
    assert ephemeral(path, HOME)


@pytest.mark.parametrize(
    ("path", "home"),
    [
        (f"{VENV}/pipelock", HOME),
        ("/opt/homebrew/bin/pipelock", HOME),
        (f"{HOME}/uv/tools/pipelock", HOME),
        (f"{HOME}/tmp/pipelock", HOME),
        ("/tmp/u/.local/bin/pipelock", "/tmp/u"),  # whose home is temporary lives with that
    ],
)
def test_what_lasts_is_not(path: str, home: str) -> None:
    assert ephemeral(path, home) == ""


def test_one_that_is_nowhere() -> None:
    with pytest.raises(ProgramError, match="no program `pipelock` beside"):
        stable_program(place("/x/pytest", {}))
