"""How a body that is judged while it passes is driven, and which way of judging fits it."""

from __future__ import annotations

from typing import Protocol as Shape

from pipelock.model import Action, BlockReason, Decision, Fault, Transport, Verdict
from pipelock.proxy.bodies.events import EventStream, is_event_stream
from pipelock.proxy.bodies.window import FLUSH_AFTER, WindowStream
from pipelock.proxy.context import ProxyContext

__all__ = ["BodySink", "BodyStream", "open_answer", "open_request", "too_large_request"]


class BodySink(Shape):
    """Who gets what was judged."""

    def body_judged(self, decision: Decision) -> None:
        """The head, and the body as far as it was held, may pass. Comes before any `body_passed`."""

    def body_passed(self, data: bytes) -> None:
        """This may pass, its content codings taken off. Without a byte: the head alone may."""

    def body_done(self) -> None:
        """Everything was judged and has passed."""

    def body_refused(self, action: Action, decision: Decision) -> None:
        """It may not pass; nothing is called after this."""

    def body_ended(self, ending: bytes, action: Action, decision: Decision) -> None:
        """Like `body_refused`, in the midst of a stream whose protocol has a way to say so: `ending`."""

    def body_hold(self) -> None:
        """Enough is waiting: feed no more for now."""

    def body_more(self) -> None:
        """Not enough is waiting."""


class BodyStream(Shape):
    """A body on its way. What `feed` takes is as it was on the wire, the transfer coding taken off.

    Attributes:
        is_decoded: What passes is not byte by byte what was fed: codings were taken off.
        keeps_length: What passes is as long as what is fed, as far as that can be known beforehand.
    """

    is_decoded: bool
    keeps_length: bool

    def feed(self, data: bytes) -> None:
        """More of it."""

    def finish(self) -> None:
        """That was all."""

    def fail(self, fault: Fault) -> None:
        """There will be no more, and no good end."""

    def cancel(self) -> None:
        """Nobody wants it any more. Harmless afterwards."""

    def pause(self) -> None:
        """The receiver takes no more for now."""

    def resume(self) -> None:
        """It takes more."""


def open_request(context: ProxyContext, action: Action, length: int | None, sink: BodySink) -> BodyStream:
    """How the body of `action`, a request of `length` bytes if that is known, is judged."""
    settings = context.settings
    return WindowStream(
        context.door,
        context.clock,
        context.budget,
        action,
        sink,
        codings=_codings(action),
        length=length,
        whole=settings.max_request_body,
        larger=None if settings.streams_requests else too_large_request(settings.max_request_body),
    )


def open_answer(context: ProxyContext, action: Action, length: int | None, sink: BodySink) -> BodyStream:
    """How the body of `action`, an answer of `length` bytes if that is known, is judged."""
    settings = context.settings
    codings, policy = _codings(action), context.door.engine.policy
    if settings.event_streams and is_event_stream(action.content_type, action.headers):
        return EventStream(
            context.door,
            context.clock,
            action,
            sink,
            budget=context.budget,
            codings=codings,
            max_event=settings.max_event_bytes,
            lenient=policy.event_action is Verdict.WARN or not policy.enforce,
            turns=context.turns,
        )
    whole = settings.held_answer(action.transport)
    stream = WindowStream(
        context.door,
        context.clock,
        context.budget,
        action,
        sink,
        codings=codings,
        length=length,
        whole=whole,
        larger=None if settings.streams_responses else _too_large_answer(whole, action.transport),
        flush_after=FLUSH_AFTER if length is None else None,
    )
    if policy.response_action is Verdict.STRIP:
        # Where something may be taken out the length is not known before the end.
        stream.keeps_length = False
    return stream


def too_large_request(limit: int) -> Fault:
    """What is said of a body of more than `limit` bytes where such bodies are refused."""
    return Fault(
        BlockReason.BAD_REQUEST,
        f"the body is larger than {limit // 1024} KiB, more than is held; raise request_body_scanning.max_body_bytes, "
        "or have it scanned while it flows (request_body_scanning.large_bodies)",
        413,
    )


def _too_large_answer(limit: int, transport: Transport) -> Fault:
    key = "tls_interception.max_response_bytes" if transport is Transport.INTERCEPT else "fetch_proxy.max_response_mb"
    return Fault(
        BlockReason.RESPONSE_SIZE,
        f"the response is larger than {limit / 1_048_576:.0f} MiB, more than is held; raise {key}, or have it scanned "
        "while it flows (response_scanning.large_bodies)",
        403,
    )


def _codings(action: Action) -> str:
    return ", ".join([value for name, value in action.headers if name == "content-encoding"])
