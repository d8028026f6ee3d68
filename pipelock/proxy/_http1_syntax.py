"""The alphabets of RFC 9110 §5 and RFC 9112 §3, for `bytes.translate(None, alphabet)`: what is left over is wrong."""

from __future__ import annotations

__all__ = ["FIELD_BYTES", "METHODS", "TARGET_BYTES", "TOKEN_BYTES"]

_ALPHANUMERIC = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

TOKEN_BYTES = _ALPHANUMERIC + b"!#$%&'*+-.^_`|~"
# Visible ASCII, space, tab and the bytes above ASCII that RFC 9110 calls obs-text.
FIELD_BYTES = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
# What a URI may hold, and `^ ` { | }`, which browsers and curl leave unencoded. Not `#` (a fragment never travels), not
# `\` (some parsers read it as `/`), not `" < >`.
TARGET_BYTES = _ALPHANUMERIC + b"-._~:/?[]@!$&'()*+,;=%^`{|}"

# TRACE is not among them: it makes a server echo a request with its credentials. CONNECT is handled apart.
METHODS = frozenset(
    {
        *("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT"),
        # WebDAV, CalDAV, versioning (git over dumb HTTP, package registries, calendars).
        *("PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "ACL", "BIND"),
        *("UNBIND", "REBIND", "LINK", "UNLINK", "CHECKOUT", "MERGE", "MKACTIVITY", "MKCALENDAR", "QUERY"),
    }
)
