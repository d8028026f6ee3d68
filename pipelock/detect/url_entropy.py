"""Layers `entropy` and `subdomain_entropy`: data that no pattern knows, in the path, the query or the host name.

What opaque-looking values are known to be: identifiers (`entropy.is_identifier`), pictures, protocol tokens that a
server hands out to get back (OAuth state, CSRF, page cursors), and signatures of presigned links to the stores that
check them. Each allowance has a length or a host, so that it does not become the way out.
"""

from __future__ import annotations

import binascii
from base64 import b32decode
from itertools import pairwise

from pipelock.detect.entropy import MIN_TOKEN, is_opaque, normalised_entropy, shannon, words_share
from pipelock.detect.hosts import HostSet, registrable_domain
from pipelock.detect.url_decode import is_text
from pipelock.detect.url_view import Parameter, UrlView

__all__ = ["opaque_part", "opaque_subdomain"]

# Handed out by a server to be handed back; bounded to what such tokens need.
_RETURNED = frozenset(
    {
        "csrf",
        "csrf_token",
        "csrftoken",
        "xsrf",
        "xsrf_token",
        "authenticity_token",
        "__requestverificationtoken",
        "state",
        "nonce",
        "code_challenge",
        "code_verifier",
        "cursor",
        "after",
        "before",
        "page_token",
        "pagetoken",
        "next_token",
        "nexttoken",
        "next_page_token",
        "nextpagetoken",
        "next_cursor",
        "continuation",
        "continuation_token",
        "continuationtoken",
        "marker",
        "start_cursor",
        "end_cursor",
    }
)
_LONGEST_RETURNED = 256
# Presigned links: the store checks these, and only its own host is believed.
_SIGNED = {
    "x-amz-signature": 128,
    "x-amz-credential": 256,
    "x-amz-security-token": 2_048,
    "x-goog-signature": 1_024,
    "x-goog-credential": 256,
    "signature": 1_024,
    "sig": 128,
    "policy": 2_048,
    "key-pair-id": 64,
    "jwt": 2_048,
}
_STORES = HostSet(
    (
        "*.amazonaws.com",
        "*.cloudfront.net",
        "*.r2.cloudflarestorage.com",
        "*.storage.googleapis.com",
        "*.blob.core.windows.net",
        "*.githubusercontent.com",
        "*.digitaloceanspaces.com",
    )
)
_PICTURES = (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", b"\xff\xd8\xff\xe0\x00\x10JFIF", b"GIF87a", b"GIF89a")
_HEX = frozenset("0123456789abcdef")
_BASE32 = frozenset("abcdefghijklmnopqrstuvwxyz234567")
_DIGITS = frozenset("0123456789")


def opaque_part(view: UrlView, threshold: float, *, path: bool, query: bool) -> tuple[str, float]:
    """The place and entropy of the first path segment, key or value that looks like data; `("", 0.0)` for none."""
    if path and len(view.path) > MIN_TOKEN:
        for segment in view.segments:
            entropy = _opaque(segment, threshold)
            if entropy:
                return "url:path", entropy
    if query and len(view.query) >= MIN_TOKEN:
        for parameter in view.parameters:
            entropy = 0.0
            # A data URI is cut at its semicolon, and its picture ends up as a key.
            if len(parameter.key) >= MIN_TOKEN and not _is_picture(parameter.key):
                entropy = _opaque(parameter.key, threshold)
            if not entropy and len(parameter.value) >= MIN_TOKEN and not _is_expected(view, parameter):
                entropy = _opaque(parameter.value, threshold)
            if entropy:
                return "url:query", entropy
    return "", 0.0


def _opaque(token: str, threshold: float) -> float:
    if len(token) < MIN_TOKEN:
        return 0.0
    entropy = is_opaque(token, threshold)
    if entropy:
        return entropy
    # Words around it must not talk random text down.
    for separator in ",.:/ |~;&?":
        if separator in token:
            token = token.replace(separator, " ")
    if " " not in token:
        return 0.0
    return max((is_opaque(piece, threshold) for piece in token.split() if len(piece) >= MIN_TOKEN), default=0.0)


def _is_expected(view: UrlView, parameter: Parameter) -> bool:
    key, value = parameter.key.lower(), parameter.value
    if key in _RETURNED and len(value) <= _LONGEST_RETURNED:
        return True
    if len(value) <= _SIGNED.get(key, 0) and view.host.name in _STORES:
        return True
    return _is_picture(value)


def _is_picture(value: str) -> bool:
    """Whether a value (or data URI) is base64 of a picture, by how its first bytes continue."""
    bare = value.rpartition("base64,")[2][:32].replace(" ", "+")
    if not bare.startswith(("iVBORw0KGgo", "/9j/", "R0lGOD")):
        return False
    head = bare[: len(bare) // 4 * 4]
    try:
        return binascii.a2b_base64(head, strict_mode=True).startswith(_PICTURES)
    except binascii.Error:
        return False


def opaque_subdomain(view: UrlView, threshold: float) -> float:
    """The entropy of host labels that look like data, at least 0.1 where their structure shows it; 0 for none.

    Judged are labels of eight and more characters below the registrable domain, of hosts with three labels or more.
    """
    labels = view.labels
    if len(labels) < 3 or not any(_is_candidate(label) for label in labels[:-1]):
        return 0.0
    own = registrable_domain(view.host).count(".") + 1
    below = labels[: len(labels) - own]
    worst = max((_label_entropy(label, threshold) for label in below), default=0.0)
    if worst:
        return worst
    return _structure(below)


def _is_candidate(label: str) -> bool:
    """Cheap: a label that no check below would notice, because it is short or plainly a word."""
    return len(label) >= 8 and not (label.isalpha() and len(label) < 14)


def _label_entropy(label: str, threshold: float) -> float:
    if len(label) < 8 or label.startswith("xn--"):
        return 0.0
    entropy = shannon(label)
    if entropy > threshold:
        return 0.0 if words_share(label) >= 0.6 else entropy
    # Case means nothing in a name, so nobody mixes it by accident.
    if len(label) >= 12 and label.lower() != label and label.upper() != label and not _DIGITS.isdisjoint(label):
        return entropy if normalised_entropy(label) >= 0.85 and words_share(label) < 0.5 else 0.0
    return 0.0


def _structure(labels: tuple[str, ...]) -> float:
    plain = [label.lower() for label in labels]
    chunks = [label for label in plain if len(label) >= 8 and (_is_hex(label) or _is_base32(label))]
    for chunk in chunks:
        if len(chunk) >= 14 or _hides_text(chunk):
            return max(0.1, shannon(chunk))
    if len(chunks) >= 3 or (len(chunks) == 2 and len(plain) >= 4):
        return max(0.1, shannon("".join(chunks)))
    mixed = [label for label in plain if _is_mixed(label)]
    if len(mixed) >= 2:
        return max(0.1, shannon("".join(mixed)))
    spelled = "".join(label for label in plain if len(label) >= 8 and _HEX.issuperset(label)) or "".join(chunks)
    return max(0.1, shannon(spelled)) if _hides_text(spelled) else 0.0


def _is_mixed(label: str) -> bool:
    """Letters and digits in a jumble. One such label names a machine somewhere; two beside each other are data."""
    if len(label) < 12 or not label.isalnum():
        return False
    kinds = [char in _DIGITS for char in label]
    changes = sum(one is not other for one, other in pairwise(kinds))
    return changes >= 5 and sum(kinds) >= 3 and words_share(label) < 0.4


def _is_hex(label: str) -> bool:
    if not _HEX.issuperset(label):
        return False
    # Digits alone are an account number or a date, unless they spell text.
    if _DIGITS.issuperset(label):
        return _hides_text(label)
    return not label.isalpha()


def _is_base32(label: str) -> bool:
    if not _BASE32.issuperset(label):
        return False
    digits = sum(char in _DIGITS for char in label)
    if digits >= 2:
        return words_share(label) < 0.6
    return len(label) >= 16 and words_share(label) < 0.3


def _hides_text(label: str) -> bool:
    if _HEX.issuperset(label) and len(label) % 2 == 0:
        return is_text(bytes.fromhex(label))
    if _BASE32.issuperset(label) and len(label) % 8 not in {1, 3, 6}:
        return is_text(b32decode(label.upper() + "=" * (-len(label) % 8)))
    return False
