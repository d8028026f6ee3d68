"""The panel of held requests, line by line. Pure."""

from __future__ import annotations

from pipelock.model import Pending
from pipelock_tui.desk import Prompt
from pipelock_tui.explain import consequences
from pipelock_tui.rows import path_of
from pipelock_tui.text import Line, Part, cut, cut_start, fit, line, width_of, wrap
from pipelock_tui.words import countdown

__all__ = ["panel_lines", "prompt_line", "window"]


_HANG = 14


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
    ending = state or countdown(pending.expires_at, wall)
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
    left = [Part(mark, "cursor"), Part("✗ " if state else "? ", "dim" if state else "ask"), Part(head, "strong")]
    left.append(Part(f"{_verb(pending)} "))
    room = max(6, width - width_of(right) - width_of(tuple(left)) - 1)
    host = cut_start(action.host or action.url, room)
    left.append(Part(host, "dim" if state else "strong"))
    rest = room - width_of((Part(host),))
    left.append(Part(cut(path_of(action.url), rest) if rest > 1 else "", "dim"))
    space = Part(" " * max(0, width - width_of(right) - width_of(tuple(left))))
    return (*left, space, *right)


def panel_lines(
    prompts: tuple[Prompt, ...], chosen: int, wall: float, width: int, room: int, *, objection: str = "", said: str = ""
) -> list[Line]:
    """The whole panel in at most `room` lines.

    `objection` says why nothing can be answered at all; `said` is the latest word to the operator about a key.
    """
    waiting = sum(not prompt.state(wall) for prompt in prompts)
    title = [Part(f" ◆ {waiting} WAITING FOR YOU ", "badge")]
    if len(prompts) > 1:
        title.append(Part(f"  {chosen + 1} of {len(prompts)}, ", "dim"))
        title += [Part("[ ]", "key"), Part(" choose", "dim")]
    if said:
        title.append(Part(cut(f"  {said}", width - width_of(tuple(title)) - 1), "warn"))
    lines: list[Line] = [tuple(title)]
    text = _explanation(prompts[chosen], wall, width, objection) if prompts else []
    rows = max(1, min(len(prompts), room - 1 - len(text)))
    text = text[: max(0, room - 1 - rows)]
    for index in window(len(prompts), chosen, rows):
        lines.append(prompt_line(prompts[index], width, wall, chosen=index == chosen))
        if index == chosen:
            lines += text
    return lines[:room]


def _explanation(prompt: Prompt, wall: float, width: int, objection: str) -> list[Line]:
    """Why it asks, and what each key would do, for the chosen prompt."""
    pending = prompt.pending
    rule = f" (rule {pending.rule})" if pending.rule else ""
    lines = wrap(line(("    why       ", "dim"), (f"{pending.reason or 'policy asks'}{rule}", "")), width, _HANG)[:2]
    state = prompt.state(wall)
    if state or objection:
        words = objection or f"can't be answered: {state}"
        return [*lines, line(("    ", ""), (cut(words, width - 5), "warn"))]
    for keys, words in consequences(pending):
        key, name = keys.split(" ", 1)
        parts = line((f"    {key}", "key"), (f" {name:<8}", "dim"), (words, ""))
        lines += _clipped(wrap(parts, width, _HANG), 3 if key == "a" else 1, width)
    return lines


def _clipped(lines: list[Line], most: int, width: int) -> list[Line]:
    """The first `most` of `lines`, ending in an ellipsis where there were more."""
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    return [
        *lines[: most - 1],
        (*last[:-1], Part(cut(last[-1].text, width - 2 - width_of(last[:-1])) + " …", last[-1].role)),
    ]


def _verb(pending: Pending) -> str:
    action = pending.action
    return f"answer {action.status} from" if action.status else action.method
