"""The prompts as lines: the list by host and program, and one prompt in full with what each answer would do. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from functools import partial

from pipelock.model import Offer, Pending
from pipelock_tui.desk import Prompt, group_of
from pipelock_tui.explain import LABEL, action_lines, finding_lines, item, taint_lines
from pipelock_tui.pending.choices import choices, denial, is_flagged
from pipelock_tui.prompts import keyed, prompt_line, scope_line, why_asked
from pipelock_tui.sessions.detail import process_lines
from pipelock_tui.text import Line, Part, cut, line, wrap
from pipelock_tui.widgets.listing import Entry
from pipelock_tui.words import clock_time, countdown

__all__ = ["MAX_LISTED", "all_lines", "answer_lines", "entries", "group_line", "prompt_lines", "title_lines"]

MAX_LISTED = 12
"""Groups that are named before all of them are allowed."""


def title_lines(prompts: Sequence[Prompt], wall: float, width: int, overflow: int, said: str = "") -> list[Line]:
    """The lines over the list: how many wait, in how many groups, and the latest word about a key."""
    waiting = [prompt for prompt in prompts if not prompt.state(wall)]
    groups = len({group_of(prompt.pending) for prompt in waiting})
    requests = sum(prompt.pending.twins for prompt in waiting)
    parts = [Part(f" ◆ {len(waiting)} WAITING FOR YOU " if waiting else " PROMPTS ", "badge" if waiting else "title")]
    if waiting:
        counts = f"  {requests} request{'s' if requests != 1 else ''}, {groups} group{'s' if groups != 1 else ''}"
        parts.append(Part(counts, "dim"))
    if overflow:
        parts.append(Part(f"  and {overflow} more that are not listed", "warn"))
    lines: list[Line] = [tuple(parts)]
    if said:
        lines += wrap(line((f" {said}", "warn")), width, 1)[:2]
    return lines


def entries(prompts: Sequence[Prompt], wall: float) -> list[Entry]:
    """The list: a heading for each group that has more than one prompt."""
    made: list[Entry] = []
    counts: dict[tuple[str, str], list[int]] = {}
    for prompt in prompts:
        count = counts.setdefault(group_of(prompt.pending), [0, 0])
        count[0] += 1
        count[1] += prompt.pending.twins
    shown: tuple[str, str] | None = None
    for prompt in prompts:
        group = group_of(prompt.pending)
        if group != shown and counts[group][0] > 1:
            made.append(Entry("", partial(_heading, group, counts[group][0], counts[group][1])))
        shown = group
        made.append(Entry(prompt.key, partial(_row, prompt, wall)))
    return made


def _heading(group: tuple[str, str], prompts: int, requests: int, width: int, selected: bool) -> Line:  # noqa: FBT001, ARG001 - Entry's signature
    return group_line(group, prompts, requests, width)


def _row(prompt: Prompt, wall: float, width: int, selected: bool) -> Line:  # noqa: FBT001 - Entry's signature
    return prompt_line(prompt, width, wall, chosen=selected)


def group_line(group: tuple[str, str], prompts: int, requests: int, width: int) -> Line:
    """A heading: who wants to talk to whom, and how much of it waits."""
    host, who = group
    same = f", {requests} requests" if requests > prompts else ""
    tail = f"  {prompts} prompt{'s' if prompts > 1 else ''}{same} "
    head = cut(f" {who} → {host}", max(8, width - len(tail)))
    return line((head, "title"), (tail, "dim"))


def answer_lines(pending: Pending, offer: Offer, keys: Mapping[str, str]) -> list[Line]:
    """Every answer with its key and in plain words what it would do; greyed with the reason where it can't be had."""
    hint = (f"  {keys.get('pending.narrower', '')} {keys.get('pending.wider', '')}", "key")
    lines: list[Line] = [line("  ", *scope_line(pending, offer), hint)]
    for title, clause, actions in (
        ("allow", offer.allow, ("answer.once", "answer.session", "answer.timed", "answer.forever")),
        ("deny", denial(pending, offer).deny, ("answer.deny", "answer.deny_rule", "answer.note")),
        ("instead", "", ("answer.redact", "answer.edit")),
    ):
        words = f"{clause[:1].upper()}{clause[1:]}." if clause else "Something else is sent:"
        lines.append(item(title, words, "strong" if clause else "dim"))
        lines += [
            line(" " * LABEL, *keyed(choice, keys)) for choice in choices(pending, offer) if choice.action in actions
        ]
    if offer.broad:
        lines.append(
            line(("  ! this scope lets through much more than what is shown: you are asked once more", "warn"))
        )
    return lines


def prompt_lines(
    prompt: Prompt,
    offer: Offer | None,
    keys: Mapping[str, str],
    now: float,
    zone: tzinfo | None = None,
    *,
    objection: str = "",
) -> list[Line]:
    """One prompt in full, not wrapped.

    `now` is seconds since the epoch; `objection` says why nothing can be decided.
    """
    pending = prompt.pending
    state = prompt.state(now)
    left = "" if state else f", {countdown(pending.expires_at, now)} left"
    if pending.paused and not state:
        left += ", paused while somebody looks at it"
    lines: list[Line] = [
        line(
            ("· ENDED" if state else "? WAITING", "dim" if state else "ask"),
            (f"  #{pending.id}", "strong"),
            (f"   since {clock_time(pending.held_at, zone)}{left}", "dim"),
            (f"   {pending.twins} identical" if pending.twins > 1 else "", "strong"),
        ),
        item("why", why_asked(pending), "strong"),
    ]
    lines += _who_lines(pending)
    if state or objection or offer is None:
        lines.append(line((f"  {objection or f'It can no longer be answered: {state}.'}", "warn")))
    else:
        lines += answer_lines(pending, offer, keys)
        if is_flagged(pending):
            lines.append(line(("  Something was noticed in it: it is answered by itself, never with others.", "dim")))
    if pending.processes:
        lines += [(), line(("PROCESSES", "title")), *process_lines(pending.processes, "")]
    lines += action_lines(pending.action)
    lines += finding_lines(pending.findings)
    lines += taint_lines(pending.taint)
    if pending.action.preview:
        lines += [(), line(("BODY", "title"), ("  its start, secrets masked", "dim"))]
        lines += [line(("  " + text.replace("\t", "    "), "")) for text in pending.action.preview.split("\n")]
    lines += [(), line(("BINDING", "title")), item("digest", pending.binding[:32] or "none")]
    return lines


def _who_lines(pending: Pending) -> list[Line]:
    """Who asks: the client's own process with its command line, and in the same breath who started it."""
    if not pending.processes:
        action = pending.action
        return [
            item("asked by", f"{action.agent or 'somebody'} from {action.client or 'unknown'}; no process is known")
        ]
    first = pending.processes[0]
    chain = " ← ".join(f"{process.program or '?'} {process.pid}" for process in pending.processes)
    lines = [item("asked by", chain)]
    if first.command:
        lines.append(item("command", first.command, "strong"))
    return lines


def all_lines(shown: Sequence[Pending], left_out: int) -> list[Line]:
    """What would be allowed if all that wait are, group by group, and what would not; not wrapped."""
    counts: dict[tuple[str, str], int] = {}
    for pending in shown:
        counts[group_of(pending)] = counts.get(group_of(pending), 0) + pending.twins
    lines: list[Line] = [line("Exactly what is shown of each goes out, this once:"), ()]
    for (host, who), count in list(counts.items())[:MAX_LISTED]:
        lines.append(line((f"  {count:>4} ", "strong"), f"{who} → {host}"))
    if len(counts) > MAX_LISTED:
        lines.append(line((f"       and {len(counts) - MAX_LISTED} more groups", "dim")))
    if left_out:
        words = f"{left_out} in which something was noticed, or which are over, stay as they are."
        lines += [(), line((words, "warn"))]
    return lines
