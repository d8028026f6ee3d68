"""The Containerfile as a text: no container can be built in a test."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from pipelock.cli.parser import parse

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "installers/container/Containerfile").read_text("utf-8")


def instructions() -> list[list[tuple[str, str]]]:
    """By stage."""
    joined = "\n".join(line for line in TEXT.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    stages: list[list[tuple[str, str]]] = []
    for line in filter(None, joined.splitlines()):
        name, _, rest = line.strip().partition(" ")
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, rest.strip()))
    return stages


def last(name: str) -> str:
    return [rest for word, rest in instructions()[-1] if word == name][-1]


def test_the_daemon_is_an_ordinary_user() -> None:
    names = [name for name, _ in instructions()[-1]]
    assert last("USER") == "65534:65534"
    assert not {"RUN", "COPY", "ADD"} & set(names[names.index("USER") :])


def test_what_is_built_with_stays_behind() -> None:
    build, final = instructions()
    assert "pip install" in dict(build)["RUN"]
    assert [rest for name, rest in final if name == "COPY"] == ["--from=build /opt/pipelock /opt/pipelock"]


def test_everything_that_the_build_reads_is_there() -> None:
    for name, rest in instructions()[0]:
        if name == "COPY":
            assert all((ROOT / source).exists() for source in rest.split()[:-1])


def test_its_commands_are_commands() -> None:
    health = last("HEALTHCHECK").partition("CMD ")[2]
    for words in (json.loads(last("CMD")), json.loads(health)[1:]):
        parse(words)
    assert json.loads(last("ENTRYPOINT")) == ["pipelock"]
    assert "8888" in last("EXPOSE")
    assert ":8888" in json.loads(last("CMD"))[-1]


def test_the_root_is_never_written_to() -> None:
    settings = dict(pair.partition("=")[::2] for pair in shlex.split(last("ENV")))
    assert settings["PIPELOCK_HOME"] == last("VOLUME") == "/data"
    assert settings["PYTHONDONTWRITEBYTECODE"] == "1"
