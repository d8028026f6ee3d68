from __future__ import annotations

import msgspec

from pipelock.model import Outcome, Pending
from pipelock_tui import testing
from pipelock_tui.desk import Desk
from pipelock_tui.pending.lines import MAX_LISTED, all_lines, entries, prompt_lines, title_lines
from pipelock_tui.text import Line, plain, width_of

NOW = testing.NOON
KEYS = {
    f"answer.{name}": key
    for name, key in (("once", "a"), ("session", "s"), ("timed", "t"), ("forever", "F"), ("deny", "d"), ("note", "n"))
} | {"pending.wider": "→", "pending.narrower": "←"}


def desk_with(*items: Pending) -> Desk:
    desk = Desk()
    for item in items:
        desk.hold(item, 0.0)
    return desk


def text(lines: list[Line]) -> str:
    return "\n".join(plain(line) for line in lines)


def listed(desk: Desk, width: int = 80) -> list[str]:
    chosen = desk.chosen.key if desk.chosen else ""
    return [plain(entry.draw(width, bool(entry.key) and entry.key == chosen)) for entry in entries(desk.prompts, NOW)]


def test_prompts_to_one_host_by_one_program_stand_under_one_heading() -> None:
    desk = desk_with(testing.pending("1"), testing.pending("2", host="b.test"), testing.pending("3", twins=4))
    rows = listed(desk)
    assert rows[0].startswith(" curl → deploy.example.com  2 prompts, 5 requests")
    assert rows[1].startswith("▶ ? #1 ")
    assert rows[2].startswith("  ? #3 ")
    assert rows[3].startswith("  ? #2 POST b.test"), "one prompt needs no heading"
    assert [entry.key for entry in entries(desk.prompts, NOW)] == ["", "1", "3", "2"]


def test_two_hundred_prompts_are_listed_without_being_drawn() -> None:
    desk = desk_with(*(testing.pending(str(number), host=f"h{number % 5}.test") for number in range(200)))
    made = entries(desk.prompts, NOW)
    assert len(made) == 205
    assert all(width_of(entry.draw(60, False)) <= 60 for entry in made)


def test_the_title_counts_what_can_still_be_answered() -> None:
    desk = desk_with(testing.pending("1", twins=3), testing.pending("2", host="b.test"))
    assert text(title_lines(desk.prompts, NOW, 100, 0)) == " ◆ 2 WAITING FOR YOU   4 requests, 2 groups"
    desk.release("2", Outcome.ABANDONED, "", 1.0)
    told = text(title_lines(desk.prompts, NOW, 100, 7, "Key ignored."))
    assert told == " ◆ 1 WAITING FOR YOU   3 requests, 1 group  and 7 more that are not listed\n Key ignored."
    assert text(title_lines((), NOW, 100, 0)) == " PROMPTS "


def test_a_prompt_in_full_says_who_asks_what_and_what_each_key_does() -> None:
    desk = desk_with(testing.pending(findings=(testing.FINDING,), taint=testing.weighed()))
    assert desk.chosen is not None
    shown = text(prompt_lines(desk.chosen, desk.offer, KEYS, NOW, testing.StillClock.zone))
    for words in (
        "? WAITING  #7   since 14:13:20, 1:00 left",
        "Publishing asks a person first. (rule publishing)",
        "asked by  curl 4730 ← bash 4728 ← claude 4711",
        "curl -X POST https://deploy.example.com/v1/releases",
        "[exactly this]",
        "a  this once",
        "F  not offered for exactly this: something was noticed in it",
        "answered by itself, never with others",
        "└ bash 4728",
        "dlp · AWS Access ID",
        "source    https://forum.example.com/thread/7",
        '"notes": "[not markup]"',
    ):
        assert words in shown


def test_a_wider_scope_changes_the_sentences_and_warns() -> None:
    desk = desk_with(testing.pending())
    while desk.widen(1):
        pass
    assert desk.chosen is not None
    assert desk.offer is not None
    assert desk.offer.broad
    shown = text(prompt_lines(desk.chosen, desk.offer, KEYS, NOW))
    assert desk.offer.allow[1:] in shown
    assert "you are asked once more" in shown


def test_what_is_over_can_only_be_read() -> None:
    desk = desk_with(testing.pending())
    desk.release("7", Outcome.ABANDONED, "", 1.0)
    assert desk.chosen is not None
    shown = text(prompt_lines(desk.chosen, desk.offer, KEYS, NOW))
    assert "· ENDED" in shown
    assert "It can no longer be answered: client gone." in shown
    assert "this once" not in shown


def test_a_watcher_reads_why_it_cannot_decide() -> None:
    desk = desk_with(testing.pending(paused=True))
    assert desk.chosen is not None
    shown = text(prompt_lines(desk.chosen, desk.offer, KEYS, NOW, objection="This dashboard may only watch."))
    assert "This dashboard may only watch." in shown
    assert "paused while somebody looks at it" in shown
    assert "this once" not in shown


def test_without_a_known_process_the_client_is_named() -> None:
    desk = desk_with(msgspec.structs.replace(testing.pending(), processes=()))
    assert desk.chosen is not None
    assert "claude from 127.0.0.1; no process is known" in text(prompt_lines(desk.chosen, desk.offer, KEYS, NOW))


def test_text_of_others_is_escaped() -> None:
    item = testing.pending()
    action = msgspec.structs.replace(item.action, host="a\x1b[2Jb", preview="x\u202ey")
    desk = desk_with(msgspec.structs.replace(item, action=action, reason="\x07"))
    assert desk.chosen is not None
    shown = text(prompt_lines(desk.chosen, desk.offer, KEYS, NOW)) + "".join(listed(desk))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "a\\x1b[2Jb" in shown


def test_all_at_once_names_the_groups_and_what_stays() -> None:
    many = [testing.pending(str(number), host=f"h{number}.test", twins=2) for number in range(MAX_LISTED + 3)]
    shown = text(all_lines(many, 4))
    assert "2 curl → h0.test" in shown
    assert "and 3 more groups" in shown
    assert "4 in which something was noticed" in shown
    assert "noticed" not in text(all_lines(many[:1], 0))
