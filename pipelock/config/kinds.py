"""The kinds of value a key can hold, as annotations that the decoder, the checks and the JSON Schema all read.

`Meta(extra={"rule": name})` names a text rule of `pipelock.config.rules`; `Meta(extra={"unsupported": True})` marks a
key that must stay off (false, empty) because this version does not do what it asks for.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

__all__ = [
    "DURATION_EXAMPLES",
    "BlockOrWarn",
    "BoundListen",
    "ByteCount",
    "Cidr",
    "Cidrs",
    "Count",
    "Duration",
    "Expiry",
    "Field",
    "FilePath",
    "Glob",
    "HeaderName",
    "HeaderNames",
    "Host",
    "HostOrAny",
    "HostPattern",
    "HostPatterns",
    "HostPort",
    "HostPorts",
    "Hosts",
    "ImageType",
    "IpAddress",
    "Listen",
    "MediaTypeName",
    "Method",
    "Natural",
    "PathPrefix",
    "PlainHost",
    "Positive",
    "Ratio",
    "RedactionClass",
    "Regex",
    "RegexSource",
    "Seconds",
    "Severity",
    "SuppressedRule",
    "Switch",
    "Texts",
    "UnsupportedAny",
    "UnsupportedPath",
    "UnsupportedSwitch",
    "UnsupportedText",
    "Word",
]

# Numbers. The upper ends are far above any sensible setting; they are there because every buffer and wait is bounded.
Seconds = Annotated[int, Meta(ge=1, le=86_400)]
ByteCount = Annotated[int, Meta(ge=1, le=1_073_741_824)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
Ratio = Annotated[float, Meta(ge=0, le=1)]

# Text with a rule.
Word = Annotated[str, Meta(min_length=1, max_length=256)]
Texts = tuple[Annotated[str, Meta(min_length=1, max_length=4096)], ...]
Host = Annotated[str, Meta(extra={"rule": "host"}, description="host name or *.host.name")]
Hosts = tuple[Host, ...]
HostOrAny = Annotated[str, Meta(extra={"rule": "host_or_any"}, description="host name, *.host.name or *")]
HostPattern = Annotated[str, Meta(extra={"rule": "host_pattern"}, description="host name or *.host.name")]
HostPatterns = tuple[HostPattern, ...]
HostPort = Annotated[str, Meta(extra={"rule": "host_port"}, description="host name or *.host.name, and its port")]
HostPorts = Annotated[tuple[HostPort, ...], Meta(max_length=256)]
PlainHost = Annotated[str, Meta(extra={"rule": "plain_host"}, description="host name without wildcard or port")]
IpAddress = Annotated[str, Meta(extra={"rule": "ip"}, description="IPv4 or IPv6 address")]
Cidr = Annotated[str, Meta(extra={"rule": "cidr"}, description="network such as 10.0.0.0/8")]
Cidrs = tuple[Cidr, ...]
Listen = Annotated[str, Meta(extra={"rule": "listen"}, description="host:port; [::1]:8888 for IPv6")]
BoundListen = Annotated[
    str, Meta(min_length=1, extra={"rule": "listen"}, description="host:port, not empty; [::1]:8889 for IPv6")
]
FilePath = Annotated[
    str, Meta(extra={"rule": "path"}, description="file; relative to this file's directory, ~ is home")
]
Regex = Annotated[
    str, Meta(min_length=1, max_length=4096, extra={"rule": "regex"}, description="RE2, case-insensitive")
]
Expiry = Annotated[str, Meta(max_length=64, extra={"rule": "expiry"}, description="2027-01-31, or RFC 3339 time")]
Field = Annotated[
    str,
    Meta(max_length=256, extra={"rule": "field"}, description="header:NAME, body:PATH, url:query:NAME; * is any text"),
]
Glob = Annotated[str, Meta(min_length=1, max_length=1024, description="* is any text, ? one character")]
ImageType = Annotated[str, Meta(extra={"rule": "image_type"}, description="image/NAME, but not SVG")]
MediaTypeName = Annotated[str, Meta(extra={"rule": "media_type"}, description="media type without parameters")]
PathPrefix = Annotated[
    str, Meta(min_length=1, max_length=1024, extra={"rule": "path_prefix"}, description="starts with /")
]
RedactionClass = Annotated[
    str, Meta(extra={"rule": "redaction_class"}, description="a class that docs/redaction.md lists")
]
HeaderName = Annotated[str, Meta(extra={"rule": "header"}, description="HTTP field name")]
HeaderNames = tuple[HeaderName, ...]
Method = Annotated[str, Meta(extra={"rule": "method"}, description="HTTP method")]
DURATION_EXAMPLES = ["24h", "1m30s"]
Duration = Annotated[float, Meta(gt=0, extra={"rule": "duration"}, examples=DURATION_EXAMPLES)]

Severity = Literal["info", "low", "medium", "high", "critical"]
BlockOrWarn = Literal["warn", "block"]

# Turns a whole section on: while it is false, nothing that is written beside it or below it is in force.
Switch = Annotated[bool, Meta(extra={"switch": True})]

SuppressedRule = Annotated[str, Meta(min_length=1, max_length=256, extra={"rule": "suppressed_rule"})]

# Things this version does not do. Off (false, empty) loads.
UnsupportedSwitch = Annotated[bool, Meta(extra={"unsupported": True, "switch": True})]
UnsupportedText = Annotated[str, Meta(extra={"unsupported": True})]
UnsupportedPath = Annotated[str, Meta(extra={"rule": "path", "unsupported": True})]
# Whatever is written there, it is not done: even `false` would mean something.
UnsupportedAny = Annotated[dict[str, str], Meta(extra={"unsupported": True, "opaque": True})]
# A pattern of a section that does not run yet: checked when the section does.
RegexSource = Annotated[str, Meta(max_length=4096)]
