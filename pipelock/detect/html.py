"""HTML to text in one linear walk over its UTF-8 bytes (after WHATWG HTML §13.2.5, as far as text depends on it)."""

from __future__ import annotations

from typing import NamedTuple

from pipelock.detect.html_entities import resolve_entities

__all__ = ["HtmlText"]

_MAX_DEPTH = 256
# Whatever ends a tag name, as a space.
_NAME_ENDS = bytes.maketrans(b"\t\n\r\f/>", b" " * 6)
# In preformatted text a space is carried as this private-use character past the folding of white space.
_KEPT_SPACE = "\ue000"
# A byte that UTF-8 never has stands for the line ends that count, until the pieces are put together.
_LINE_END = b"\xff"
_TAG_STARTS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/")
_SPACES = frozenset(b" \t\n\r\f")
_QUICK = 256
"""Bytes of the longest tag that is remembered."""
_REMEMBERED = 512
"""Tags of one document that are."""

_RAW = frozenset({b"script", b"style", b"iframe", b"noembed", b"noframes", b"xmp", b"svg", b"math"})
_DROPPED = frozenset({b"script", b"style", b"iframe", b"noembed", b"noframes", b"svg", b"math"})
_WITH_RAW_TEXT = _RAW | {b"title", b"textarea"}
_HIDDEN = frozenset({b"template", b"object", b"audio", b"video", b"canvas", b"datalist"})
_VOID = frozenset(
    b"area base br col embed hr img input link meta param source track wbr".split(),
)
_BLOCK = frozenset(
    b"address article aside blockquote body br caption dd details dialog div dl dt fieldset figcaption figure footer "
    b"form h1 h2 h3 h4 h5 h6 head header hr html legend li main nav ol option p pre section select summary table tbody "
    b"tfoot thead title tr ul".split(),
)
_STYLES_THAT_HIDE = (
    b"display:none",
    b"visibility:hidden",
    b"visibility:collapse",
    b'aria-hidden="true"',
    b"aria-hidden='true'",
    b"aria-hidden=true",
    b"font-size:0;",
    b'font-size:0"',
    b"font-size:0px",
    b"opacity:0;",
    b'opacity:0"',
)


class _Tag(NamedTuple):
    """What a tag does that ends with the first `>` and has no raw text behind it.

    Attributes:
        name: Of its element, lower-case.
        ends: It closes the element.
        breaks: A line ends here.
        stays: It opens an element that is not empty by its nature.
        hides: What is inside is not shown.
    """

    name: bytes
    ends: bool
    breaks: bool
    stays: bool
    hides: bool


class _Finder:
    """`bytes.find` that searches for an absent needle once: walks forward stay linear whatever the input."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._found: dict[bytes, int] = {}

    def find(self, needle: bytes, start: int) -> int:
        """The first place of `needle` at or after `start`, or the end of the data. `start` never goes back."""
        at = self._found.get(needle, -1)
        if at < start:
            at = self._data.find(needle, start)
            if at < 0:
                at = len(self._data)
            self._found[needle] = at
        return at


class HtmlText:
    """The text of an HTML document. `title`, `text` and `hidden` are set by construction.

    Args:
        document: The document's characters.
        limit: The most characters of `text`, and of `hidden`.
    """

    def __init__(self, document: str, limit: int) -> None:
        self._data = document.encode("utf-8", "replace")
        # Only ASCII letters change, so offsets are the same.
        self._lower = self._data.lower()
        self._ends = _Finder(self._lower)
        self._shown: list[bytes] = []
        self._unseen: list[bytes] = []
        self._titles: list[str] = []
        self._open: list[tuple[bytes, bool]] = []
        self._counts: dict[bytes, int] = {}
        self._hiding = 0
        self._walk()
        text, hidden = _folded(self._shown), _folded(self._unseen)
        self.truncated = len(text) > limit or len(hidden) > limit
        self.title = " ".join("".join(self._titles).split())[:1000]
        self.text = text[:limit]
        self.hidden = hidden[:limit]

    def _walk(self) -> None:
        data, at, size = self._data, 0, len(self._data)
        # Pages repeat their tags, so each is read once.
        known: dict[bytes, _Tag] = {}
        while at < size:
            opening = data.find(b"<", at)
            if opening < 0:
                opening = size
            if opening > at:
                self._add(data[at:opening])
            # Whatever starts so is passed over as a whole, up to a `>` at least: the search for it stays linear.
            close = data.find(b">", opening) if opening + 1 < size and data[opening + 1] in _TAG_STARTS else -1
            if close < 0:
                at = self._markup(opening) if opening < size else size
                continue
            text = data[opening + 1 : close]
            tag = known.get(text)
            if tag is None:
                tag = _read_tag(text)
                if tag is not None and len(text) <= _QUICK and len(known) < _REMEMBERED:
                    known[text] = tag
            if tag is None:
                at = self._markup(opening)
            else:
                self._apply(tag)
                at = close + 1

    def _apply(self, tag: _Tag) -> None:
        if tag.ends:
            self._close(tag.name)
            return
        if tag.breaks:
            self._break()
        # Elements without a consequence are not tracked, so that pages which never close them can't fill the stack.
        if tag.stays and (tag.hides or self._hiding or tag.name == b"pre"):
            self._push(tag.name, hides=tag.hides)

    def _markup(self, at: int) -> int:
        """Handle what begins with `<` at `at`; return where to go on."""
        lower = self._lower
        following = lower[at + 1 : at + 2]
        if following.isalpha():
            return self._start_tag(at)
        if following == b"/" and lower[at + 2 : at + 3].isalpha():
            end = self._tag_end(at + 2)
            self._close(_name(lower, at + 2))
            return end
        if following == b"!" and lower.startswith(b"--", at + 2):
            return self._comment(at)
        if following in {b"!", b"?", b"/"}:
            return self._ends.find(b">", at) + 1
        self._add(b"<")
        return at + 1

    def _comment(self, at: int) -> int:
        for abrupt in (b"<!-->", b"<!--->"):
            if self._lower.startswith(abrupt, at):
                return at + len(abrupt)
        end, other = self._ends.find(b"-->", at + 4), self._ends.find(b"--!>", at + 4)
        self._unseen.append(self._data[at + 4 : min(end, other)].replace(b"\n", _LINE_END) + _LINE_END)
        return end + 3 if end <= other else other + 4

    def _start_tag(self, at: int) -> int:
        lower = self._lower
        name = _name(lower, at + 1)
        end = self._tag_end(at + 1 + len(name))
        if name in _WITH_RAW_TEXT:
            if name in _BLOCK:
                self._break()
            return self._raw_text(name, end)
        self._apply(_start(name, lower[at + 1 : end]))
        return end

    def _raw_text(self, name: bytes, at: int) -> int:
        end = self._ends.find(b"</" + name, at)
        content = self._data[at:end]
        if name == b"title":
            if not self._titles:
                self._titles.append(resolve_entities(content[:8192].decode("utf-8", "replace")))
        elif name not in _DROPPED:
            self._add(content)
        return self._tag_end(end + 2) if end < len(self._data) else end

    def _tag_end(self, at: int) -> int:
        """Behind the `>` that ends the tag whose name or attributes begin at `at`; quoted values may hold others."""
        data, size = self._data, len(self._data)
        while True:
            close, equals = self._ends.find(b">", at), self._ends.find(b"=", at)
            if close <= equals:
                return min(close + 1, size)
            at = equals + 1
            while data[at : at + 1] in {b" ", b"\t", b"\n", b"\r", b"\f"}:
                at += 1
            quote = data[at : at + 1]
            if quote in {b'"', b"'"}:
                at = self._ends.find(quote, at + 1) + 1
            else:
                while at < size and data[at] not in b" \t\n\r\f>":
                    at += 1
            if at >= size:
                return size

    def _push(self, name: bytes, *, hides: bool) -> None:
        if len(self._open) >= _MAX_DEPTH:
            return
        self._open.append((name, hides))
        self._counts[name] = self._counts.get(name, 0) + 1
        self._hiding += hides

    def _close(self, name: bytes) -> None:
        if name in _BLOCK:
            self._break()
        # The count makes closing what was never opened free, so every element is popped once at most.
        if not self._counts.get(name):
            return
        while self._open:
            opened, hides = self._open.pop()
            self._counts[opened] -= 1
            self._hiding -= hides
            if opened == name:
                return

    def _break(self) -> None:
        (self._unseen if self._hiding else self._shown).append(_LINE_END)

    def _add(self, content: bytes) -> None:
        if b"&" in content:
            content = resolve_entities(content.decode("utf-8", "replace")).encode("utf-8", "replace")
        if self._counts and self._counts.get(b"pre"):
            content = content.replace(b"\t", b"    ").replace(b" ", _KEPT_SPACE.encode()).replace(b"\n", _LINE_END)
        (self._unseen if self._hiding else self._shown).append(content)


def _read_tag(text: bytes) -> _Tag | None:
    """What `<text>` does; `None` where that takes more than `text` to tell."""
    lower = text.lower()
    ends = lower.startswith(b"/")
    name = _name(lower, 1 if ends else 0)
    if not name[:1].isalpha() or (not ends and name in _WITH_RAW_TEXT):
        return None
    if not _is_whole(text, 1 if ends else len(name)):
        return None
    return _Tag(name, ends=True, breaks=name in _BLOCK, stays=False, hides=False) if ends else _start(name, lower)


def _start(name: bytes, tag: bytes) -> _Tag:
    """What a start tag does. `tag` is its text in lower case."""
    hides = name in _HIDDEN or ((b"hid" in tag or b"style" in tag) and _hides(tag))
    return _Tag(name, ends=False, breaks=name in _BLOCK, stays=name not in _VOID, hides=hides)


def _is_whole(text: bytes, at: int) -> bool:
    """Whether no quoted value is open where the text of a tag ends, its attributes starting at `at`."""
    if b'"' not in text and b"'" not in text:
        return True
    size = len(text)
    at = text.find(b"=", at) + 1
    while at:
        while at < size and text[at] in _SPACES:
            at += 1
        quote = text[at : at + 1]
        if quote in {b'"', b"'"}:
            at = text.find(quote, at + 1) + 1
            if not at:
                return False
        else:
            while at < size and text[at] not in _SPACES:
                at += 1
        at = text.find(b"=", at) + 1
    return True


def _name(lower: bytes, at: int) -> bytes:
    """The tag name at `at`; 32 bytes are more than any element's."""
    return lower[at : at + 32].translate(_NAME_ENDS).partition(b" ")[0]


def _hides(tag: bytes) -> bool:
    words = tag[:4096].split()
    compact = b"".join(words)
    if any(style in compact for style in _STYLES_THAT_HIDE):
        return True
    return any(word.rstrip(b">/") == b"hidden" or word.startswith(b"hidden=") for word in words[1:])


def _folded(pieces: list[bytes]) -> str:
    """White space folded within lines, empty lines folded to one."""
    lines: list[str] = []
    whole = b"".join(pieces).replace(b"\n", b" ").replace(_LINE_END, b"\n")
    for line in whole.decode("utf-8", "replace").split("\n"):
        folded = " ".join(line.split()).replace(_KEPT_SPACE, " ").rstrip()
        if folded or (lines and lines[-1]):
            lines.append(folded)
    return "\n".join(lines).strip("\n")
