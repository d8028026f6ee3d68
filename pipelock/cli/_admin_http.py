"""The admin API from the command line: where it is, with which token, and what its answers mean for the exit code."""

from __future__ import annotations

import http.client
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from pipelock.admin.wire import (
    AdaptiveStatus,
    AirlockDone,
    Explanation,
    Flushed,
    Inspection,
    KillStatus,
    ResetDone,
    SessionList,
    Snapshot,
    TaskDone,
    TerminateDone,
    TrustDone,
    TrustWish,
    Whoami,
)
from pipelock.cli.errors import EXIT_FAILED, EXIT_USAGE, CommandError, UsageError
from pipelock.cli.link import URL_VARIABLE
from pipelock.cli.output import complain
from pipelock.cli.table import Arguments
from pipelock.config import ConfigError, load
from pipelock.config.schema import Config
from pipelock.config.validate_admin import TOKEN_VARIABLE
from pipelock.model import KillSwitchState, Tier, escape

__all__ = ["HttpDesk", "find_api", "token_of_file"]

SECONDS = 10.0
MAX_ANSWER = 8 * 2**20
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_USAGE = frozenset({400, 401, 403, 405})
_ANY = frozenset({"", "0.0.0.0", "::"})

T = TypeVar("T")


def find_api(arguments: Arguments, environ: Mapping[str, str]) -> HttpDesk:
    """The admin API that the command line names, or the environment, or the configuration.

    Raises:
        UsageError: there is no token, the URL is none, or the configuration file may be read by others.
    """
    url = arguments.api_url or environ.get(URL_VARIABLE, "")
    token = arguments.api_token or environ.get(TOKEN_VARIABLE, "")
    path = arguments.config or (None if url and token else _discover(environ))
    if path is not None and not (url and token):
        config = token_of_file(path)
        token = token or config.kill_switch.api_token
        url = url or _url_of(config)
    if not token:
        raise UsageError(f"the admin API needs a token: --api-token, {TOKEN_VARIABLE}, or kill_switch.api_token")
    return HttpDesk(url or "http://127.0.0.1:8888", token)


def _discover(environ: Mapping[str, str]) -> Path | None:
    """The configuration file that there is."""
    home = Path(environ.get("HOME") or "/")
    named = environ.get("PIPELOCK_CONFIG")
    places = [
        *([Path(named)] if named else []),
        Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pipelock" / "pipelock.yaml",
        home / ".config" / "pipelock" / "pipelock.yaml",
        Path("/etc/pipelock/pipelock.yaml"),
    ]
    return next((place for place in places if place.is_file()), None)


def token_of_file(path: Path) -> Config:
    """The configuration in a file that only its owner can read: it holds a token.

    Raises:
        UsageError: it can't be read, others can read it, or it is not valid.
    """
    try:
        info = path.stat()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if info.st_uid not in (os.getuid(), 0) or stat.S_IMODE(info.st_mode) & 0o077:
        raise UsageError(f"{path}: others may read it, so its token is not used; chmod 600 it, or set {TOKEN_VARIABLE}")
    try:
        return load(path).config
    except ConfigError as error:
        raise UsageError(str(error).splitlines()[0]) from error


def _url_of(config: Config) -> str:
    address = config.kill_switch.api_listen or config.fetch_proxy.listen
    host, _, port = address.rpartition(":")
    return f"http://127.0.0.1:{port}" if host.strip("[]") in _ANY else f"http://{address}"


class HttpDesk:
    """Asks the admin API at `url`, one connection a question, no redirects, no proxy.

    Raises:
        UsageError: the URL is none.
    """

    def __init__(self, url: str, token: str) -> None:
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError as error:
            raise UsageError(f"{escape(url, 200)} is no URL") from error
        if parts.scheme not in ("http", "https") or not self._host or parts.query or parts.fragment:
            raise UsageError(f"{escape(url, 200)} is not the address of an admin API, as http://127.0.0.1:9099 is")
        if not token.isascii() or not token.isprintable() or " " in token:
            raise UsageError("the token must be printable ASCII without spaces")
        self._tls = parts.scheme == "https"
        self._base = parts.path.rstrip("/")
        self._token = token
        if not self._tls and self._host not in _LOCAL:
            complain(f"warning: the token goes to {self._host} unencrypted; use https, or a tunnel")

    # -- what is asked ---------------------------------------------------------------------------------------------

    def sessions(self, tier: str) -> tuple[Snapshot, ...]:
        """The daemon's list."""
        query = f"?{urlencode({'tier': tier})}" if tier else ""
        return self._get(f"sessions{query}", SessionList).sessions

    def inspect(self, key: str) -> Inspection:
        """One of them."""
        return self._get(_path(key), Inspection)

    def explain(self, key: str) -> Explanation:
        """Why."""
        return self._get(_path(key, "explain"), Explanation)

    def airlock(self, key: str, tier: Tier, reason: str) -> AirlockDone:
        """Set the tier."""
        return self._post(_path(key, "airlock"), {"tier": tier.value, "reason": reason}, AirlockDone)

    def reset(self, key: str, reason: str) -> ResetDone:
        """Forget."""
        return self._post(_path(key, "reset"), {"reason": reason}, ResetDone)

    def terminate(self, key: str, reason: str) -> TerminateDone:
        """End."""
        return self._post(_path(key, "terminate"), {"reason": reason}, TerminateDone)

    def task(self, key: str, label: str, reason: str) -> TaskDone:
        """Begin."""
        return self._post(_path(key, "task"), {"label": label, "reason": reason}, TaskDone)

    def trust(self, key: str, wish: TrustWish) -> TrustDone:
        """Trust."""
        return self._post(_path(key, "trust"), msgspec.to_builtins(wish), TrustDone)

    def status(self) -> AdaptiveStatus:
        """All in numbers."""
        return self._get("adaptive/status", AdaptiveStatus)

    def flush(self) -> Flushed:
        """Reset all."""
        return self._post("adaptive/flush", {}, Flushed)

    def whoami(self, agent: str) -> Whoami:
        """What is known of us."""
        query = f"?{urlencode({'agent': agent})}" if agent else ""
        return self._get(f"adaptive/whoami{query}", Whoami)

    def kill(self, active: bool | None) -> KillSwitchState:  # noqa: FBT001 - on, off, or only asked about
        """The kill switch, after moving its `api` source where that is wanted."""
        if active is not None:
            self._post("killswitch", {"active": active}, dict)
        state = self._get("killswitch/status", KillStatus)
        message = state.message if isinstance(state.message, str) else ""
        return KillSwitchState(state.active, state.sources, message)

    # -- how it is asked -------------------------------------------------------------------------------------------

    def _get(self, path: str, kind: type[T]) -> T:
        return self._ask("GET", path, None, kind)

    def _post(self, path: str, body: Any, kind: type[T]) -> T:  # noqa: ANN401 - JSON
        return self._ask("POST", path, msgspec.json.encode(body), kind)

    def _ask(self, method: str, path: str, body: bytes | None, kind: type[T]) -> T:
        make = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        connection = make(self._host, self._port, timeout=SECONDS)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            connection.request(method, f"{self._base}/api/v1/{path}", body, headers)
            answer = connection.getresponse()
            data = answer.read(MAX_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise CommandError(f"the admin API at {self._host} does not answer: {escape(str(why), 200)}") from error
        finally:
            connection.close()
        if answer.status != 200:
            raise _refused(answer.status, data)
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.MsgspecError as error:
            raise CommandError(f"the admin API at {self._host} answered something else: {error}") from error


def _path(key: str, verb: str = "") -> str:
    path = f"sessions/{quote(key, safe='')}"
    return f"{path}/{verb}" if verb else path


def _refused(status: int, data: bytes) -> CommandError:
    said = escape(data.decode("utf-8", "replace").strip(), 300)
    code = EXIT_USAGE if status in _USAGE else EXIT_FAILED
    hint = "; is the token right?" if status == 401 else ""
    return CommandError(f"the admin API said {status}: {said}{hint}", code)
