from __future__ import annotations

import pytest
from msgspec.structs import replace

from pipelock.model import ContainmentMode, Rung, SessionVerb, WallState
from pipelock_tui import testing
from pipelock_tui.sessions.acts import question_of
from pipelock_tui.sessions.detail import detail_lines
from pipelock_tui.sessions.walls import WALLS, wall_lines
from pipelock_tui.text import plain

ZONE = testing.StillClock.zone
NOW = testing.NOON
BOX = testing.sandboxed()


def shown(**changes: object) -> str:
    return "\n".join(plain(line) for line in wall_lines(replace(BOX, **changes), ZONE))


def test_walls_and_what_they_refused_are_told_with_what_would_change_it() -> None:
    text = shown()
    for words in (
        "a network of its own; mode normal",
        "process 6001, since 13:23:20, sandbox 5f0c1e2d3b4a",
        "aider --model sonnet",
        "/home/dev/app",
        "by config reaches only host=*.org",
        "by launch reaches only host=*.example.com",
        "reaches only method=GET host=pypi.org",
        "▣ network",
        "◩ cgroup",
        "partly none of its own  → run it under systemd --user",
        "· limits",
        "4 in all, newest first",
        "14:12:20 read /home/dev/.ssh/id_ed25519 (3 times)  git  files: private SSH keys  → --allow-read ~/.ssh",
    ):
        assert words in text
    assert text.index("ptrace") < text.index("id_ed25519")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"frozen": True}, "FROZEN by the kill switch"),
        ({"held": False}, "its launcher is gone, so it has no network"),
        ({"held": False, "ended_at": NOW}, "ended at 14:13:20"),
        ({"denied": 0, "denials": ()}, "nothing so far"),
    ],
)
def test_where_it_stands(changes: dict[str, object], words: str) -> None:
    assert words in shown(**changes)


def test_there_are_words_for_everything() -> None:
    assert set(WALLS) == set(WallState)
    for rung in Rung:
        for mode in ContainmentMode:
            assert shown(contained=replace(BOX.contained, rung=rung, mode=mode))


def test_what_comes_from_outside_is_escaped() -> None:
    evil = replace(BOX.contained, command="a\x1b[31mb", workspace="\x1b]0;x\x07")
    assert "\x1b" not in shown(contained=evil)


def test_the_session_shows_them_and_says_when_it_is_over() -> None:
    session = testing.sessions()[3]
    detail = testing.session_detail(session.key)
    assert detail.sandbox == BOX

    def text(ended_at: float) -> str:
        now = replace(detail, sandbox=replace(BOX, ended_at=ended_at))
        lines = detail_lines(replace(session, ended=bool(ended_at)), now, NOW, ZONE)
        return "\n".join(plain(line) for line in lines)

    assert "WALLS" in text(0)
    assert "OVER" in text(NOW)
    assert "ENDED by an operator" not in text(NOW)


def test_to_end_it_ends_the_agent() -> None:
    session = testing.sessions()[3]
    for one, told in ((session, True), (replace(session, ended=True), False), (replace(session, walls=None), False)):
        _, body, _ = question_of(one, SessionVerb.TERMINATE, session.tier)
        assert ("killed" in "\n".join(plain(line) for line in body)) is told
