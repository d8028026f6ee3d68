"""What the main listener answers by itself: /health, /stats, /metrics."""

from __future__ import annotations

from pipelock.proxy.context import LocalAnswer, ProxyContext

__all__ = ["local_answer"]

_TEXT = "text/plain; charset=utf-8"
_HEALTH = "/health"


def local_answer(context: ProxyContext, method: str, path: str, client: str, session: str) -> LocalAnswer | None:
    """The answer, or `None` where the kill switch forbids one and the door has to say so.

    `session` is the key of the sandbox that asks; empty where it is none. Sandboxes have `/health` alone.
    """
    route = context.routes.get(path)
    # What is counted there are the doings of all agents, by name.
    is_hidden = bool(session) and path != _HEALTH
    if route is None or is_hidden:
        return LocalAnswer(404, _TEXT, b"pipelock: no such page; a proxy wants an absolute URL\n")
    settings = context.settings
    exempt = (path == _HEALTH and settings.health_exempt) or (path == "/metrics" and settings.metrics_exempt)
    if not exempt and context.door.engine.kill.applies_to(client, session):
        return None
    if method not in ("GET", "HEAD"):
        return LocalAnswer(405, _TEXT, b"only GET allowed\n")
    return route()
