"""Sections about what is looked for in URLs, headers, bodies and answers."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pipelock.config.kinds import (
    BlockOrWarn,
    ByteCount,
    Expiry,
    Field,
    FilePath,
    Glob,
    HeaderNames,
    Host,
    HostPatterns,
    Hosts,
    ImageType,
    MediaTypeName,
    Method,
    Natural,
    PathPrefix,
    RedactionClass,
    Regex,
    RegexSource,
    Seconds,
    Severity,
    SuppressedRule,
    Switch,
    Texts,
    UnsupportedSwitch,
    UnsupportedText,
    Word,
)

__all__ = [
    "DEFAULT_IGNORE_HEADERS",
    "DEFAULT_SENSITIVE_HEADERS",
    "AddressChains",
    "AddressProtection",
    "AddressSimilarity",
    "BrowserShield",
    "CanaryToken",
    "CanaryTokens",
    "Dlp",
    "DlpPattern",
    "MediaPolicy",
    "Redaction",
    "RedactionDictionary",
    "RedactionLimits",
    "RedactionProfile",
    "RedactionProvider",
    "RequestBodyScanning",
    "RequestPolicy",
    "RequestPolicyBatch",
    "RequestPolicyDiscriminator",
    "RequestPolicyGraphql",
    "RequestPolicyRoute",
    "RequestPolicyRule",
    "ResponsePattern",
    "ResponseScanning",
    "SeedPhraseDetection",
    "SseStreaming",
    "Suppression",
    "UnparseableRoute",
]

DEFAULT_SENSITIVE_HEADERS = (
    "Authorization",
    "Cookie",
    "X-Api-Key",
    "X-Token",
    "Proxy-Authorization",
    "X-Goog-Api-Key",
)
# Only what never goes out as the client sent it: a secret travels as well in Accept or User-Agent.
DEFAULT_IGNORE_HEADERS = (
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Te",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Host",
    "Content-Length",
    "Accept-Encoding",
)


class DlpPattern(msgspec.Struct, frozen=True, kw_only=True):
    """A credential pattern of the user's own; one with a built-in's name replaces it.

    Attributes:
        validator: A checksum the match must pass as well: luhn, mod97, aba or wif.
        exempt_domains: Hosts that this credential may be sent to.
        action: `warn` asks for no more than a warning; empty blocks.
    """

    name: Word
    regex: Regex
    severity: Severity = "high"
    validator: Literal["", "luhn", "mod97", "aba", "wif"] = ""
    exempt_domains: Hosts = ()
    action: Literal["", "warn"] = ""


class Dlp(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials. Values of environment variables count from `min_env_secret_length` characters on.

    Attributes:
        scan_files: The credentials in well-known files of the daemon's user must not leave either.
        secrets_file: Values of the operator's own, one a line; readable by the user alone.
        extended_patterns: Also the tokens of more than 200 vendors, and secrets by the file or protocol they stand in.
    """

    scan_env: bool = True
    scan_files: bool = True
    secrets_file: FilePath = ""
    min_env_secret_length: Annotated[int, Meta(ge=8, le=4096)] = 16
    include_defaults: bool = True
    extended_patterns: bool = True
    patterns: Annotated[tuple[DlpPattern, ...], Meta(max_length=1000)] = ()
    action: UnsupportedText = ""


class CanaryToken(msgspec.Struct, frozen=True, kw_only=True):
    """A planted value; `${NAME}` stands for that of the environment variable `env_var`, which is then named so."""

    name: Word
    value: Annotated[str, Meta(min_length=8, max_length=4096)]
    env_var: Annotated[str, Meta(max_length=128)] = ""


class CanaryTokens(msgspec.Struct, frozen=True, kw_only=True):
    """Planted values that must never leave, in whatever spelling."""

    enabled: Switch = False
    tokens: Annotated[tuple[CanaryToken, ...], Meta(max_length=1000)] = ()


class SeedPhraseDetection(msgspec.Struct, frozen=True, kw_only=True):
    """Wallet seed phrases (BIP-39) of `min_words` or more."""

    enabled: Switch = True
    min_words: Literal[12, 15, 18, 21, 24] = 12
    verify_checksum: bool = True


class AddressChains(msgspec.Struct, frozen=True, kw_only=True):
    """Which ledgers' addresses are known."""

    eth: bool = True
    btc: bool = True
    bnb: bool = True
    sol: bool = False


class AddressSimilarity(msgspec.Struct, frozen=True, kw_only=True):
    """How many characters at either end of two addresses must agree for look-alikes."""

    prefix_length: Annotated[int, Meta(ge=1, le=64)] = 4
    suffix_length: Annotated[int, Meta(ge=1, le=64)] = 4


class AddressProtection(msgspec.Struct, frozen=True, kw_only=True):
    """Wallet addresses that look like one of `allowed_addresses`; a chain without any there is not looked at.

    Attributes:
        action: What becomes of look-alikes.
        unknown_action: What becomes of other addresses that are not allowed.
    """

    enabled: Switch = False
    action: BlockOrWarn = "block"
    unknown_action: Literal["allow", "warn", "block"] = "allow"
    allowed_addresses: Annotated[Texts, Meta(max_length=10_000)] = ()
    chains: AddressChains = AddressChains()
    similarity: AddressSimilarity = AddressSimilarity()


class ResponsePattern(msgspec.Struct, frozen=True, kw_only=True):
    """An injection pattern of the user's own; one with a built-in's name replaces it."""

    name: Word
    regex: Regex


class SseStreaming(msgspec.Struct, frozen=True, kw_only=True):
    """Streams of events (`text/event-stream`, lines of JSON), judged event by event while they flow.

    Attributes:
        enabled: Switched off, such a stream is judged like any other answer that is too large to be held.
        max_event_bytes: The largest event; 0 is the default.
    """

    enabled: Switch = True
    action: Literal["", "block", "warn"] = "block"
    max_event_bytes: Natural = 1_048_576


class ResponseScanning(msgspec.Struct, frozen=True, kw_only=True):
    """Instructions hidden in answers. With `ask` an answer waits `ask_timeout_seconds` for a person.

    Attributes:
        large_bodies: What becomes of an answer that is larger than what is held whole (`fetch_proxy.max_response_mb`,
            `tls_interception.max_response_bytes`): `scan` judges it piece by piece while it flows, `block` refuses it.
    """

    enabled: Switch = True
    action: Literal["strip", "warn", "block", "ask"] = "warn"
    ask_timeout_seconds: Seconds = 30
    include_defaults: bool = True
    patterns: Annotated[tuple[ResponsePattern, ...], Meta(max_length=1000)] = ()
    exempt_domains: Hosts = ()
    large_bodies: Literal["scan", "block"] = "scan"
    sse_streaming: SseStreaming = SseStreaming()


class RequestBodyScanning(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials in request bodies and headers.

    Attributes:
        max_body_bytes: The largest body that is held whole.
        large_bodies: What becomes of larger ones: `scan` judges them piece by piece while they flow, `block` refuses
            them. Where placeholders are to be put in (`redaction`), they are refused.
        header_mode: `all` looks into every header but `ignore_headers`, `sensitive` into `sensitive_headers` alone.
    """

    enabled: bool = True
    action: BlockOrWarn = "warn"
    max_body_bytes: ByteCount = 5_242_880
    large_bodies: Literal["scan", "block"] = "scan"
    scan_headers: bool = True
    header_mode: Literal["sensitive", "all"] = "all"
    sensitive_headers: HeaderNames = DEFAULT_SENSITIVE_HEADERS
    ignore_headers: HeaderNames = DEFAULT_IGNORE_HEADERS


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that is known to be harmless: `rule` at `path` (URL, file or glob).

    Attributes:
        rule: The rule's name; those of the core floor are refused.
        host: Only on the way to or from this host.
        field: Only in this place, such as `header:authorization`, `body:user.name` or `url:query:token`.
        expires: From then on the entry no longer holds; a date is its first moment, UTC.
    """

    rule: SuppressedRule
    path: Glob
    host: Host = ""
    field: Field = ""
    expires: Expiry = ""
    reason: str = ""


class RedactionProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What a redaction profile replaces: shipped classes and words of the user's own."""

    classes: tuple[RedactionClass, ...] = ()
    dictionaries: Texts = ()


class RedactionDictionary(msgspec.Struct, frozen=True, kw_only=True):
    """Words of the user's own. Where two matches overlap, the one of the higher `priority` is replaced.

    Attributes:
        class_: What the placeholder calls them.
        entries_file: A file with one more entry a line; `#` begins a comment.
        word_boundary: Only where no letter or digit stands beside the word.
    """

    class_: Annotated[str, Meta(max_length=64, extra={"rule": "class_name"})] = msgspec.field(default="", name="class")
    entries: tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...] = ()
    entries_file: FilePath = ""
    case_insensitive: bool = False
    word_boundary: bool = False
    priority: Annotated[int, Meta(ge=0, le=1000)] = 0


class RedactionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one redaction. A body that goes beyond one of them is refused."""

    max_body_bytes: Annotated[int, Meta(ge=1, le=67_108_864)] = 10_485_760
    max_redactions_per_request: Annotated[int, Meta(ge=1, le=100_000)] = 10_000
    max_depth: Annotated[int, Meta(ge=1, le=256)] = 64


class UnparseableRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A route whose bodies may pass unparsed: each condition that is written must hold, and one must be."""

    host: Host
    methods: tuple[Method, ...] = ()
    path_prefixes: tuple[PathPrefix, ...] = ()
    path_suffixes: Texts = ()
    content_types: tuple[MediaTypeName, ...] = ()


class RedactionProvider(msgspec.Struct, frozen=True, kw_only=True):
    """An API whose bodies are read as JSON, whatever content type they name."""

    host_patterns: Annotated[HostPatterns, Meta(min_length=1)]
    path_prefixes: tuple[PathPrefix, ...] = ()
    parser: Literal["", "json"] = "json"


class Redaction(msgspec.Struct, frozen=True, kw_only=True):
    """Placeholders instead of secrets in the bodies of requests.

    Attributes:
        default_profile: The profile in force.
        strict_reload: Accepted; a reload is taken over whole or not at all in any case.
        allowlist_unparseable: Hosts to which bodies that can't be redacted may pass as they are.
        allowlist_unparseable_routes: Likewise, by method, path and content type.
        providers: APIs of models; those of Anthropic, OpenAI and Gemini are known.
    """

    enabled: Switch = False
    default_profile: str = ""
    profiles: dict[Word, RedactionProfile] = {}
    dictionaries: dict[Word, RedactionDictionary] = {}
    limits: RedactionLimits = RedactionLimits()
    strict_reload: bool = False
    allowlist_unparseable: HostPatterns = ()
    allowlist_unparseable_routes: tuple[UnparseableRoute, ...] = ()
    providers: dict[Word, RedactionProvider] = {}


class RequestPolicyRoute(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests a policy rule looks at."""

    hosts: Hosts = ()
    methods: tuple[Method, ...] = ()
    path_prefixes: Texts = ()
    path_patterns: tuple[RegexSource, ...] = ()
    content_types: Texts = ()


class RequestPolicyGraphql(msgspec.Struct, frozen=True, kw_only=True):
    """Operations by GraphQL type and root field."""

    operation_types: tuple[Literal["query", "mutation", "subscription"], ...] = ()
    root_field_patterns: tuple[RegexSource, ...] = ()


class RequestPolicyDiscriminator(msgspec.Struct, frozen=True, kw_only=True):
    """Operations by a JSON field."""

    field: str = ""
    value_patterns: tuple[RegexSource, ...] = ()


class RequestPolicyRule(msgspec.Struct, frozen=True, kw_only=True):
    """One operation rule."""

    name: Word
    action: BlockOrWarn = "block"
    shadow: bool = False
    route: RequestPolicyRoute = RequestPolicyRoute()
    graphql: RequestPolicyGraphql | None = None
    discriminator: RequestPolicyDiscriminator | None = None
    reason: str = ""


class RequestPolicyBatch(msgspec.Struct, frozen=True, kw_only=True):
    """How a batch endpoint names its inner requests."""

    route: RequestPolicyRoute = RequestPolicyRoute()
    requests_field: str = "requests"
    method_field: str = "method"
    url_field: str = "url"
    body_field: str = "body"
    max_sub_requests: Natural = 64


class RequestPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Rules on API operations. Not supported yet; `egress_rules` covers host, method, path and port."""

    enabled: UnsupportedSwitch = False
    on_parse_error: Literal["block", "warn", "allow"] = "block"
    on_opaque_operation: Literal["block", "warn", "allow"] = "block"
    rules: tuple[RequestPolicyRule, ...] = ()
    batch: tuple[RequestPolicyBatch, ...] = ()


class MediaPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Images, sound and film in answers. `strip_*` refuses a kind as a whole; a larger image is refused.

    Attributes:
        allowed_image_types: Others are refused; SVG is a document and never one of them.
        strip_image_metadata: Take out what an image holds beside its picture (comments, EXIF, XMP, text).
        log_media_exposure: Record each image, sound and film that reaches the agent.
    """

    enabled: Switch = True
    strip_images: bool = False
    strip_audio: bool = True
    strip_video: bool = True
    allowed_image_types: tuple[ImageType, ...] = ("image/png", "image/jpeg")
    strip_image_metadata: bool = True
    log_media_exposure: bool = True
    max_image_bytes: ByteCount = 5_242_880


class BrowserShield(msgspec.Struct, frozen=True, kw_only=True):
    """Rewriting of web pages. Not supported yet."""

    enabled: UnsupportedSwitch = False
    strictness: Literal["minimal", "standard", "aggressive"] = "standard"
    max_shield_bytes: Natural = 5_242_880
    oversize_action: Literal["block", "scan_head", "warn"] = "scan_head"
    exempt_domains: Hosts = ()
    strip_extension_probing: bool = True
    strip_hidden_traps: bool = True
    strip_tracking_pixels: bool = True
    inject_fingerprint_shims: bool = False
    tracking_domains: Hosts = ()
