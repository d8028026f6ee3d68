"""Section `redaction`: what leaves in a request's body leaves as placeholders."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pipelock.detect.addresses import HostError, fold_host
from pipelock.detect.hosts import HostSet
from pipelock.detect.redaction import RedactionError, Redactor
from pipelock.detect.redaction_body import redact_body
from pipelock.detect.url_view import UrlError, parse_url, split_url
from pipelock.engine._paths import rule_paths
from pipelock.model import Action, Finding, Severity

__all__ = ["Redaction", "RedactionResult", "Route"]

_UNREADABLE = frozenset({"body_unparseable", "non_json_body", "multipart_unsupported"})
"""Reasons that the operator may overlook for a host; what goes beyond a limit may not be overlooked."""


class Route(msgspec.Struct, frozen=True):
    """Requests whose bodies may pass unread: every condition that is not empty must hold."""

    hosts: HostSet
    methods: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    types: frozenset[str] = frozenset()

    def covers(self, action: Action, host: str) -> bool:
        """Whether `action`, on its way to `host`, goes this way."""
        paths = _paths(action.url)
        kind = action.content_type.partition(";")[0].strip().lower()
        return (
            bool(paths)
            and host in self.hosts
            and (not self.methods or action.method.upper() in self.methods)
            and (not self.prefixes or all(path.startswith(self.prefixes) for path in paths))
            and (not self.suffixes or all(path.endswith(self.suffixes) for path in paths))
            and (not self.types or kind in self.types)
        )


def _paths(url: str) -> tuple[str, ...]:
    """Every reading of the path: what lets something pass must hold for all of them. Empty where there is none."""
    try:
        paths = rule_paths(parse_url(split_url(url)).decoded_path)
    except UrlError:
        return ()
    return () if any(".." in path.split("/") for path in paths) else paths


class RedactionResult(msgspec.Struct, frozen=True):
    """What became of a body: another one, or why it must not leave."""

    body: bytes | None = None
    counts: Mapping[str, int] = {}
    findings: tuple[Finding, ...] = ()


class Redaction(msgspec.Struct, frozen=True):
    """A profile in force, and where bodies that it can't read may go all the same."""

    redactor: Redactor
    routes: tuple[Route, ...] = ()
    json_routes: tuple[Route, ...] = ()
    """Where bodies are read as JSON, whatever content type they name."""

    def apply(self, action: Action) -> RedactionResult:
        """Redact the body of a request.

        Raises:
            MatcherError: the matcher failed; block.
        """
        if not action.body:
            return RedactionResult()
        try:
            redacted = redact_body(action.body, self._type_of(action), self.redactor)
        except RedactionError as error:
            if error.code in _UNREADABLE and _goes(action, self.routes):
                return RedactionResult()
            return RedactionResult(findings=(_refusal(error),))
        return RedactionResult(redacted.body, redacted.counts) if redacted.counts else RedactionResult()

    def _type_of(self, action: Action) -> str:
        """The content type to read the body by. Raises RedactionError where there are two."""
        if len({value for name, value in action.headers if name == "content-type"}) > 1:
            raise RedactionError("body_unparseable", "the body has two content types")
        return "application/json" if _goes(action, self.json_routes) else action.content_type


def _goes(action: Action, routes: tuple[Route, ...]) -> bool:
    """Whether `action` takes one of `routes`."""
    if not routes:
        return False
    try:
        host = fold_host(action.host).name
    except HostError:
        return False
    return any(route.covers(action, host) for route in routes)


def _refusal(error: RedactionError) -> Finding:
    return Finding(
        scanner="redaction",
        rule=error.code,
        severity=Severity.HIGH,
        message=f"the body can't be redacted: {error.detail}",
        place="body",
        hard=True,
    )
