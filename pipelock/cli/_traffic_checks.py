"""Checks that send something through a daemon and look what became of it.

What is right depends on the configuration: where it says `warn`, or enforces nothing, a finding has to be recorded and
the traffic to pass; the detail then says so.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec

from pipelock.cli._check_origin import GOOD, INJECTION
from pipelock.cli._check_results import Result, Status, failed, passed, skipped
from pipelock.cli._rehearsal import BLOCKED, GOOD_HOST, Reached, Rehearsal, rehearse
from pipelock.config import Config
from pipelock.trust.instance import InstanceError

__all__ = [
    "DIAGNOSIS",
    "SCANNING",
    "Check",
    "a_secret",
    "attempt",
    "fetch_allowed",
    "fetch_blocked",
    "fetch_dlp",
    "fetch_hint",
    "forward_allowed",
    "forward_blocked",
    "health",
    "rules",
    "scanning_dlp",
    "scanning_injection",
    "scanning_websocket",
]

Check = Callable[[Rehearsal, Config], Result]
_TEXT_FRAME = 0x81
_MASKED = 0x80
_NOTHING = "nothing is enforced (mode audit, or enforce: false)"


def a_secret() -> str:
    """A made-up key in the form of an AWS access key id, another one each time."""
    return "AKIA" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))


def attempt(home: Path, path: Path | None, config: Config, checks: Sequence[tuple[str, Check]]) -> list[Result]:
    """Try each with one daemon; where that does not start, the first has failed and the others are skipped.

    Args:
        home: The user's.
        path: The file of the configuration; `None` for the defaults.
        config: What stands in it.
        checks: With their names.
    """
    done: list[Result] = []
    try:
        with rehearse(home, path) as stage:
            for _, check in checks:
                done.append(check(stage, config))
    except (InstanceError, OSError) as error:
        names = [name for name, _ in checks[len(done) :]]
        done += [failed(name, f"a daemon with this configuration does not run: {error}") for name in names[:1]]
        done += [skipped(name, "there is no daemon to try it with") for name in names[1:]]
    return done


def health(stage: Rehearsal, _config: Config) -> Result:
    """The daemon says that it is well."""
    answer = stage.request("/health", stage.token()).answer
    if answer.status == 200 and b'"healthy"' in answer.body:
        return passed("health", "a daemon with this configuration starts and answers")
    return failed("health", _said("/health", answer.status, answer.problem))


def rules(stage: Rehearsal, _config: Config) -> Result:
    """A made-up key is found in a URL by a rule."""
    reached = _fetch(stage, f"/?key={a_secret()}")
    why = reached.recorded("block", "warn", "redact")
    return passed("rules", why) if why else failed("rules", "a made-up AWS key in a URL was not found")


def fetch_allowed(stage: Rehearsal, _config: Config) -> Result:
    """`/fetch` brings a harmless page."""
    reached = _fetch(stage, "/good")
    if reached.answer.status == 200 and GOOD.strip() in reached.answer.body:
        return passed("fetch_allowed")
    return failed("fetch_allowed", _why_not(reached, "a harmless page on loopback"))


def fetch_blocked(stage: Rehearsal, config: Config) -> Result:
    """`/fetch` refuses a host on the list of refused hosts."""
    return _refused("fetch_blocked", _fetch(stage, "/good", BLOCKED), config)


def fetch_hint(stage: Rehearsal, config: Config) -> Result:
    """A refusal says how it could be changed, where that is wanted."""
    if not config.explain_blocks:
        return skipped("fetch_hint", "explain_blocks is off: clients are not told how to change an outcome")
    reached = _fetch(stage, "/good", BLOCKED)
    if reached.answer.status != 403:
        return skipped("fetch_hint", "nothing is refused")
    if b'"hint":"' in reached.answer.body:
        return passed("fetch_hint")
    return failed("fetch_hint", "the refusal has no hint, though explain_blocks is on")


def forward_allowed(stage: Rehearsal, config: Config) -> Result:
    """A client that uses the proxy gets a harmless page, and a tunnel."""
    if not config.forward_proxy.enabled:
        return skipped("forward_allowed", "forward_proxy.enabled is off")
    token = stage.token()
    reached = stage.request(stage.url(f"/good?{token}"), token)
    if reached.answer.status != 200 or reached.answer.body != GOOD:
        return failed("forward_allowed", _why_not(reached, "a harmless page on loopback"))
    opened = stage.exchange(_connect(stage, GOOD_HOST), stage.token(), only_head=True)
    if opened.answer.status != 200:
        return failed("forward_allowed", _why_not(opened, "a tunnel to loopback"))
    return passed("forward_allowed", "a page and a tunnel")


def forward_blocked(stage: Rehearsal, config: Config) -> Result:
    """A client that uses the proxy can't reach a refused host, neither by request nor by tunnel."""
    if not config.forward_proxy.enabled:
        return skipped("forward_blocked", "forward_proxy.enabled is off: nothing is forwarded")
    token = stage.token()
    result = _refused("forward_blocked", stage.request(stage.url(f"/good?{token}", BLOCKED), token), config)
    if result.status is not Status.PASS or _enforces_nothing(config):
        return result
    opened = stage.exchange(_connect(stage, BLOCKED), stage.token(), only_head=True)
    if opened.answer.status != 403:
        what = _said("a tunnel to a refused host", opened.answer.status, opened.answer.problem)
        return failed("forward_blocked", what)
    return passed("forward_blocked", "a request and a tunnel")


def fetch_dlp(stage: Rehearsal, config: Config) -> Result:
    """A key in a URL does not leave by `/fetch`."""
    return _stopped("fetch_dlp", _fetch(stage, f"/?key={a_secret()}"), config, "the URL")


def scanning_dlp(stage: Rehearsal, config: Config) -> Result:
    """A key in a body does not leave."""
    if not config.request_body_scanning.enabled:
        return failed("scanning_dlp", "request_body_scanning.enabled is off: bodies leave unread")
    if not config.forward_proxy.enabled:
        return skipped("scanning_dlp", "forward_proxy.enabled is off: no bodies are forwarded")
    token = stage.token()
    body = f"token={token}&key={a_secret()}".encode()
    return _stopped("scanning_dlp", stage.request(stage.url("/"), token, body), config, "a body")


def scanning_injection(stage: Rehearsal, config: Config) -> Result:
    """An instruction hidden in a page is found, and what the configuration says is done about it."""
    section = config.response_scanning
    if not section.enabled:
        return failed("scanning_injection", "response_scanning.enabled is off: answers are not looked at")
    if config.forward_proxy.enabled:
        token = stage.token()
        reached = stage.request(stage.url(f"/injection?{token}"), token)
    else:
        reached = _fetch(stage, "/injection")
    why = reached.recorded("block", "strip", "warn", "ask", "redact")
    if not reached.arrived:
        return failed("scanning_injection", _why_not(reached, "a page with an instruction in it"))
    if INJECTION.strip() not in reached.answer.body:
        return passed("scanning_injection", f"kept from the client: {why}")
    if why and _lets_pass(config, section.action):
        return passed("scanning_injection", f"found, recorded and delivered, as {_because(config, section.action)}")
    return failed("scanning_injection", "a page with an instruction in it was delivered as if it were harmless")


def scanning_websocket(stage: Rehearsal, config: Config) -> Result:
    """A key in a WebSocket's message does not leave."""
    section = config.websocket_proxy
    if not section.enabled:
        return skipped("scanning_websocket", "websocket_proxy.enabled is off: none are opened")
    if not section.scan_text_frames:
        return failed("scanning_websocket", "websocket_proxy.scan_text_frames is off: messages leave unread")
    token = stage.token()
    where = quote(f"ws://{GOOD_HOST}:{stage.origin.port}/", safe="")
    opening = (
        f"GET /ws?url={where} HTTP/1.1\r\nHost: 127.0.0.1:{stage.address[1]}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}\r\n\r\n"
    )
    message = _frame(f"{token} {a_secret()}".encode()) + _frame((1000).to_bytes(2), opcode=0x88)
    reached = stage.exchange(opening.encode(), token, then=message)
    if reached.answer.status != 101:
        return failed("scanning_websocket", _why_not(reached, "a WebSocket to loopback"))
    return _stopped("scanning_websocket", reached, config, "a message")


def _fetch(stage: Rehearsal, path: str, host: str = GOOD_HOST) -> Reached:
    token = stage.token()
    sign = "&" if "?" in path else "?"
    return stage.request(f"/fetch?url={quote(stage.url(f'{path}{sign}{token}', host), safe='')}", token)


def _connect(stage: Rehearsal, host: str) -> bytes:
    authority = f"{host}:{stage.origin.port}"
    return f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode()


def _frame(text: bytes, opcode: int = _TEXT_FRAME) -> bytes:
    """A short WebSocket message of a client, RFC 6455 §5.2."""
    mask = secrets.token_bytes(4)
    return bytes([opcode, _MASKED | len(text)]) + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))


def _refused(name: str, reached: Reached, config: Config) -> Result:
    if reached.arrived:
        why = reached.recorded("block", "warn")
        if why and _enforces_nothing(config):
            return passed(name, f"recorded and let through, as {_NOTHING}")
        return failed(name, "a request to a refused host arrived there")
    if reached.answer.status != 403:
        return failed(name, _said("a request to a refused host", reached.answer.status, reached.answer.problem))
    return passed(name)


def _stopped(name: str, reached: Reached, config: Config, where: str) -> Result:
    """A made-up key was sent in `where`."""
    why = reached.recorded("block", "warn", "ask", "redact", "strip")
    if not why:
        return failed(name, f"a made-up AWS key in {where} was not found")
    if not reached.arrived:
        return passed(name, why)
    if _lets_pass(config, config.request_body_scanning.action):
        action = _because(config, config.request_body_scanning.action)
        return passed(name, f"{why}; recorded and let through, as {action}")
    return failed(name, f"{why}, and it left all the same")


def _lets_pass(config: Config, action: str) -> bool:
    return _enforces_nothing(config) or action == "warn"


def _because(config: Config, action: str) -> str:
    return _NOTHING if _enforces_nothing(config) else f"the configuration says `{action}`"


def _enforces_nothing(config: Config) -> bool:
    return not config.enforce or config.mode == "audit"


def _why_not(reached: Reached, what: str) -> str:
    """Why something harmless did not come through."""
    why = next((str(record.get("reason")) for record in reached.records if record.get("verdict") == "block"), "")
    return f"{what}: refused: {why}" if why else _said(what, reached.answer.status, reached.answer.problem)


def _said(what: str, status: int, problem: str) -> str:
    return f"{what}: {problem or f'the daemon answered {status}'}"


DIAGNOSIS: tuple[tuple[str, Check], ...] = (
    ("health", health),
    ("fetch_allowed", fetch_allowed),
    ("fetch_blocked", fetch_blocked),
    ("fetch_hint", fetch_hint),
    ("forward_allowed", forward_allowed),
    ("forward_blocked", forward_blocked),
    ("rules", rules),
)
"""For `pipelock diagnose`."""

SCANNING: tuple[tuple[str, Check], ...] = (
    ("proxy_health", lambda stage, config: msgspec.structs.replace(health(stage, config), name="proxy_health")),
    ("fetch_dlp", fetch_dlp),
    ("forward_blocked", forward_blocked),
    ("scanning_dlp", scanning_dlp),
    ("scanning_injection", scanning_injection),
    ("scanning_websocket", scanning_websocket),
)
"""For `pipelock verify-install`."""
