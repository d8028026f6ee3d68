"""Which answers are offered for what is held.

What was found by a scanner is let through for its exact payload or its URL, and never for good. What an egress rule
asks about may be answered more widely. What is asked because of what the session has read lies between the two.
"""

from __future__ import annotations

from pipelock.detect.addresses import HostError, fold_host
from pipelock.detect.url_view import UrlError, parse_url, split_url
from pipelock.engine.approvals.asked import TAINT, Asked, folder_of, spelling_of
from pipelock.engine.approvals.words import clause, exactly
from pipelock.model import ActionSummary, Answer, AnswerWord, Grant, Lifetime, Offer, Scope

__all__ = ["KEPT_LAYER", "made", "offers_for"]

KEPT_LAYER = "egress_rules"
"""Only what this layer asks about may be answered for good: it is the operator's own question."""

_WHILE = (Lifetime.ONCE, Lifetime.SESSION, Lifetime.M5, Lifetime.H1, Lifetime.H12, Lifetime.RESTART)
_GOOD = (*_WHILE, Lifetime.FOREVER)
_TUNNELS = ("connect", "opened")
_BROAD = frozenset({Scope.DOMAIN, Scope.PROCESS})


def offers_for(asked: Asked, summary: ActionSummary, *, keeps: bool) -> tuple[Offer, ...]:
    """What may be answered, narrowest first. `keeps`: there is a file for what holds for good."""
    texts = [exactly(summary, asked, asked.agent, asked.program, allow=allow) for allow in (True, False)]
    # How a request goes on that has only begun is for the agent to say: nothing of it can be approved beforehand.
    exact = Offer(Scope.PAYLOAD, texts[0], texts[1], (Lifetime.ONCE,) if asked.unfinished else _WHILE)
    if summary.agent != asked.agent or not _shows_host(summary, asked):
        return (_nameless(exact, asked, summary),)
    return (exact, *(_offer(asked, scope, keeps=keeps) for scope in _scopes(asked, summary)))


def _nameless(exact: Offer, asked: Asked, summary: ActionSummary) -> Offer:
    """Without a name that holds, or may hold, a secret: neither words nor a grant repeat it."""
    if summary.agent == asked.agent:
        return exact
    texts = [exactly(summary, asked, summary.agent, "", allow=allow) for allow in (True, False)]
    return Offer(Scope.PAYLOAD, texts[0], texts[1], (Lifetime.ONCE,))


def _scopes(asked: Asked, summary: ActionSummary) -> list[Scope]:
    tunnel = asked.kind in _TUNNELS
    whole = not tunnel and _shows_url(summary, asked)
    scopes = [Scope.URL] if whole else []
    if asked.flagged:
        return scopes
    if asked.layer == TAINT:
        return [*scopes, Scope.HOST]
    if whole and asked.path and folder_of(asked.path) != "/":
        scopes.append(Scope.PATH)
    scopes.append(Scope.HOST)
    if asked.domain:
        scopes.append(Scope.DOMAIN)
    if asked.program:
        scopes.append(Scope.PROCESS)
    return scopes


def _shows_host(summary: ActionSummary, asked: Asked) -> bool:
    """Whether the host is shown: what is hidden in the summary must not stand in words."""
    try:
        return bool(asked.host) and fold_host(summary.host).name == asked.host
    except HostError:
        return False


def _shows_url(summary: ActionSummary, asked: Asked) -> bool:
    """Whether all of the URL is shown. One that is cut would be approved unseen, one that is hidden would be told."""
    try:
        return bool(asked.url) and spelling_of(parse_url(split_url(summary.url))) == asked.url
    except UrlError:
        return False


def _offer(asked: Asked, scope: Scope, *, keeps: bool) -> Offer:
    folder = folder_of(asked.path)
    return Offer(
        scope,
        clause(asked, scope, folder, allow=True, flagged=asked.flagged),
        clause(asked, scope, folder, allow=False, flagged=asked.flagged),
        _GOOD if keeps and _may_be_kept(asked, scope) else _WHILE,
        broad=scope in _BROAD or asked.kind == "connect",
    )


def _may_be_kept(asked: Asked, scope: Scope) -> bool:
    if asked.flagged or asked.layer != KEPT_LAYER or scope is Scope.PROCESS:
        return False
    return scope is not Scope.URL or "?" not in asked.url  # a query may hold what should not lie in a file


def made(asked: Asked, offer: Offer, answer: Answer, grant_id: str, now: float) -> Grant:
    """The grant that `answer`, of one of the offers, leaves. `now` is seconds since the epoch."""
    scope, lifetime = answer.scope, answer.lifetime
    allow = answer.word is not AnswerWord.DENY
    places = scope in (Scope.PATH, Scope.HOST)
    return Grant(
        id=grant_id,
        allow=allow,
        scope=scope,
        lifetime=lifetime,
        words=f"{offer.allow if allow else offer.deny} {lifetime.words}",
        created_at=now,
        expires_at=now + lifetime.seconds if lifetime.seconds else 0.0,
        by=answer.by,
        note=answer.note,
        session=asked.session if lifetime is Lifetime.SESSION else "",
        agent=asked.agent,
        program=asked.program,
        kind=asked.kind,
        method=asked.method if scope in (Scope.URL, Scope.PATH) else "",
        url=asked.url if scope is Scope.URL else "",
        host=asked.host if places else "",
        port=asked.port if places or scope is Scope.DOMAIN else 0,
        path=folder_of(asked.path) if scope is Scope.PATH else "",
        domain=asked.domain if scope is Scope.DOMAIN else "",
        layer=asked.layer,
        rules=asked.rules,
        digest=asked.digest if scope is Scope.PAYLOAD else "",
    )
