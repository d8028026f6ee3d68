"""What the credential files of developers hold: each file's text becomes values with the name of where they stand.

Pure: reading is somebody else's. A reader takes the lines it knows and leaves out the rest, so that no error in a file
hides what else is in it. Limits: 64 values of one file; values of 8 to 4 096 characters that look like one (not
`${NAME}`, `<token>`, `changeme`).
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as BinasciiError
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from urllib.parse import unquote, urlsplit

from pipelock.detect.entropy import shannon
from pipelock.detect.known import LONGEST_VALUE, SHORTEST_VALUE, KnownValue, from_environ

__all__ = ["MAX_VALUES", "READERS", "read_credentials"]

MAX_VALUES = 64
"""Most values of one file."""

_Reader = Callable[[str], Iterator[tuple[str, str, tuple[str, ...]]]]
"""Gives (where in the file, value, hosts it is for)."""

_LEAST_ENTROPY = 2.0
_MARKS = ("$", "<", "{", "%(", "*")
_SECRET_NAMES = ("token", "password", "passwd", "secret", "apikey", "api_key", "access_key", "private_key", "auth")
_PUBLIC_NAMES = ("key_id", "endpoint", "_url", "_uri", "auth_uri", "expires", "username", "helper", "type", "method")


def read_credentials(name: str, kind: str, text: str) -> list[KnownValue]:
    """The values of a file.

    Args:
        name: How findings call it (`~/.netrc`).
        kind: A key of `READERS`.
        text: All of it; bounded by whoever read it.
    """
    values = []
    for where, value, hosts in READERS[kind](text.removeprefix("\ufeff")):
        if _is_value(value):
            values.append(KnownValue(value, f"{name} {where}".strip(), hosts=hosts))
    return values[:MAX_VALUES]


def _is_value(value: str) -> bool:
    return (
        SHORTEST_VALUE <= len(value) <= LONGEST_VALUE
        and not value.startswith(_MARKS)
        and shannon(value) >= _LEAST_ENTROPY
        and value.isprintable()
    )


def _names_secret(name: str) -> bool:
    folded = name.lower().replace("-", "_")
    return any(word in folded for word in _SECRET_NAMES) and not any(word in folded for word in _PUBLIC_NAMES)


def _pairs(text: str) -> Iterator[tuple[str, str, str]]:
    """(section, name, value) of lines that say `name = value` or `name: value`; a section is in brackets."""
    section = ""
    for raw in text.splitlines():
        line = raw.strip().removeprefix("- ")
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
        elif line and line[0] not in "#;":
            equals, colon = line.find("="), line.find(": ")
            at = equals if colon < 0 or 0 <= equals < colon else colon
            if at > 0:
                yield section, line[:at].strip().strip("\"'"), line[at + 1 :].strip().strip("\",'")


def _sections(text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """`~/.aws/credentials`, `.pypirc`: the secret names of each section."""
    for section, name, value in _pairs(text):
        if _names_secret(name):
            yield f"[{section}]", value, ()


def _aws(text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for where, value, _ in _sections(text):
        yield where, value, ("*.amazonaws.com",)


def _pypi(text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    hosts: dict[str, str] = {"[pypi]": "upload.pypi.org", "[testpypi]": "test.pypi.org"}
    hosts.update(
        (f"[{section}]", urlsplit(value).hostname or "")
        for section, name, value in _pairs(text)
        if name == "repository"
    )
    for where, value, _ in _sections(text):
        yield where, value, _hosts(hosts.get(where, ""))


def _netrc(text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    machine = ""
    words = text.split()
    for word, following in pairwise(words):
        if word == "machine":
            machine = following
        elif word == "default":
            machine = ""
        elif word == "password":
            yield f"({machine or 'default'})", following, _hosts(machine)


def _npm(text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for _, name, value in _pairs(text):
        registry, _, key = name.rpartition(":")
        if key in ("_authToken", "_auth", "_password"):
            host = urlsplit(registry).hostname or ""
            yield f"({host})" if host else "", value, _hosts(host or "registry.npmjs.org")


def _github(text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    host = ""
    for line in text.splitlines():
        name, _, value = line.strip().partition(":")
        if not line.startswith((" ", "\t", "#")) and name:
            host = name
        elif name == "oauth_token":
            yield f"({host})", value.strip().strip("\"'"), _hosts(host, f"*.{host}")


def _git(text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for line in text.splitlines():
        try:
            parts = urlsplit(line.strip())
            host, password = parts.hostname or "", unquote(parts.password or "")
        except ValueError:
            continue
        if password:
            yield f"({host})", password, _hosts(host, f"*.{host}")


def _docker(text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    registry = ""
    for line in text.replace("{", "{\n").replace(",", "\n").splitlines():
        name, _, rest = line.strip().partition(":")
        name, value = name.strip('" '), rest.strip().strip('"}, ')
        if rest.strip() == "{" or line.strip().endswith(": {"):
            registry = line.strip().removesuffix("{").strip().removesuffix(":").strip('" ')
        elif name in ("auth", "identitytoken", "registrytoken", "password"):
            host = urlsplit(registry if "//" in registry else f"//{registry}").hostname or ""
            yield f"({host})", value, _hosts(host)
            if name == "auth":
                try:
                    yield f"({host})", b64decode(value).decode().partition(":")[2], _hosts(host)
                except (BinasciiError, ValueError):
                    continue


def _kube(text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    user = ""
    for _, name, value in _pairs(text):
        if name == "name":
            user = value
        elif name in ("token", "client-key-data", "password", "id-token", "refresh-token"):
            # The name of a user comes before its keys in what kubectl writes, or after them.
            yield f"({user})" if user else "", value, ()


def _json(text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """JSON by its quotation marks: strings whose names tell that they are secret. Of a private key its lines."""
    pieces = text.replace('\\"', "").split('"')
    for name, gap, value in zip(pieces[1::2], pieces[2::2], pieces[3::2], strict=False):
        if gap.strip() != ":" or not _names_secret(name):
            continue
        if "-----BEGIN" in value:
            yield from ((f"({name})", line, hosts) for _, line, hosts in _key(value.replace("\\n", "\n")))
        else:
            yield f"({name})", value, ("*.googleapis.com",)


def _key(text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The last whole lines of private keys: what all keys of a kind begin with tells nothing."""
    lines: list[str] | None = None
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("-----BEGIN") and "PRIVATE KEY" in line:
            lines = []
        elif line.startswith("-----END") and lines:
            longest = max(map(len, lines))
            yield from (("", one, ()) for one in [one for one in lines if len(one) == longest][-2:])
            lines = None
        elif lines is not None and line and ":" not in line:
            lines.append(line)


def _environment(text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    environ = {}
    for line in islice(text.splitlines(), 10_000):
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and name.strip().isidentifier():
            environ[name.strip()] = value.strip().strip("\"'")
    for known in from_environ(environ):
        yield f"({known.origin.removeprefix('environment variable ')})", known.value, ()


def _hosts(*names: str) -> tuple[str, ...]:
    # A name with a port, or a registry's whole URL, is no host that a list knows.
    return tuple(
        name for name in names if "." in name and name.replace("*.", "").replace("-", "").replace(".", "").isalnum()
    )


READERS: dict[str, _Reader] = {
    "aws": _aws,
    "docker": _docker,
    "env": _environment,
    "gh": _github,
    "git": _git,
    "json": _json,
    "kube": _kube,
    "netrc": _netrc,
    "npm": _npm,
    "pypi": _pypi,
    "ssh": _key,
}
"""One for each kind of file."""
