from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pipelock.config import loads

Run = Callable[..., tuple[int, str, str]]


def tokens(text: str) -> list[tuple[str, str, str]]:
    section = loads(f"version: 1\n{text}", "canary").config.canary_tokens
    assert section.enabled
    return [(token.name, token.value, token.env_var) for token in section.tokens]


def test_a_placeholder_is_printed_and_the_value_told_apart(run: Run) -> None:
    code, out, err = run("canary")
    assert code == 0
    assert tokens(out) == [("aws_canary", "${AWS_CANARY_KEY}", "AWS_CANARY_KEY")]
    value = err.rstrip().rpartition("export AWS_CANARY_KEY=")[2]
    assert value.startswith("AKIA")
    assert len(value) == 20
    assert run("canary")[2] != err


def test_a_literal_of_ones_own(run: Run) -> None:
    code, out, err = run("canary", "--literal", "--name", 'db: "x"', "--value", "it's #1 here", "--env-var", "DB_X")
    assert (code, err) == (0, "")
    assert tokens(out) == [('db: "x"', "it's #1 here", "DB_X")]


def test_json(run: Run) -> None:
    _, out, err = run("canary", "--format", "json", "--value", "it's mine!")
    assert json.loads(out)["canary_tokens"]["tokens"][0]["value"] == "${AWS_CANARY_KEY}"
    assert "export AWS_CANARY_KEY='it'\\''s mine!'" in err


@pytest.mark.parametrize("words", [("--value", "short"), ("--env-var", "A-B"), ("--name", ""), ("--format", "xml")])
def test_what_is_refused(run: Run, words: tuple[str, str]) -> None:
    try:
        code = run("canary", *words)[0]
    except SystemExit as caught:
        code = caught.code if isinstance(caught.code, int) else 1
    assert code != 0
