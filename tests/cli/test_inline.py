"""Comments that excuse a finding."""

from __future__ import annotations

import pytest

from pipelock.cli._inline import ignored


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x = 1  # pipelock:ignore", True),
        ("x = 1  # PipeLock:Ignore", True),
        ("<!-- pipelock:ignore -->", True),
        ("/* pipelock:ignore */ x", True),
        ("# pipelock:ignore AWS Access ID", True),
        ("# pipelock:ignore JWT, aws access id", True),
        ("# pipelock:ignore[AWS Access ID]", True),
        ("# pipelock:ignore [AWS Access ID]", True),
        ("# pipelock:ignore: AWS Access ID", True),
        ("# pipelock:ignore AWS Access ID -- the documentation's own", True),
        ("{# pipelock:ignore AWS Access ID #}", True),
        ("# pipelock:ignore JWT Token", False),
        ("# pipelock:ignore because I say so", False),
        ("# pipelock:ignored", False),
        ("# pipelock:ignore-next-line", False),
        ("x = 1", False),
        ("", False),
    ],
)
def test_lines(line: str, expected: bool) -> None:
    assert ignored(line, "AWS Access ID") is expected
