from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from pipelock.control.aio import Disconnected
from pipelock.control.errors import ControlError
from pipelock.control.frames import ReadBody, RevokeGrant
from pipelock.model import Answer, AnswerWord, Lifetime, Notice, Scope
from pipelock_tui import testing
from pipelock_tui.plain import MAX_COMMAND

if TYPE_CHECKING:
    from tests.tui.plain.conftest import Talk

ALLOW, DENY = AnswerWord.ALLOW, AnswerWord.DENY


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("a 7", Answer(ALLOW)),
        ("a #7\n", Answer(ALLOW)),
        ("a 7 url", Answer(ALLOW, Scope.URL)),
        ("s 7", Answer(ALLOW, lifetime=Lifetime.SESSION)),
        ("t 7 1h host", Answer(ALLOW, Scope.HOST, Lifetime.H1)),
        ("F 7 path", Answer(ALLOW, Scope.PATH, Lifetime.FOREVER)),
        ("t 7 5m domain yes", Answer(ALLOW, Scope.DOMAIN, Lifetime.M5)),
        ("d 7", Answer(DENY)),
        ("d 7 use the main branch", Answer(DENY, note="use the main branch")),
        ("D 7 forever host not ours", Answer(DENY, Scope.HOST, Lifetime.FOREVER, "not ours")),
    ],
)
async def test_answers(talk: Talk, typed: str, answer: Answer) -> None:
    await talk.connect()
    assert "? WAITING #7 POST https://deploy.example.com/v1/releases agent=claude, 1:00 left, 2 identical" in talk.lines
    assert any("scope host (this host): claude may send anything to deploy.example.com" in line for line in talk.lines)
    assert any("who: curl 4730: curl -X POST" in line for line in talk.lines)
    await talk.obey(typed)
    assert talk.link.answers == [("7", answer, testing.pending("7").binding)]


async def test_a_broad_answer_is_asked_about_once_more(talk: Talk) -> None:
    await talk.connect()
    said = await talk.obey("a 7 domain")
    assert "Claude may send anything to any host of example.com, this once." in said
    assert "put `yes` behind the command" in said
    assert talk.link.answers == []


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("a 8", "no prompt with that number was shown"),
        ("a", "no prompt with that number was shown"),
        ("a 7 please", "only a denial takes a note"),
        ("t 7", "say for how long"),
        ("F 7", "payload is not offered for forever"),
        ("r 7", "nothing in it can be replaced"),
        ("e 7", "say which file"),
        ("e 7 /no/such/file", "is not there; nothing was sent"),
        ("e 7 /", "is no file"),
        ("u", "nothing was answered here yet"),
        ("u 7", "nothing comes after u"),
        ("approve 7", "unknown command"),
        ("kill maybe", "on or off"),
        ("status now", "nothing comes after"),
        ("list all", "nothing comes after"),
        ("help me", "nothing comes after"),
        ("reload now", "only `yes`"),
        ("x" * (MAX_COMMAND + 1), "nothing was done"),
    ],
)
async def test_what_is_not_understood_does_nothing(talk: Talk, typed: str, says: str) -> None:
    await talk.connect()
    assert says in await talk.obey(typed)
    assert talk.link.answers == talk.link.kills == talk.link.asked == []


async def test_what_was_noticed_may_be_replaced_and_is_not_allowed_with_others(talk: Talk) -> None:
    await talk.connect(testing.pending("7", flagged=True), testing.pending("8"), testing.pending("9"))
    assert "host is not offered; there is payload, url" in await talk.obey("a 7 host")
    said = await talk.obey("A")
    assert "#8" in said
    assert "#7" not in said
    assert "`A 2` allows these 2 once" in said
    await talk.obey("A 2")
    assert [number for number, _, _ in talk.link.answers] == ["8", "9"]
    assert "sent without what was noticed" in await talk.obey("r 7")
    assert talk.link.answers[-1][1] == Answer(AnswerWord.REDACT)
    assert "nothing waits that may be allowed" in await talk.obey("A")


async def test_a_body_is_read_and_another_one_sent(talk: Talk, tmp_path: Path) -> None:
    await talk.connect()
    assert '{"release": "2.4.1"}' in await talk.obey("body 7")
    assert talk.link.told(ReadBody)[0].binding == testing.pending("7").binding
    changed = tmp_path / "body.json"
    changed.write_text('{"release": "2.4.2"}')
    assert "sent as changed" in await talk.obey(f"e 7 {changed}")
    assert talk.link.answers[0][1] == Answer(AnswerWord.EDIT, body=b'{"release": "2.4.2"}')


async def test_a_body_that_is_too_long_is_not_sent(talk: Talk, tmp_path: Path) -> None:
    await talk.connect()
    (tmp_path / "big").write_bytes(b"x" * 262_145)
    assert "nothing was sent" in await talk.obey(f"e 7 {tmp_path / 'big'}")
    assert talk.link.answers == []


async def test_an_answer_is_taken_back_where_that_is_possible(talk: Talk) -> None:
    await talk.connect(testing.pending("7"), testing.pending("8"))
    assert "grant g9" in await talk.obey("s 7")
    assert "taken back" in await talk.obey("u")
    assert talk.link.told(RevokeGrant)[0].grant == "g9"
    await talk.obey("a 8")
    assert "can't be taken back" in await talk.obey("u")


async def test_kill_status_list_reload_and_quit(talk: Talk) -> None:
    await talk.connect()
    assert "KILL SWITCH ON, held by api" in await talk.obey("kill on")
    assert "kill switch off" in await talk.obey("kill off")
    assert talk.link.kills == [True, False]
    assert "cleared" in await talk.obey("kill sources")
    assert "balanced at 127.0.0.1:8888" in await talk.obey("status")
    assert "WAITING #7" in await talk.obey("list")
    talk.link.now_pending = []
    assert "nothing waits" in await talk.obey("list")
    assert "terminate KEY yes: end it and its connections" in await talk.obey("help")
    assert await talk.conversation.obey("q")
    assert not await talk.conversation.obey("")
    talk.link.failing = ControlError("forbidden", "not from here")
    assert "not done: not from here" in await talk.obey("kill on")
    assert "could not ask what waits" in await talk.obey("list")


async def test_a_weaker_configuration_is_put_in_force_only_when_said_so(talk: Talk) -> None:
    await talk.connect()
    said = await talk.obey("reload")
    assert "! mode is audit: nothing is refused" in said
    assert talk.link.reloads == 0
    assert "nothing weaker" in await talk.obey("reload yes")
    assert talk.link.reloads == 1


async def test_lines_are_escaped_and_a_lost_connection_refuses_answers(talk: Talk) -> None:
    await talk.connect()
    made = testing.record(testing.summary("a.example", "/\x1b]0;x\x07"))
    await talk.conversation.show(testing.decided(1, made))
    await talk.conversation.show(testing.event(2, Notice("warn", "line\nbreak")))
    await talk.conversation.show(testing.held(3, testing.pending("9", reason="\x1b[2Jgone"), at=talk.clock.now))
    await talk.conversation.show(Disconnected("gone\x1b"))
    assert all(line.isprintable() for line in talk.lines)
    assert any("NOT CONNECTED" in line for line in talk.lines)
    assert "Not connected" in await talk.obey("a 7")
    assert "Not connected" in await talk.obey("A")
    assert talk.link.answers == []


async def test_a_prompt_is_printed_anew_when_an_answer_would_cover_something_else(talk: Talk) -> None:
    wide = testing.pending("7", offers=testing.offers(covers=1))
    await talk.connect(wide)
    talk.lines.clear()
    again = msgspec.structs.replace(wide, offers=testing.offers(covers=40))
    await talk.conversation.show(testing.held(2, again, talk.clock.now))
    assert not any("WAITING #7" in line for line in talk.lines), "how many others it settles changes with each of them"
    await talk.conversation.show(testing.held(3, msgspec.structs.replace(wide, binding="f" * 64), talk.clock.now))
    assert sum("WAITING #7" in line for line in talk.lines) == 1
