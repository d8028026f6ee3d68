from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelock.config.overrides import ReverseFlags
from pipelock.daemon.main import RunOptions

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[RunOptions]:
    seen: list[RunOptions] = []

    def start(options: RunOptions) -> int:
        seen.append(options)
        return 7

    monkeypatch.setattr("pipelock.cli.run.run_daemon", start)
    return seen


def test_options_reach_the_daemon_and_its_code_comes_back(run: Run, started: list[RunOptions]) -> None:
    words = "--home /h run -c f.yaml -m strict -l 127.0.0.1:1 --lines -- agent --flag"
    assert run(*words.split())[0] == 7
    assert started == [
        RunOptions(Path("f.yaml"), None, "strict", "127.0.0.1:1", Path("/h"), lines=True, agent=("agent", "--flag"))
    ]


def test_without_words_nothing_is_overridden(run: Run, started: list[RunOptions]) -> None:
    run("run")
    assert started == [RunOptions()]


def test_a_reverse_proxy_can_be_asked_for(run: Run, started: list[RunOptions]) -> None:
    run("run", "--reverse-proxy", "--reverse-upstream", "http://a.example", "--reverse-listen", ":1")
    run("run", "--reverse-upstream", "http://a.example")
    assert started == [
        RunOptions(reverse=ReverseFlags(enabled=True, upstream="http://a.example", listen=":1")),
        RunOptions(reverse=ReverseFlags(upstream="http://a.example")),
    ]


def test_a_file_and_a_preset_contradict_each_other(run: Run, started: list[RunOptions]) -> None:
    code, _, err = run("run", "--preset", "audit", "-c", "f.yaml")
    assert (code, started) == (2, [])
    assert "give one of them" in err
