"""Notifications in this daemon: settings from config, threads for what blocks, programs for what the desktop shows."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from pipelock.config import Config
from pipelock.config.validate_admin import OPERATORS_VARIABLES, SECRET_VARIABLE, SHORTEST_SECRET
from pipelock.daemon.secret_files import SecretFileError, read_secret
from pipelock.door.bus import EventBus
from pipelock.door.edges import Process, Reactor
from pipelock.model import Notice
from pipelock.notify.answers import AnswerSettings, SignedReader
from pipelock.notify.center import Center
from pipelock.notify.desktop import Desktop, find_program
from pipelock.notify.post import post
from pipelock.notify.webhook import Webhook, WebhookSettings

__all__ = ["NotifySettings", "Notifying", "notify_settings"]


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Section `notifications`, with the secret read."""

    webhook: WebhookSettings | None = None
    answers: AnswerSettings | None = None
    answer_url: str = ""
    desktop: bool = False


def notify_settings(config: Config, environ: Mapping[str, str]) -> NotifySettings:
    """The settings that `config` asks for.

    Raises:
        SecretFileError: `notifications.webhook.secret_file` can't be used.
    """
    section = config.notifications.webhook
    desktop = config.notifications.desktop.enabled
    if not section.url:
        return NotifySettings(desktop=desktop)
    secret = environ.get(SECRET_VARIABLE) or section.secret
    if not secret:
        key = "notifications.webhook.secret_file"
        secret = read_secret(Path(section.secret_file), key)
        if len(secret) < SHORTEST_SECRET:
            raise SecretFileError(f"{key}: {section.secret_file}: needs at least {SHORTEST_SECRET} characters")
    key_bytes = secret.encode("utf-8", "surrogateescape")
    return NotifySettings(
        webhook=WebhookSettings(section.url, key_bytes),
        answers=AnswerSettings(key_bytes, section.allow_scopes) if section.answers else None,
        answer_url=section.answer_url,
        desktop=desktop,
    )


class Notifying:
    """Tells people. `address` gives where the admin API is."""

    def __init__(
        self,
        reactor: Reactor,
        bus: EventBus,
        environ: Mapping[str, str],
        settings: NotifySettings,
        address: Callable[[], str],
    ) -> None:
        self.reader = SignedReader(time.time)
        self._reactor = reactor
        self._environ = environ
        self._address = address
        self._settings = settings
        self._bus = bus
        self._webhook = Webhook(self._in_thread, post, reactor, time.time, self._complain)
        self._desktop = Desktop(find_program(environ, sys.platform), self._start, reactor, self._complain)
        self._center = Center(self._webhook, self._desktop, self._answer_url)
        self._unsubscribe = bus.subscribe(self._center.heard)
        self.configure(settings)

    def configure(self, settings: NotifySettings) -> None:
        """Take over settings; what waits to be told goes to the new place, or nowhere."""
        self._settings = settings
        if settings.webhook is None:
            self._webhook.stop()
        self._webhook.settings = settings.webhook
        self._desktop.enable(settings.desktop)
        self.reader.settings = settings.answers
        self._center.allow_scopes = settings.answers is not None and settings.answers.allow_scopes

    def stop(self) -> None:
        """Tell nobody anything more."""
        self._unsubscribe()
        self._webhook.stop()

    def _complain(self, text: str) -> None:
        self._bus.publish(Notice("warn", text))

    def _answer_url(self) -> str:
        settings = self._settings
        if settings.answers is None:
            return ""
        return settings.answer_url or f"http://{self._address()}/api/v1/answers"

    def _in_thread(self, call: Callable[[], int], then: Callable[[int | Failure], None]) -> None:
        """In a thread of its own that nothing waits for at the end; the webhook has one at a time."""

        def run() -> None:
            try:
                result: int | Failure = call()
            except Exception:  # noqa: BLE001 - whatever it is, the queue has to go on
                result = Failure()  # type: ignore[no-untyped-call]
            if self._reactor.running:
                self._reactor.callFromThread(then, result)

        threading.Thread(target=run, name="webhook", daemon=True).start()

    def _start(self, watcher: ProcessProtocol, command: Sequence[str]) -> Callable[[], None]:
        given = {name: value for name, value in self._environ.items() if name not in OPERATORS_VARIABLES}
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            process = self._reactor.spawnProcess(
                watcher,
                os.fsencode(command[0]),
                [os.fsencode(word) for word in command],
                env={os.fsencode(name): os.fsencode(value) for name, value in given.items()},
                path=None,
                childFDs={0: nothing, 1: nothing, 2: nothing},
            )
        finally:
            os.close(nothing)
        return lambda: _kill(process)


def _kill(process: Process) -> None:
    with suppress(ProcessExitedAlready):
        process.signalProcess("KILL")
