"""What is different in a file, in a time that whoever wrote it can't choose.

The usual comparison takes a time that grows with the square or the cube of the lines, for lines that are chosen for
that. So what two files begin and end with alike is left out first, and only as much as is left over is compared line
by line as costs a few hundredths of a second; of more, all that was there and all that is there is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["MAX_COMPARED", "line_diff"]

MAX_COMPARED = 400
"""Lines of either file that are compared one by one."""
_CONTEXT = 2


def line_diff(before: Sequence[str], after: Sequence[str], old_name: str, new_name: str) -> Iterator[str]:
    """The differences in the form of a unified diff, two lines of context around them; nothing where there are none.

    The numbers after `@@` are those of the first line that is shown of either.
    """
    if list(before) == list(after):
        return
    head = _alike(before, after)
    tail = _alike(before[head:][::-1], after[head:][::-1])
    yield from (f"--- {old_name}", f"+++ {new_name}")
    if max(len(before), len(after)) - head - tail > MAX_COMPARED:
        yield f"@@ -{head + 1} +{head + 1} @@"
        yield from (f"-{line}" for line in before[head : len(before) - tail])
        yield from (f"+{line}" for line in after[head : len(after) - tail])
        return
    from difflib import SequenceMatcher  # noqa: PLC0415 - most daemons never compare

    head, tail = max(head - _CONTEXT, 0), max(tail - _CONTEXT, 0)
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes(_CONTEXT):
        yield f"@@ -{head + group[0][1] + 1} +{head + group[0][3] + 1} @@"
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                yield from (f" {line}" for line in old[old_from:old_to])
            else:
                yield from (f"-{line}" for line in old[old_from:old_to])
                yield from (f"+{line}" for line in new[new_from:new_to])


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines two files begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
