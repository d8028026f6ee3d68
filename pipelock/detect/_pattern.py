r"""One dialect for two engines: what a rule's pattern may say so that Hyperscan and RE2 agree on it.

Differences that are removed here, before either engine sees the pattern:

* RE2's `\s` lacks the vertical tab that Hyperscan's has: `\s` and `\S` are spelled out.
* Both scan bytes. A caseless non-ASCII byte would fold in one engine only, so such literals become case-sensitive
  runs of UTF-8 bytes, and a non-ASCII character inside brackets is refused (it would mean one byte of it).
* `^` and `$` mean line edges in both; `.` never matches a line feed.
* Look-around, back-references, possessive quantifiers and atomic groups exist in neither and are refused by RE2.
"""

from __future__ import annotations

from typing import Any

__all__ = ["PatternError", "alternatives", "compile_linear", "for_bytes", "tail", "with_gaps"]

_SPACE = "\\t\\n\\x0b\\f\\r "
MAX_PATTERN = 16_384
"""Longest accepted pattern, in characters."""
_MEMORY = 16 << 20


class PatternError(ValueError):
    """A pattern outside the common subset, with the reason in one sentence."""


def for_bytes(pattern: str, *, case: bool = False) -> bytes:
    r"""Rewrite `pattern` into the byte dialect both engines read alike, flags included.

    Raises:
        PatternError: it is too long, or has a non-ASCII character or `\S` inside brackets.
    """
    if len(pattern) > MAX_PATTERN:
        raise PatternError(f"longer than {MAX_PATTERN} characters")
    out = ["(?m)" if case else "(?im)"]
    in_class = False
    index = 0
    size = len(pattern)
    while index < size:
        char = pattern[index]
        step = 1
        if char == "\\" and index + 1 < size:
            step = 2
            char = _escape(pattern[index : index + 2], in_class=in_class)
        elif char == "[" and not in_class:
            in_class = True
            step, char = _class_start(pattern, index)
        elif char == "[" and pattern.startswith("[:", index):
            end = pattern.find(":]", index)
            if end < 0:
                raise PatternError("a bracket class is not closed")
            step = end + 2 - index
            char = pattern[index : end + 2]
        elif char == "]" and in_class:
            in_class = False
        elif not char.isascii():
            if in_class:
                raise PatternError(f"{char!r} inside brackets; write the characters as alternatives")
            char = "(?-i:" + "".join(f"\\x{byte:02x}" for byte in char.encode()) + ")"
        out.append(char)
        index += step
    return "".join(out).encode("ascii")


def with_gaps(pattern: str) -> str:
    r"""`pattern` with each space outside brackets as `(?:\s{1,3})`: phrases are written as they are read."""
    out: list[str] = []
    in_class = escaped = False
    for char in pattern:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char in "[]":
            in_class = char == "["
        elif char == " " and not in_class:
            char = "(?:\\s{1,3})"  # noqa: PLW2901 - it is the character that is replaced
        out.append(char)
    return "".join(out)


def _escape(pair: str, *, in_class: bool) -> str:
    if pair == "\\s":
        return _SPACE if in_class else f"[{_SPACE}]"
    if pair == "\\S":
        if in_class:
            raise PatternError("\\S inside brackets")
        return f"[^{_SPACE}]"
    if pair[1] in "pPCzAQEB":
        raise PatternError(f"{pair} is not in the common subset of the matchers")
    if not pair.isascii():
        raise PatternError("a backslash before a non-ASCII character")
    return pair


def _class_start(pattern: str, index: int) -> tuple[int, str]:
    """The opening of a class: `[`, `[^`, and a literal `]` that may follow either."""
    end = index + 1
    if pattern.startswith("^", end):
        end += 1
    opening = pattern[index:end]
    if pattern.startswith("]", end):
        return end + 1 - index, opening + "\\]"
    return end - index, opening


def alternatives(pattern: bytes) -> list[bytes]:
    """The outermost alternatives of a pattern that `for_bytes` made, each with its flags; the pattern where it has one.

    Together they match where it matches. Hyperscan compiles several small patterns faster than a large one.
    """
    flags, closing, rest = pattern.partition(b")")
    if b"|" not in rest or not pattern.startswith(b"(?") or not flags[2:].isalpha() or _sets_flags(rest):
        return [pattern]
    cuts = [-1]
    depth = index = 0
    in_class = False
    while index < len(rest):
        char = rest[index : index + 1]
        if char == b"\\":
            index += 1
        elif in_class:
            if rest.startswith(b"[:", index):
                index = rest.index(b":]", index) + 1
            in_class = char != b"]"
        elif char == b"[":
            in_class = True
            index += rest.startswith(b"^", index + 1)
        elif char in b"()":
            depth += 1 if char == b"(" else -1
        elif char == b"|" and depth == 0:
            cuts.append(index)
        index += 1
    parts = [rest[start + 1 : end] for start, end in zip(cuts, [*cuts[1:], len(rest)], strict=True)]
    return [flags + closing + part for part in parts] if all(parts) else [pattern]


def tail(pattern: bytes) -> tuple[bytes, bytes]:
    """A pattern that ends in a class any number of times, without that, and the bytes of the class.

    To say where a long match of such a pattern begins RE2 reads it backwards, where nothing tells it which of many
    places is meant, and takes seconds for a few hundred kilobytes. Whoever asks goes on behind a match by himself.
    Other patterns come back as they are, with no bytes.
    """
    start = pattern.rfind(b"[")
    if start < 0 or not pattern.endswith(b"]*") or alternatives(pattern) != [pattern]:
        return pattern, b""
    flags, closing, rest = pattern.partition(b")")
    lead = flags + closing if pattern.startswith(b"(?") and flags[2:].isalpha() and not _sets_flags(rest) else b""
    try:
        # What is no whole class leaves something behind that is no pattern.
        compile_linear(pattern[:start])
        sign = compile_linear(lead + pattern[start:-1])
    except PatternError:
        return pattern, b""
    signs = bytes(code for code in range(256) if sign.fullmatch(bytes([code])) is not None)
    return (pattern[:start], signs) if len(lead) < start else (pattern, b"")


def _sets_flags(rest: bytes) -> bool:
    """Whether flags may change inside the pattern from some point on: such a point must not be cut off."""
    return any(not part.startswith((b":", b"-i:", b"i:", b"P<")) for part in rest.split(b"(?")[1:])


def compile_linear(pattern: bytes) -> Any:  # noqa: ANN401 - the binding publishes no types
    """Compile bytes for RE2 over bytes.

    Raises:
        PatternError: RE2 does not take it.
    """
    # Imported here: a policy that hits nothing compiles nothing, and `check` should start fast.
    import re2  # noqa: PLC0415

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else "not accepted"
        raise PatternError(reason.decode("latin-1") if isinstance(reason, bytes) else str(reason)) from error
