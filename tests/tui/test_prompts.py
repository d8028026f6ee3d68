from __future__ import annotations

import msgspec
import pytest

from pipelock.model import Outcome
from pipelock_tui import testing
from pipelock_tui.desk import Desk
from pipelock_tui.prompts import panel_lines, prompt_line, scope_line, why_asked, window
from pipelock_tui.text import plain, width_of

NOW = testing.NOON
KEYS = {"answer.once": "a", "answer.session": "s", "answer.deny": "d", "answer.view": "v", "answer.next": "]"}


def panel(desk: Desk, width: int = 80, room: int = 12, **said: str) -> list[str]:
    lines = panel_lines(desk.prompts, 0, NOW, width, room, offer=desk.offer, keys=KEYS, **said)
    assert len(lines) <= room
    assert all(width_of(line) <= width for line in lines)
    return [plain(line) for line in lines]


def desk_with(*numbers: str) -> Desk:
    desk = Desk()
    for number in numbers:
        desk.hold(testing.pending(number), 0.0)
    return desk


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("room", [3, 6, 12])
def test_the_panel_fits_and_always_shows_the_chosen_prompt(width: int, room: int) -> None:
    shown = panel(desk_with(*map(str, range(1, 31))), width, room)
    assert any(text.startswith("▶ ? #1 ") for text in shown)
    assert "30 WAITING FOR YOU" in shown[0]


def test_each_key_is_explained_in_plain_words() -> None:
    shown = "\n".join(panel(desk_with("7"), 120))
    offer = testing.pending().offers[0]
    assert f"a  once        {offer.allow[:1].upper()}{offer.allow[1:]}, this once." in shown
    assert "s  session     The same, for this session." in shown
    assert f"d  deny        {offer.deny[:1].upper()}{offer.deny[1:]}, this once." in shown


def test_a_rule_is_named_once() -> None:
    pending = testing.pending()
    assert why_asked(pending) == "Publishing asks a person first. (rule publishing)"
    named = 'the egress rule "publishing" asks a person about this request'
    assert why_asked(msgspec.structs.replace(pending, reason=named)) == named
    assert why_asked(msgspec.structs.replace(pending, reason="", rule="")) == "Policy asks."


def test_a_chosen_wider_scope_is_what_the_keys_mean() -> None:
    desk = desk_with("7")
    desk.widen(1)
    assert desk.offer is not None
    assert desk.offer.allow[1:] in "\n".join(panel(desk, 160))


def test_why_nothing_can_be_answered_stands_in_the_place_of_the_keys() -> None:
    shown = "\n".join(panel(desk_with("7"), objection="Not connected."))
    assert "Not connected." in shown
    assert "once" not in shown
    assert "Key ignored." in "\n".join(panel(desk_with("7"), 120, said="Key ignored."))


def test_a_countdown_that_stands_still_says_so() -> None:
    desk = Desk()
    desk.hold(testing.pending(paused=True), 0.0)
    assert plain(prompt_line(desk.prompts[0], 80, NOW, chosen=False)).rstrip().endswith("paused")


def test_how_it_ended_takes_the_countdowns_place() -> None:
    desk = desk_with("7")
    desk.release("7", Outcome.DENIED, "alice", 1.0)
    line = plain(prompt_line(desk.prompts[0], 80, NOW, chosen=True))
    assert line.startswith("▶ · #7 POST deploy.example.com")
    assert line.rstrip().endswith("denied by alice")


def test_the_end_of_a_long_host_stays() -> None:
    item = testing.pending()
    action = msgspec.structs.replace(item.action, host="a" * 90 + ".evil.test")
    desk = Desk()
    desk.hold(msgspec.structs.replace(item, action=action), 0.0)
    assert ".evil.test" in plain(prompt_line(desk.prompts[0], 60, NOW, chosen=False))


def test_the_chosen_scope_is_in_brackets_and_broad_ones_are_marked() -> None:
    item = testing.pending()
    shown = plain(scope_line(item, item.offers[0]))
    assert shown.startswith("covers")
    assert "[exactly this]" in shown
    assert shown.count("!") == sum(offer.broad for offer in item.offers)


@pytest.mark.parametrize(
    ("count", "chosen", "room", "expected"),
    [(3, 0, 9, range(3)), (30, 15, 4, range(13, 17)), (30, 29, 4, range(26, 30))],
)
def test_windows(count: int, chosen: int, room: int, expected: range) -> None:
    assert window(count, chosen, room) == expected
