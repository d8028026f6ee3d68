"""Headers from which frameworks take the method, or the path, instead of from the request line."""

from __future__ import annotations

__all__ = ["OVERRIDING_HEADERS"]

OVERRIDING_HEADERS = frozenset(
    {
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-method",
        "x-original-uri",
        "x-original-url",
        "x-rewrite-uri",
        "x-rewrite-url",
    }
)
"""In lower case. With one of them, a request that was listed, or approved, could be another."""
