from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelock.config.schema_scanning import Suppression
from pipelock.daemon.suppressions import SuppressionsFile
from pipelock.detect.url_layers import UrlSettings
from pipelock.engine.compile import suppressions_of
from pipelock.model import Record
from tests.factories import a_policy

from .test_history import keep, refused

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def diff(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Any:
    # Compiling the real rules takes seconds and has tests of its own.
    def compiled(loaded: Any, *_: Any, **__: Any) -> Any:
        config = loaded.config
        settings = UrlSettings(blocklist=config.fetch_proxy.monitoring.blocklist)
        return a_policy(
            settings, scan_bodies=config.request_body_scanning.enabled, suppressions=suppressions_of(config)
        )

    monkeypatch.setattr("pipelock.cli._engine.compile_policy", compiled)

    def compare(text: str, *words: str, records: tuple[Record, ...] = ()) -> tuple[int, str, str]:
        (tmp_path / "new.yaml").write_text(text)
        if records:
            keep(tmp_path, *records)
        return run("--home", str(tmp_path), "policy", "diff", *words, str(tmp_path / "new.yaml"))

    return compare


OFF = "request_body_scanning: {enabled: false}"


def test_what_would_change_is_told(diff: Any) -> None:
    code, out, _ = diff(OFF, records=(refused(1), refused(2), refused(3, "other.test")))
    assert code == 1
    assert "3 decisions would be weaker" in out
    assert "2  block → allow  example.com  body_dlp JWT" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("text", "fail_on", "code"),
    [(OFF, "weaker", 1), (OFF, "stricter", 0), (OFF, "never", 0), (OFF, "any", 1), ("{}", "any", 0)],
)
def test_which_changes_fail(diff: Any, text: str, fail_on: str, code: int) -> None:
    assert diff(text, "--fail-on", fail_on, records=(refused(1),))[0] == code


def test_what_cannot_be_told_is_counted(diff: Any, tmp_path: Path) -> None:
    SuppressionsFile(tmp_path).add(Suppression(rule="JWT\x1b[0m", path="*", field="body:user.name"))
    code, out, _ = diff("{}", records=(refused(1),))
    assert code == 0
    assert "1 decision can't be judged again" in out
    assert "Nothing that can be told changes." in out


def test_suppressions_of_the_home_count(diff: Any, tmp_path: Path) -> None:
    SuppressionsFile(tmp_path).add(Suppression(rule="JWT\x1b[0m", path="*", reason="x"))
    code, out, _ = diff("{}", "--json", "--verbose", records=(refused(1),))
    report = json.loads(out)
    assert (code, report["weaker"], report["groups"][0]["direction"]) == (1, 1, "weaker")
    assert report["groups"][0]["examples"][0]["id"] == "a-1"


def test_nothing_to_look_at(diff: Any, tmp_path: Path) -> None:
    keep(tmp_path, refused(1))
    assert diff(OFF, "--since", "1s") == (0, "The history holds no decisions of that time.\n", "")


@pytest.mark.parametrize(
    ("text", "words", "says"),
    [
        ("mode: [", (), "not valid YAML"),
        ("{}", (), "no such table|unable to open"),
        ("{}", ("--base", "/nowhere.yaml"), "cannot be read"),
    ],
)
def test_what_cannot_be_tried(diff: Any, text: str, words: tuple[str, ...], says: str) -> None:
    code, _, err = diff(text, *words)
    assert code == 2
    assert any(part in err for part in says.split("|"))
