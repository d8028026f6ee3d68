"""Which key does what: the defaults with the operator's changes, where these don't get in each other's way. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.keys import Keys, _character_to_key

from pipelock_tui.actions import DIALOG, LIST, Action, key_words

__all__ = ["MAX_KEYS", "Keymap", "conflicts", "parse_keys", "resolve"]

MAX_KEYS = 5
"""Most keys for one action."""
_NAMED = frozenset(key.value for key in Keys)
_MODIFIERS = ("ctrl+", "shift+", "alt+", "super+", "meta+")


@dataclass(frozen=True, slots=True)
class Keymap:
    """The keys in force: by action what was changed, and what was refused with the reason."""

    changed: Mapping[str, str]
    problems: tuple[tuple[str, str], ...] = ()
    """(action id, sentence)"""


def parse_keys(text: str) -> str:
    """Keys as they are typed (`ctrl+k`, `?`, `f5, y`), in Textual's names with commas between.

    Raises:
        ValueError: No key, too many, or one that no terminal sends.
    """
    # The comma itself is written by its name, as it stands between keys.
    keys = [part.strip() for part in text.split(",")]
    if not all(keys):
        raise ValueError('a key is missing (write "comma" for the key itself)')
    if len(keys) > MAX_KEYS:
        raise ValueError(f"an action has at most {MAX_KEYS} keys")
    return ",".join(_key(key) for key in keys)


def _key(text: str) -> str:
    modifiers, rest = "", text
    while (found := next((each for each in _MODIFIERS if rest.startswith(each)), "")) and len(rest) > len(found):
        modifiers, rest = modifiers + found, rest[len(found) :]
    if len(rest) == 1 and rest.isprintable():
        return modifiers + _character_to_key(rest)
    if rest in _NAMED or rest in _PUNCTUATION:
        return modifiers + rest
    raise ValueError(f"{text!r} is no key; single characters, and names such as f5, enter, pageup, ctrl+k, are")


_PUNCTUATION = frozenset(_character_to_key(chr(code)) for code in range(33, 127) if not chr(code).isalnum())


def overlap(one: Action, other: Action) -> bool:
    """Whether both can be meant by the same key at the same time."""
    if (DIALOG in one.views) is not (DIALOG in other.views):
        return False
    if not one.views or not other.views or LIST in one.views or LIST in other.views:
        return True
    return bool(set(one.views) & set(other.views))


def conflicts(actions: Iterable[Action], keys: Mapping[str, str]) -> list[tuple[Action, Action, str]]:
    """Pairs of actions that want the same key in the same place; `keys` maps ids to keys with commas between."""
    by_key: dict[str, list[Action]] = {}
    found = []
    for action in actions:
        for key in filter(None, keys.get(action.id, action.keys).split(",")):
            others = by_key.setdefault(key, [])
            found += [(action, other, key) for other in others if overlap(action, other)]
            others.append(action)
    return found


def resolve(actions: Iterable[Action], wanted: Mapping[str, str]) -> Keymap:
    """Take over the changes that can be taken over; `wanted` maps ids to keys as they are typed.

    A change that would take another action's key is refused, and the default holds.
    """
    known = {action.id: action for action in actions}
    problems: list[tuple[str, str]] = []
    changed: dict[str, str] = {}
    for action_id, text in wanted.items():
        if action_id not in known:
            problems.append((action_id, "there is no such action; `pipelock tui` lists them with ?"))
            continue
        try:
            changed[action_id] = parse_keys(text)
        except ValueError as error:
            problems.append((action_id, str(error)))
    # Each round gives up one change at least, and falling back on its default may stand in the way of another one.
    while True:
        refused = next(
            (
                (action, other, key)
                for one, two, key in conflicts(known.values(), changed)
                for action, other in ((one, two), (two, one))
                if action.id in changed
            ),
            None,
        )
        if refused is None:
            return Keymap(changed, tuple(problems))
        action, other, key = refused
        del changed[action.id]
        problems.append(
            (
                action.id,
                f"{key_words(key)} is the key of {other.id} already; {key_words(action.keys) or 'no key'} stays",
            )
        )
