"""JAVA_TOOL_OPTIONS: the one variable that every Java program reads, and which users fill themselves.

The virtual machine cuts it at white space; `'` and `"` keep white space together, and there is no escape, so a value
that holds both kinds of quote can't be written. Later options win over earlier ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

__all__ = ["OPTIONS_VARIABLE", "TRUSTSTORE_PASSWORD", "java_options", "without_ours"]

OPTIONS_VARIABLE = "JAVA_TOOL_OPTIONS"
TRUSTSTORE_PASSWORD = "changeit"  # noqa: S105 - Java's own default; the file holds public certificates alone
"""Guards nothing; some versions of Java read no store without one."""

_OURS = (
    "-Dhttp.proxyHost=",
    "-Dhttp.proxyPort=",
    "-Dhttps.proxyHost=",
    "-Dhttps.proxyPort=",
    "-Dhttp.nonProxyHosts=",
)
_TRUST = (
    "-Djavax.net.ssl.trustStore=",
    "-Djavax.net.ssl.trustStoreType=",
    "-Djavax.net.ssl.trustStorePassword=",
)
_MARK = "-Dpipelock.trust=1"
"""Stands before trust options that are ours: those of the user look the same, and are not ours to take away."""


def java_options(inherited: str, proxy: str, truststore: str, exceptions: str = "") -> str:
    """`inherited` with ours after it: the proxy, and where `truststore` is not empty, that.

    `exceptions` is as in NO_PROXY. Given even where it is empty, because Java leaves out `localhost` by itself. A
    truststore that can't be written (both kinds of quote in its path) is left out.
    """
    parts = urlsplit(proxy)
    host, port = parts.hostname or "", parts.port or 80
    options = [without_ours(inherited)] if inherited.strip() else []
    options += [f"-D{scheme}.proxyHost={host} -D{scheme}.proxyPort={port}" for scheme in ("http", "https")]
    hosts = "|".join(_pattern(name) for name in exceptions.split(",") if name.strip())
    options.append(_quoted(f"-Dhttp.nonProxyHosts={hosts}"))
    store = _quoted(f"{_TRUST[0]}{truststore}") if truststore else ""
    if store:
        options += [_MARK, store, f"{_TRUST[1]}PKCS12", f"{_TRUST[2]}{TRUSTSTORE_PASSWORD}"]
    return " ".join(option for option in options if option)


def without_ours(options: str) -> str:
    """What the user had: `options` less what `java_options` added."""
    kept: list[str] = []
    in_trust = 0
    for raw, value in _words(options):
        if value == _MARK:
            in_trust = len(_TRUST)
        elif in_trust and value.startswith(_TRUST):
            in_trust -= 1
        elif not value.startswith(_OURS):
            kept.append(raw)
    return " ".join(kept)


def _words(options: str) -> Iterator[tuple[str, str]]:
    """Each option as it is written, and without its quotes. A quote that nothing closes reaches to the end."""
    start = position = 0
    value: list[str] = []
    while position < len(options):
        char = options[position]
        if char.isspace():
            if start < position:
                yield options[start:position], "".join(value)
            start, value = position + 1, []
        elif char in "'\"":
            end = options.find(char, position + 1)
            end = end if end >= 0 else len(options)
            value.append(options[position + 1 : end])
            position = end
        else:
            value.append(char)
        position += 1
    if start < len(options):
        yield options[start:], "".join(value)


def _quoted(option: str) -> str:
    """`option` as one word; empty where that can't be done."""
    if not any(char.isspace() or char in "'\"" for char in option):
        return option
    quote = '"' if '"' not in option else "'" if "'" not in option else ""
    return f"{quote}{option}{quote}" if quote else ""


def _pattern(name: str) -> str:
    """A host of NO_PROXY as Java writes it: a leading dot stands for every name below."""
    name = name.strip()
    return f"*{name}" if name.startswith(".") else name
