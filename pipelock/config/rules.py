"""Rules for text values: each takes what the file says and gives the normal form, or says what is wrong."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Callable

from pipelock.config.core_names import CORE_NAMES
from pipelock.config.problems import nearest
from pipelock.config.redaction_names import REDACTION_CLASSES

__all__ = [
    "TEXT_RULES",
    "ValueRuleError",
    "is_loopback",
    "listen_port",
    "parse_duration",
    "parse_expiry",
    "parse_listen",
]

_TOKEN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~")
_CLASS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_AGENT_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_MAX_AGENT_NAME = 64
_MAX_HOST = 253
_MAX_PORT = 65_535
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class ValueRuleError(Exception):
    """The value does not fit. `suggestion` is what was probably meant, empty where nobody can know."""

    def __init__(self, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.suggestion = suggestion


def _labels(host: str) -> str:
    """Check the dot-separated labels of a host name (RFC 1123 §2.1, with `_`)."""
    if not host.isascii():
        # Two revisions of IDNA disagree about some letters; a rule that meant another host than the scanner would
        # protect nothing. So the file says which host it means.
        raise ValueRuleError("write an international host name in its ASCII form", _ascii_form(host))
    if len(host) > _MAX_HOST:
        raise ValueRuleError(f"host name is longer than {_MAX_HOST} characters")
    for label in host.split("."):
        if not label:
            raise ValueRuleError("host name has an empty label")
        if len(label) > 63 or not _LABEL.issuperset(label) or label[0] == "-" or label[-1] == "-":
            raise ValueRuleError(f"{label!r} is not a label of a host name")
    return host


def _ascii_form(host: str) -> str:
    if len(host) > _MAX_HOST:
        return ""
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _bare_host(text: str) -> str:
    host = text.strip().lower().removesuffix(".")
    if not host:
        raise ValueRuleError("host name is empty")
    if "://" in host:
        raise ValueRuleError("write the host name alone, not a URL", host.partition("://")[2].partition("/")[0])
    if "/" in host:
        raise ValueRuleError("write the host name alone, without a path", host.partition("/")[0])
    if ":" in host:
        raise ValueRuleError("write the host name alone, without a port", host.partition(":")[0])
    return host


def _host(text: str) -> str:
    host = _bare_host(text)
    if host == "*":
        raise ValueRuleError("`*` alone would be every host; name hosts, or *.example.com")
    if not host.startswith("*."):
        if "*" in host or "?" in host or "[" in host:
            raise ValueRuleError("a wildcard stands for whole labels and comes first, as in *.example.com")
        return _labels(host)
    rest = host[2:]
    if "*" in rest or "?" in rest or "[" in rest:
        raise ValueRuleError("only one wildcard, and it comes first, as in *.example.com")
    if "." not in rest:
        raise ValueRuleError(f"{host} would be a whole top-level domain; name at least two labels, as in *.example.com")
    return "*." + _labels(rest)


def _host_or_any(text: str) -> str:
    return "*" if text.strip() == "*" else _host(text)


def _plain_host(text: str) -> str:
    host = _bare_host(text)
    if "*" in host or "?" in host:
        raise ValueRuleError("wildcards are not allowed here; name each host")
    host = _labels(host)
    if _is_address(host):
        raise ValueRuleError("this is an address; name the host")
    return host


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _ip(text: str) -> str:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError as error:
        raise ValueRuleError("not an IPv4 or IPv6 address") from error
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        raise ValueRuleError("an address with a zone cannot be dialled from a rule")
    return str(address)


def _cidr(text: str) -> str:
    """A network in prefix form (RFC 4632 §3.1, RFC 4291 §2.3). A prefix length of 0 would be everything: refused."""
    value = text.strip()
    if "/" not in value:
        suffix = "/128" if ":" in value else "/32"
        raise ValueRuleError("a network needs a prefix length", value + suffix if _is_address(value) else "")
    try:
        interface = ipaddress.ip_interface(value)
    except ValueError as error:
        raise ValueRuleError("not a network such as 10.0.0.0/8 or fd00::/8") from error
    if not value.rpartition("/")[2].isdecimal():
        raise ValueRuleError("write the prefix length as a number", str(interface.network))
    if interface.network.prefixlen == 0:
        raise ValueRuleError("a prefix length of 0 is every address")
    if interface.ip != interface.network.network_address:
        raise ValueRuleError("bits are set beyond the prefix length", str(interface.network))
    return str(interface.network)


def parse_listen(text: str, *, least_port: int = 0) -> tuple[str, int]:
    """Split `host:port`, `:port` or `[v6]:port`; an empty host is all interfaces, port 0 any free port.

    Raises:
        ValueRuleError: not of that form, or a port outside `least_port`..65535.
    """
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueRuleError("write host:port", f"127.0.0.1:{text}" if text.isdecimal() else f"{text}:8888")
    if host.startswith("["):
        if not host.endswith("]") or not _is_address(host[1:-1]):
            raise ValueRuleError("not an IPv6 address in brackets")
        host = host[1:-1]
    elif ":" in host:
        raise ValueRuleError("put an IPv6 address in brackets", f"[{host}]:{port}")
    elif host:
        _labels(host.lower())
    if not (port.isascii() and port.isdecimal()) or len(port) > 5 or not least_port <= int(port) <= _MAX_PORT:
        raise ValueRuleError(f"port must be {least_port} to {_MAX_PORT}")
    return host, int(port)


def listen_port(text: str) -> int:
    """The port of a checked `host:port`, 0 for empty."""
    return parse_listen(text)[1] if text else 0


def is_loopback(text: str) -> bool:
    """Whether a checked `host:port` is reachable from this machine alone."""
    host = parse_listen(text)[0]
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _listen(text: str) -> str:
    value = text.strip()
    if value:
        # A file that says "any free port" leaves its clients without an address; a command line may have its reasons.
        parse_listen(value, least_port=1)
    return value


def _host_port(text: str) -> str:
    """A host, or all below one, and one port of it."""
    value = text.strip()
    host, colon, port = value.rpartition(":")
    if not colon:
        raise ValueRuleError("name the port too, as in github.com:22", f"{value}:22" if value else "")
    if not (port.isascii() and port.isdecimal()) or len(port) > 5 or not 0 < int(port) <= _MAX_PORT:
        raise ValueRuleError(f"port must be 1 to {_MAX_PORT}")
    if host.startswith("[") and host.endswith("]") and ":" in host:
        if not _is_address(host[1:-1]):
            raise ValueRuleError("not an IPv6 address in brackets")
        return f"[{ipaddress.ip_address(host[1:-1])}]:{int(port)}"
    if ":" in host and "://" not in host:
        raise ValueRuleError("put an IPv6 address in brackets", f"[{host}]:{port}" if _is_address(host) else "")
    return f"{_host(host)}:{int(port)}"


def parse_duration(text: str) -> float:
    """Seconds of a Go-style duration: decimal numbers each with a unit, as `24h`, `1m30s`, `1.5s`, `500ms`.

    Source: the format that Go's time.ParseDuration documents; negative values are refused. `0` needs no unit.

    Raises:
        ValueRuleError: anything else.
    """
    rest = text.strip()
    if rest == "0":
        return 0.0
    if not rest or len(rest) > 64:
        raise ValueRuleError("write a duration such as 30s, 1m30s or 24h")
    total = 0.0
    while rest:
        number = rest[: len(rest) - len(rest.lstrip("0123456789."))]
        rest = rest[len(number) :]
        unit = rest[: len(rest) - len(rest.lstrip("hmsnuµμ"))]
        # `1h30m` has digits between its units; `1hm` has not, and is no unit.
        rest = rest[len(unit) :]
        if unit not in _UNITS or not number.replace(".", "", 1).isdecimal() or not number.isascii():
            hint = f"{text.strip()}s" if text.strip().isdecimal() else ""
            raise ValueRuleError("write a duration such as 30s, 1m30s or 24h", hint)
        total += float(number) * _UNITS[unit]
    return total


def parse_expiry(text: str) -> float:
    """Seconds since the epoch of a date (its first moment, UTC) or an RFC 3339 time with its offset.

    Raises:
        ValueRuleError: anything else.
    """
    value = text.strip()
    wanted = "write a date such as 2027-01-31, or a time with its offset such as 2027-01-31T18:00:00Z"
    try:
        moment = dt.datetime.fromisoformat(value)
        if len(value) == len("2027-01-31"):
            moment = moment.replace(tzinfo=dt.UTC)
        if moment.tzinfo is not None:
            return moment.timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueRuleError(wanted) from error
    raise ValueRuleError("a time needs its offset from UTC", f"{value}Z")


def _expiry(text: str) -> str:
    parse_expiry(text)
    return text.strip()


def _suppressed_rule(text: str) -> str:
    if text.strip().casefold() in CORE_NAMES:
        raise ValueRuleError(
            f"{text.strip()!r} belongs to the core floor, which no setting lifts; keep it out of the traffic, or in "
            "files mark its line with a pipelock:ignore comment"
        )
    return text.strip()


def _field(text: str) -> str:
    """A place; the names of headers know no case."""
    value = _line(text.strip())
    return value.lower() if value.lower().startswith("header") else value


def _header(text: str) -> str:
    name = text.strip()
    if not name or len(name) > 256 or not _TOKEN.issuperset(name):
        raise ValueRuleError("not an HTTP field name (RFC 9110 §5.1)")
    return name


def _header_value(text: str) -> str:
    if not text.isascii() or not text.isprintable() or text != text.strip():
        raise ValueRuleError("must be printable ASCII without spaces around it (RFC 9110 §5.5)")
    return text


def _method(text: str) -> str:
    name = text.strip().upper()
    if not name or len(name) > 32 or not _TOKEN.issuperset(name):
        raise ValueRuleError("not an HTTP method (RFC 9110 §9.1)")
    return name


def _line(text: str) -> str:
    if not text.isprintable():
        raise ValueRuleError("must be one line of printable characters")
    return text


def _identity(text: str) -> str:
    if text != text.strip():
        raise ValueRuleError("has spaces around it", text.strip())
    return _line(text)


def _agent_name(text: str) -> str:
    if not 1 <= len(text) <= _MAX_AGENT_NAME or not _AGENT_CHARS.issuperset(text):
        raise ValueRuleError(f"a profile's name is 1 to {_MAX_AGENT_NAME} of letters, digits, '.', '_' and '-'")
    if text == "anonymous":
        raise ValueRuleError("anonymous is the name of those who give none; the profile for them is _default")
    return text


def _path_glob(text: str) -> str:
    if text and not text.startswith(("/", "*")):
        raise ValueRuleError("a path starts with / (or with *)", "/" + text)
    return text


def _path_prefix(text: str) -> str:
    if not text.startswith("/"):
        raise ValueRuleError("a path starts with /", "/" + text)
    return text


def _media_type(text: str) -> str:
    """RFC 9110 §8.3.1 without parameters, lower-case."""
    value = text.strip().lower()
    kind, slash, name = value.partition("/")
    if ";" in value:
        raise ValueRuleError("write the media type without parameters", value.partition(";")[0].strip())
    if not slash or not kind or not name or not _TOKEN.issuperset(kind + name) or "*" in value:
        raise ValueRuleError("not a media type such as text/plain")
    return value


def _image_type(text: str) -> str:
    value = _media_type(text)
    if not value.startswith("image/"):
        raise ValueRuleError("not an image type such as image/png")
    if value.startswith("image/svg"):
        raise ValueRuleError("SVG is a document that can hold programs, and never counts as an image; leave it out")
    return value


def _class_name(text: str) -> str:
    if text and (not _CLASS.issuperset(text) or text[0] in "_-"):
        raise ValueRuleError("a class has lower-case letters, digits, - and _, and begins with a letter or digit")
    return text


def _redaction_class(text: str) -> str:
    if text not in REDACTION_CLASSES:
        raise ValueRuleError("no redaction class has this name", nearest(text, REDACTION_CLASSES))
    return text


def _place(text: str) -> str:
    """A path as whoever launches an agent will read it: `~` is that user's home, which need not be the daemon's."""
    if not text.startswith(("/", "~/")) and text != "~":
        raise ValueRuleError("write a path from / or from ~/", f"~/{text.removeprefix('./')}")
    if not text.isprintable():
        raise ValueRuleError("not a path: control characters")
    if "*" in text or "?" in text:
        raise ValueRuleError("wildcards are not read here; name the folder", text.partition("*")[0].partition("?")[0])
    return text


def _place_or_none(text: str) -> str:
    return _place(text) if text else ""


def _variable(text: str) -> str:
    """`NAME`, `NAME=VALUE` or `PREFIX*` (POSIX.1-2017 §8.1: letters, digits and `_`, no digit first)."""
    name, equals, value = text.partition("=")
    if not equals:
        name = name.removesuffix("*")
    if not name.isascii() or not name.replace("_", "a").isalnum() or name[0].isdecimal():
        raise ValueRuleError("write NAME, NAME=VALUE or PREFIX*")
    if "\0" in value:
        raise ValueRuleError("a value holds no NUL")
    return text


def _regex(text: str) -> str:
    # Imported here: most files bring no pattern of their own, and `check` should start fast.
    import re2  # noqa: PLC0415

    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = 8 << 20
    try:
        pattern = re2.compile(text, options)
    except re2.error as error:
        said = error.args[0] if error.args else "unknown error"
        detail = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise ValueRuleError(f"RE2 cannot compile this pattern: {detail}") from error
    if pattern.fullmatch("") is not None:
        raise ValueRuleError("this pattern matches empty text, so it would match everything")
    return text


TEXT_RULES: dict[str, Callable[[str], str]] = {
    "cidr": _cidr,
    "class_name": _class_name,
    "expiry": _expiry,
    "field": _field,
    "header": _header,
    "header_value": _header_value,
    "host": _host,
    "host_or_any": _host_or_any,
    "host_pattern": _host,
    "host_port": _host_port,
    "agent_name": _agent_name,
    "identity": _identity,
    "image_type": _image_type,
    "ip": _ip,
    "line": _line,
    "listen": _listen,
    "media_type": _media_type,
    "method": _method,
    "path_glob": _path_glob,
    "path_prefix": _path_prefix,
    "place": _place,
    "place_or_none": _place_or_none,
    "plain_host": _plain_host,
    "redaction_class": _redaction_class,
    "regex": _regex,
    "suppressed_rule": _suppressed_rule,
    "variable": _variable,
}
"""By name, as `pipelock.config.kinds` refers to them. `path` and `duration` are the decoder's own: they need the
file's directory, or change the type."""
