"""Taking what was found out of a body."""

from __future__ import annotations

from collections.abc import Sequence

from pipelock.model import Finding

__all__ = ["can_strip", "strip"]

_Spans = list[tuple[int, int, str]]


def strip(data: bytes, findings: Sequence[Finding]) -> bytes | None:
    """`data` with every match replaced by `[removed by pipelock: <rule>]`.

    Returns:
        `None` where some finding has no span in `data`: it can't be taken out, so the body must not pass.
    """
    spans = _spans(data, findings)
    if spans is None:
        return None
    out = []
    position = 0
    for start, end, rule in spans:
        if end <= position:
            continue
        if start >= position:
            out.append(data[position:start])
            out.append(f"[removed by pipelock: {rule}]".encode())
        position = end
    out.append(data[position:])
    return b"".join(out)


def can_strip(data: bytes, findings: Sequence[Finding]) -> bool:
    """Whether `strip` could, without the copies that it makes."""
    return _spans(data, findings) is not None


def _spans(data: bytes, findings: Sequence[Finding]) -> _Spans | None:
    spans = []
    for finding in findings:
        span = finding.span
        if span is None or not 0 <= span.start < span.end <= len(data):
            return None
        spans.append((span.start, span.end, finding.rule))
    return sorted(spans)
