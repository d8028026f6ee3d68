from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from pipelock.daemon.echo import Echo


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_a_pipe_that_nobody_reads_is_not_waited_for(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    echo = Echo(writer)
    for _ in range(5000):
        echo(b"x" * 99 + b"\n")
    assert echo.missed > 3000
    os.read(reader, 1 << 20)
    echo(b"again\n")
    assert b"lines were not shown here" in os.read(reader, 1 << 20)
    assert echo.missed == 0


def test_a_long_line_is_cut_and_still_a_line(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    Echo(writer)(b"y" * 10_000 + b"\n")
    got = os.read(reader, 1 << 20)
    assert len(got) == 4096
    assert got.endswith(b"y\n")
