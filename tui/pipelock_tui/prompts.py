"""The panel of held requests, line by line. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pipelock.model import Lifetime, Offer, Pending
from pipelock_tui.desk import Prompt
from pipelock_tui.pending.choices import SCOPES, Choice, denial, offers_of, sentence
from pipelock_tui.rows import path_of
from pipelock_tui.text import Line, Part, cut, cut_start, fit, line, width_of, wrap
from pipelock_tui.words import countdown

__all__ = ["keyed", "panel_lines", "prompt_line", "scope_line", "why_asked", "window"]

_HANG = 17


def window(count: int, chosen: int, room: int) -> range:
    """Which of `count` entries fit into `room` lines so that the chosen one is among them."""
    room = max(1, room)
    start = min(max(0, chosen - room // 2), max(0, count - room))
    return range(start, min(count, start + room))


def prompt_line(prompt: Prompt, width: int, wall: float, *, chosen: bool) -> Line:
    """One prompt: number, what, who, countdown or how it ended, and how many twins."""
    pending = prompt.pending
    action = pending.action
    state = prompt.state(wall)
    ending = state or ("paused" if pending.paused else countdown(pending.expires_at, wall))
    twins = f"{pending.twins} identical" if pending.twins > 1 else ""
    mark = "  " if not chosen else "▶ "
    head = f"#{pending.id} "
    agent = fit(action.agent or action.client or "unknown", 10) if width >= 72 else ""
    right = (
        Part(f"{twins}  ", "strong"),
        Part(f"{agent} ", "dim"),
        Part(cut(ending, max(8, width // 3)) if state else f"{ending:>5}", "dim" if state else "warn"),
        Part(" "),
    )
    left = [Part(mark, "cursor"), Part("· " if state else "? ", "dim" if state else "ask"), Part(head, "strong")]
    left.append(Part(f"{_verb(pending)} "))
    room = max(6, width - width_of(right) - width_of(tuple(left)) - 1)
    host = cut_start(action.host or action.url, room)
    left.append(Part(host, "dim" if state else "strong"))
    rest = room - width_of((Part(host),))
    left.append(Part(cut(path_of(action.url), rest) if rest > 1 else "", "dim"))
    space = Part(" " * max(0, width - width_of(right) - width_of(tuple(left))))
    return (*left, space, *right)


def panel_lines(
    prompts: tuple[Prompt, ...],
    chosen: int,
    wall: float,
    width: int,
    room: int,
    *,
    offer: Offer | None,
    keys: Mapping[str, str],
    objection: str = "",
    said: str = "",
) -> list[Line]:
    """The whole panel in at most `room` lines.

    `offer` is the chosen scope and `keys` names the key of each action; `objection` says why nothing can be answered
    at all; `said` is the latest word to the operator about a key.
    """
    waiting = sum(not prompt.state(wall) for prompt in prompts)
    title = [Part(f" ◆ {waiting} WAITING FOR YOU ", "badge")]
    if len(prompts) > 1:
        title.append(Part(f"  {chosen + 1} of {len(prompts)}, ", "dim"))
        title += [
            Part(f"{keys.get('answer.previous', '')} {keys.get('answer.next', '')}", "key"),
            Part(" choose", "dim"),
        ]
    if said:
        title.append(Part(cut(f"  {said}", width - width_of(tuple(title)) - 1), "warn"))
    lines: list[Line] = [tuple(title)]
    text = _explanation(prompts[chosen], offer, keys, wall, width, objection=objection) if prompts else []
    rows = max(1, min(len(prompts), room - 1 - len(text)))
    text = text[: max(0, room - 1 - rows)]
    for index in window(len(prompts), chosen, rows):
        lines.append(prompt_line(prompts[index], width, wall, chosen=index == chosen))
        if index == chosen:
            lines += text
    return lines[:room]


def scope_line(pending: Pending, offer: Offer) -> Line:
    """The scopes that may be chosen, the chosen one in brackets."""
    parts = [Part(f"{'covers':<10}", "dim")]
    for each in offers_of(pending):
        mark = "!" if each.broad else ""
        chosen = each.scope is offer.scope
        parts.append(
            Part(
                f"[{SCOPES[each.scope]}{mark}]" if chosen else f" {SCOPES[each.scope]}{mark} ",
                "badge" if chosen else "",
            )
        )
    return tuple(parts)


def why_asked(pending: Pending) -> str:
    """Why a person is asked, with the rule's name where the reason does not have it."""
    reason = pending.reason or "Policy asks."
    return reason if not pending.rule or pending.rule in reason else f"{reason} (rule {pending.rule})"


def keyed(choice: Choice, keys: Mapping[str, str]) -> Line:
    """An answer with its key and for how long; greyed with the reason where it is not to be had."""
    key = f"{keys.get(choice.action, ''):<2}"
    if choice.objection:
        return line((key, "dim"), (f" {choice.objection}", "dim"))
    return line((key, "key"), f" {choice.words}")


def _means(pending: Pending, offer: Offer) -> tuple[tuple[str, str, str], ...]:
    """The answers that the panel explains: action, name, and in plain words what it means."""
    refused = denial(pending, offer)
    session = "The same, for this session." if Lifetime.SESSION in offer.lifetimes else "Not offered for it."
    return (
        ("answer.once", "once", sentence(offer.allow, Lifetime.ONCE, offer.covers)),
        ("answer.session", "session", session),
        ("answer.deny", "deny", sentence(refused.deny, Lifetime.ONCE)),
    )


def _explanation(
    prompt: Prompt, offer: Offer | None, keys: Mapping[str, str], wall: float, width: int, *, objection: str
) -> list[Line]:
    """Why it asks, and what each key would do, for the chosen prompt."""
    pending = prompt.pending
    why = line(("  why            ", "dim"), (why_asked(pending), ""))
    lines = wrap(why, width, _HANG)[:2]
    state = prompt.state(wall)
    if state or objection or offer is None:
        words = objection or f"can't be answered: {state}"
        return [*lines, line(("  ", ""), (cut(words, width - 3), "warn"))]
    for place, (action, name, words) in enumerate(_means(pending, offer)):
        parts = line((f"  {keys.get(action, ''):<3}", "key"), (f"{name:<12}", "dim"), words)
        lines += _clipped(wrap(parts, width, _HANG), 1 if place else 3, width)
    more = f"  wider, for a time, for good, changed, undo: {keys.get('answer.view', '')}"
    return [*lines, line((cut(more, width), "dim"))]


def _clipped(lines: list[Line], most: int, width: int) -> list[Line]:
    """The first `most` of `lines`, ending in an ellipsis where there were more."""
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    room = width - width_of(last[:-1])
    text = last[-1].text.rstrip()
    text = cut(text, room) if width_of((Part(text),)) >= room else text + "…"
    return [*lines[: most - 1], (*last[:-1], Part(text, last[-1].role))]


def _verb(pending: Pending) -> str:
    action = pending.action
    return f"answer {action.status} from" if action.status else action.method
