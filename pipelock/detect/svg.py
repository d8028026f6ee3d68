"""SVG made inert: a drawing without programs, links, foreign content and text that nobody sees.

The document is parsed (Expat, namespaces resolved, so a prefix hides nothing) and written anew from what is known to
draw: elements and attributes that are not known are left out with all that is in them. Refused is what can't be read in
one way: entity declarations and references to undeclared entities, XML that is not well-formed, other roots.

What remains has no script, handler, `foreignObject`, link, reference outside the document (a picture inside a data URI
stays), animation of a link or handler, style sheet that reaches out or hides, comment, processing instruction or
metadata; and no text that is not displayed, transparent, tiny or far off the canvas. Text behind a shape or in the
background's own colour stays: that only a renderer can tell.

Limits: 256 levels, 200 000 elements; linear in the size of the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from xml.parsers import expat  # entities and external subsets are refused below, and nothing is ever fetched
from xml.sax.saxutils import escape, quoteattr

__all__ = ["Inert", "SvgError", "make_inert"]

MAX_DEPTH = 256
MAX_ELEMENTS = 200_000

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_XML = "http://www.w3.org/XML/1998/namespace"

_TEXTS = frozenset({"text", "tspan", "textPath", "title", "desc", "a", "style"})
_DRAWN_TEXTS = frozenset({"text", "tspan", "textPath"})
_ANIMATIONS = frozenset({"animate", "animateColor", "animateMotion", "animateTransform", "set"})
_ELEMENTS = (
    _TEXTS
    | _ANIMATIONS
    | frozenset(
        """svg g defs symbol use switch view path rect circle ellipse line polyline polygon image clipPath mask pattern
        marker linearGradient radialGradient stop mpath filter feBlend feColorMatrix feComponentTransfer feComposite
        feConvolveMatrix feDiffuseLighting feDisplacementMap feDistantLight feDropShadow feFlood feFuncA feFuncB feFuncG
        feFuncR feGaussianBlur feImage feMerge feMergeNode feMorphology feOffset fePointLight feSpecularLighting
        feSpotLight feTile feTurbulence""".split()  # noqa: SIM905 - a list of words
    )
)
_PICTURES = ("data:image/png;base64,", "data:image/jpeg;base64,", "data:image/gif;base64,", "data:image/webp;base64,")
_LINKED = frozenset({"href", "style", "class", "src"})
_NEVER = frozenset({"base", "ping", "target", "download", "src", "srcset", "nonce", "requiredExtensions"})
_REACHES_OUT = ("\\", "@import", "@font-face", "@namespace", "expression(", "javascript:", "behavior:", "-moz-binding",
                "image(", "image-set(", "src(", "<")  # fmt: skip
_HIDING = ("display:none", "visibility:hidden", "visibility:collapse", "opacity:0;", "font-size:0", "content:")
_FAR = 10_000.0
_FAINT = 0.05
_TINY = 1.0


class SvgError(ValueError):
    """The document can't be made inert; the text says why."""


class Inert(NamedTuple):
    """An SVG that only draws, and what kinds of things were taken out of it; the original where there were none."""

    data: bytes
    removed: tuple[str, ...]


def make_inert(data: bytes) -> Inert:
    """Write the SVG document `data` anew without anything that acts or hides.

    Raises:
        SvgError: it is no well-formed SVG, declares entities, or is beyond a limit.
    """
    writer = _Writer()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = writer.start
    parser.EndElementHandler = writer.end
    parser.CharacterDataHandler = writer.text
    parser.CommentHandler = lambda _text: writer.note("comment")
    parser.ProcessingInstructionHandler = lambda _target, _text: writer.note("processing instruction")
    parser.StartDoctypeDeclHandler = writer.doctype
    parser.EntityDeclHandler = _no_entities
    parser.SkippedEntityHandler = _no_entities
    try:
        parser.Parse(data, True)  # noqa: FBT003 - the parser takes it by position alone
    except expat.ExpatError as error:
        raise SvgError("not well-formed XML") from error
    except (LookupError, ValueError) as error:
        if isinstance(error, SvgError):
            raise
        raise SvgError("text in an encoding that is not read") from error
    if not writer.removed:
        return Inert(data, ())
    return Inert(writer.document(), tuple(sorted(writer.removed)))


def _no_entities(*_arguments: object) -> None:
    raise SvgError("the document declares or uses entities")


class _Level(NamedTuple):
    name: str
    unseen: bool


class _Writer:
    """Takes the parser's events and writes what may stay."""

    def __init__(self) -> None:
        self.removed: set[str] = set()
        self._out: list[str] = []
        self._levels: list[_Level] = []
        self._skipped = 0
        self._elements = 0
        self._style: list[str] = []

    def note(self, what: str) -> None:
        """Something was left out."""
        self.removed.add(what)

    def document(self) -> bytes:
        """The result. All of it is ASCII, so that no charset that a server names can change it."""
        return "".join(self._out).encode("ascii", "xmlcharrefreplace")

    def doctype(self, _name: str, _system: str | None, _public: str | None, has_internal_subset: int) -> None:
        """A document type: SVG's own says nothing; one with declarations of its own may say anything."""
        if has_internal_subset:
            _no_entities()
        self.note("document type")

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self._levels) + self._skipped >= MAX_DEPTH:
            raise SvgError("too many elements, or nested too deeply")
        if self._skipped:
            self._skipped += 1
            return
        space, _, local = name.rpartition(" ")
        if not self._levels and (local != "svg" or space not in ("", _SVG)):
            raise SvgError("the document is no SVG")
        said = _declared(attributes) if attributes else {}
        unseen = (bool(self._levels) and self._levels[-1].unseen) or (bool(said) and _is_unseen(said))
        what = self._unwanted(space, local, said, unseen=unseen)
        if what:
            self.note(what)
            self._skipped = 1
            return
        self._levels.append(_Level(local, unseen))
        if local == "style":
            self._style = []
            return
        self._out.append(f"<{local}")
        if len(self._levels) == 1:
            self._out.append(f' xmlns="{_SVG}" xmlns:xlink="{_XLINK}"')
        for key, value in attributes.items():
            self._attribute(local, key, value)
        self._out.append(">")

    def _unwanted(self, space: str, local: str, said: Mapping[str, str], *, unseen: bool) -> str:
        """Why an element goes with all that is in it; empty for one that stays."""
        if space not in ("", _SVG):
            return "foreign content"
        if local not in _ELEMENTS:
            return local if local in ("script", "foreignObject", "metadata", "handler") else "unknown element"
        if local in _ANIMATIONS:
            animated = said.get("attributeName", "").rpartition(":")[2].strip()
            if animated in _LINKED or animated.startswith("on"):
                return "animation"
        if said.get("display") == "none":
            return "hidden content"
        return "hidden text" if local in _DRAWN_TEXTS and (unseen or _is_off(said)) else ""

    def _attribute(self, element: str, key: str, value: str) -> None:
        space, _, local = key.rpartition(" ")
        if space not in ("", _XLINK, _XML):
            self.note("foreign content")
        elif local.lower().startswith("on"):
            self.note("handler")
        elif local == "href" and space in ("", _XLINK):
            self._reference(element, space, value)
        elif space == _XLINK or local in _NEVER or _reaches_out(value):
            self.note("reference")
        else:
            self._put("xml:" + local if space else local, value)

    def _reference(self, element: str, space: str, value: str) -> None:
        target = value.strip()
        inside = target.startswith("#") and element != "a"
        picture = element in ("image", "feImage") and target.lower().startswith(_PICTURES)
        if inside or picture:
            self._put("xlink:href" if space else "href", value)
        else:
            self.note("reference")

    def _put(self, name: str, value: str) -> None:
        self._out.append(f" {name}={quoteattr(value)}")

    def end(self, _name: str) -> None:
        """An element ends."""
        if self._skipped:
            self._skipped -= 1
            return
        level = self._levels.pop()
        if level.name == "style":
            self._end_style()
        else:
            self._out.append(f"</{level.name}>")

    def _end_style(self) -> None:
        css = "".join(self._style)
        plain = "".join(css.lower().split()).replace("}", ";}")
        if _reaches_out(css) or any(word in plain for word in _HIDING):
            self.note("style sheet")
        else:
            self._out.append(f"<style>{escape(css)}</style>")

    def text(self, data: str) -> None:
        """Characters between tags; where they would not be drawn, only white space stays."""
        if self._skipped or not self._levels:
            return
        name = self._levels[-1].name
        if name == "style":
            self._style.append(data)
        elif name in _TEXTS or not data.strip():
            self._out.append(escape(data))
        else:
            self.note("hidden text")


def _reaches_out(value: str) -> bool:
    """Whether CSS in `value` could name something outside the document, or can't be told."""
    lowered = value.lower()
    if any(word in lowered for word in _REACHES_OUT):
        return True
    _, *targets = lowered.split("url(")
    return any(not target.lstrip(" \t\r\n\"'").startswith("#") for target in targets)


def _declared(attributes: Mapping[str, str]) -> dict[str, str]:
    """Presentation attributes, and over them the declarations of `style`; lower-case."""
    said = {key: value.strip().lower() for key, value in attributes.items() if " " not in key}
    for declaration in said.get("style", "").split(";"):
        name, colon, value = declaration.partition(":")
        if colon:
            said[name.strip()] = value.replace("!important", "").strip()
    return said


def _is_unseen(said: Mapping[str, str]) -> bool:
    """Whether text below an element of which this is said can't be seen."""
    return (
        said.get("visibility") in ("hidden", "collapse")
        or any(_number(said.get(name, ""), 1.0) <= _FAINT for name in ("opacity", "fill-opacity"))
        or _number(said.get("font-size", ""), 12.0) <= _TINY
    )


def _is_off(said: Mapping[str, str]) -> bool:
    """Whether a text element has no colour or stands far off the canvas."""
    colourless = said.get("fill") in ("none", "transparent") and said.get("stroke", "none") in ("none", "transparent")
    return colourless or any(abs(_number(said.get(name, ""), 0.0)) >= _FAR for name in ("x", "y", "dx", "dy"))


def _number(text: str, otherwise: float) -> float:
    """The number that `text` begins with, percent as a fraction; units are left aside."""
    digits = text[:32].lstrip(" ")
    size = len(digits) - len(digits.lstrip("+-.0123456789e"))
    try:
        value = float(digits[:size].rstrip("e"))
    except ValueError:
        return otherwise
    return value / 100 if digits[size : size + 1] == "%" else value
