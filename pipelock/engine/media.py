"""Section `media_policy`: which images, sound and film an answer may bring, and what is taken out of images.

What a body is, is told by its bytes; what the server says counts only where the bytes say nothing. A server that says
one kind and sends another is believed in neither: the stricter rule of the two holds.
"""

from __future__ import annotations

import msgspec

from pipelock.detect.media import Sniffed, looks_like_html, looks_like_svg, sniff
from pipelock.detect.media_clean import MediaError, clean
from pipelock.detect.svg import SvgError, make_inert
from pipelock.model import Action, Finding, Severity, Transport

__all__ = ["MediaPolicy", "MediaResult"]

_KINDS = frozenset({"image", "audio", "video"})
_GENERIC = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/unknown", "unknown/unknown"})
_SVG = "image/svg+xml"
_XML = frozenset({_SVG, "application/xml", "text/xml"}) | _GENERIC
# What every drawing program leaves in a file.
_IDLE = frozenset({"comment", "document type", "metadata", "processing instruction", "foreign content"})
_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/apng": "image/png",
    "image/vnd.mozilla.apng": "image/png",
    "application/ogg": "audio/ogg",
    "application/mp4": "video/mp4",
    "application/x-shockwave-flash": "video/x-shockwave-flash",
}


class MediaResult(msgspec.Struct, frozen=True):
    """What was found.

    Attributes:
        body: What goes on instead of the body; `None` where that may go as it is.
        binary: It is no text, so that only what can be read in it is to be searched for instructions.
        texts: What could be read in what was left out, where it did not stand in the body as it is.
    """

    findings: tuple[Finding, ...] = ()
    body: bytes | None = None
    binary: bool = False
    texts: bytes = b""


_NOTHING = MediaResult()


class MediaPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The section, compiled. `refused` are kinds (`image`, `audio`, `video`) that never pass."""

    refused: frozenset[str]
    image_types: frozenset[str]
    clean: bool
    log: bool
    max_image_bytes: int

    def judge(self, action: Action) -> MediaResult:
        """Judge the body of a response. Text that `/fetch` made of a page holds no media."""
        if not action.body or action.transport is Transport.FETCH:
            return _NOTHING
        declared = _declared(action)
        found = sniff(action.body)
        if declared in _XML and (declared == _SVG or looks_like_svg(action.body)):
            return self._drawing(action.body) if found is None or not found.certain else _spoofed(declared, found.mime)
        result = self._binary(action.body, declared, found)
        # Only a body that begins like what it is may be read as such; what merely claims it is read in full.
        return msgspec.structs.replace(result, binary=True) if found is not None and result is not _NOTHING else result

    def _binary(self, body: bytes, declared: str, found: Sniffed | None) -> MediaResult:
        kind = declared.partition("/")[0]
        if kind not in _KINDS:
            return self._unexpected(body, declared, found)
        if kind == "image":
            return self._image(body, declared, found)
        if found is not None and found.certain and found.mime.startswith("image/"):
            return _spoofed(declared, found.mime)
        return self._stream(declared, len(body), {kind} | _kind_of(found))

    def _unexpected(self, body: bytes, declared: str, found: Sniffed | None) -> MediaResult:
        """What the server calls something else; a weak signature counts only where it says nothing at all."""
        if found is None or not (found.certain or declared in _GENERIC):
            return _NOTHING
        if found.mime.startswith("image/"):
            return self._image(body, found.mime, found)
        return self._stream(found.mime, len(body), _kind_of(found))

    def _stream(self, mime: str, size: int, kinds: set[str]) -> MediaResult:
        refused = sorted(kinds & self.refused)
        if refused:
            return _refused("Media Type", f"{mime}: {refused[0]} is not let in (media_policy.strip_{refused[0]})")
        return MediaResult(self._exposure(mime, size, 0))

    def _image(self, body: bytes, declared: str, found: Sniffed | None) -> MediaResult:
        mime = found.mime if found is not None else declared
        refusal = self._objection(body, declared, mime, known=found is not None)
        if refusal is not None:
            return refusal
        if not self.clean:
            return MediaResult(self._exposure(mime, len(body), 0))
        try:
            cleaned = clean(body, mime)
        except MediaError as error:
            return _refused("Broken Image", f"{mime}: {error}")
        changed = cleaned.data if cleaned.data is not body else None
        return MediaResult(self._exposure(mime, len(body), cleaned.removed), changed, texts=cleaned.texts)

    def _objection(self, body: bytes, declared: str, mime: str, *, known: bool) -> MediaResult | None:
        """Why an image does not pass, before it is looked into."""
        if "image" in self.refused:
            return _refused("Media Type", f"{declared}: images are not let in (media_policy.strip_images)")
        if looks_like_svg(body) or looks_like_html(body):
            return _spoofed(declared, "a document")
        if not known and declared in self.image_types:
            return _spoofed(declared, "something else")
        if not {mime, declared} <= self.image_types:
            return _refused("Image Type", f"{mime} is not in media_policy.allowed_image_types")
        if len(body) > self.max_image_bytes:
            return _refused("Image Size", f"an image of more than {self.max_image_bytes} bytes")
        return None

    def _drawing(self, body: bytes) -> MediaResult:
        try:
            inert = make_inert(body)
        except SvgError as error:
            return _refused("Unreadable SVG", f"SVG that can't be made inert: {error}")
        if not inert.removed:
            return MediaResult(self._exposure(_SVG, len(body), 0))
        said = ", ".join(inert.removed)
        acts = not _IDLE.issuperset(inert.removed)
        finding = Finding(
            scanner="media_policy",
            rule="Active SVG" if acts else "SVG Metadata",
            severity=Severity.MEDIUM if acts else Severity.INFO,
            message=f"taken out of an SVG: {said}",
            place="media",
            warns=acts,
        )
        return MediaResult((finding,), inert.data)

    def _exposure(self, mime: str, size: int, removed: int) -> tuple[Finding, ...]:
        if not self.log:
            return ()
        less = f", {removed} bytes of metadata taken out" if removed else ""
        return (
            Finding(
                scanner="media_policy",
                rule="Media Exposure",
                severity=Severity.INFO,
                message=f"{mime} of {size} bytes reaches the agent{less}",
                place="media",
                score=0.0,
            ),
        )


def _declared(action: Action) -> str:
    """The media type that the server names. Of two nobody knows which a reader takes, so it has named none."""
    named = {value.partition(";")[0].strip().lower() for name, value in action.headers if name == "content-type"}
    declared = action.content_type.partition(";")[0].strip().lower() if len(named) < 2 else ""
    return _ALIASES.get(declared, declared)


def _kind_of(found: Sniffed | None) -> set[str]:
    return {found.mime.partition("/")[0]} if found is not None else set()


def _spoofed(declared: str, really: str) -> MediaResult:
    return _refused("Media Spoofing", f"the server says {declared[:64]} and sends {really}", Severity.HIGH)


def _refused(rule: str, message: str, severity: Severity = Severity.MEDIUM) -> MediaResult:
    return MediaResult((Finding(scanner="media_policy", rule=rule, severity=severity, message=message, place="media"),))
