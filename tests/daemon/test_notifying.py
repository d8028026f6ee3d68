"""Notifications wired up: what config asks for, and what runs in threads and programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

from pipelock.config import Config, loads
from pipelock.config.validate_admin import SECRET_VARIABLE
from pipelock.daemon import notifying
from pipelock.daemon.notifying import Notifying, NotifySettings, notify_settings
from pipelock.daemon.secret_files import SecretFileError
from pipelock.door.bus import EventBus
from pipelock.model import Held
from pipelock.notify.answers import AnswerSettings
from pipelock.notify.webhook import WebhookSettings
from tests.notify.items import a_pending

HOOK = "notifications: {webhook: {url: 'https://h.example/x', %s}}"


def config(text: str) -> Config:
    return loads(text, "test").config


def test_settings() -> None:
    assert notify_settings(Config(), {}) == NotifySettings()
    plain = notify_settings(config(HOOK % "secret: ssssssssssssssss"), {})
    assert plain == NotifySettings(WebhookSettings("https://h.example/x", b"s" * 16))
    wide = notify_settings(
        config(HOOK % "secret: ssssssssssssssss, answers: true, allow_scopes: true"), {SECRET_VARIABLE: "e" * 16}
    )
    assert wide.answers == AnswerSettings(b"e" * 16, allow_scopes=True)


@pytest.mark.parametrize("content", ["", "short\n", "\xff" * 20])
def test_a_file_without_a_secret(tmp_path: Path, content: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content.encode("latin-1"))
    file.chmod(0o600)
    with pytest.raises(SecretFileError):
        notify_settings(config(HOOK % f"secret_file: '{file}'"), {})


class Wired:
    """Notifications on a reactor in memory; threads run at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, settings: NotifySettings, environ: dict[str, str]) -> None:
        self.posted: list[dict[str, Any]] = []
        self.reactor: Any = MemoryReactorClock()
        self.reactor.running = True
        self.reactor.callFromThread = lambda call, *args: call(*args)
        self.bus = EventBus(lambda: 0.0, 10)
        monkeypatch.setattr(notifying, "post", self._post)
        monkeypatch.setattr(notifying.threading, "Thread", AtOnce)
        self.notifying = Notifying(self.reactor, self.bus, environ, settings, lambda: "127.0.0.1:9099")

    def _post(self, _url: str, body: bytes, _headers: dict[str, str], _seconds: float) -> int:
        self.posted.append(json.loads(body))
        return 200


class AtOnce:
    def __init__(self, *, target: Callable[[], None], name: str, daemon: bool) -> None:
        assert daemon  # nothing may wait for it when the daemon ends
        self.start = target


HOOKED = NotifySettings(WebhookSettings("https://h.example/x", b"s" * 16), AnswerSettings(b"s" * 16))


def test_what_waits_is_told_with_the_place_for_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    wired = Wired(monkeypatch, HOOKED, {})
    wired.bus.publish(Held(a_pending()))
    assert [(said["id"], said["answer_url"]) for said in wired.posted] == [
        ("7", "http://127.0.0.1:9099/api/v1/answers")
    ]
    wired.notifying.configure(NotifySettings(HOOKED.webhook))
    wired.bus.publish(Held(a_pending(id="8")))
    assert wired.posted[1]["answer_url"] == ""
    wired.notifying.stop()
    wired.bus.publish(Held(a_pending(id="9")))
    assert len(wired.posted) == 2


def test_the_desktop_s_program_gets_an_argument_list_and_no_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "notify-send"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(notifying.sys, "platform", "linux")
    wired = Wired(
        monkeypatch, NotifySettings(desktop=True), {"PATH": str(tmp_path), "DISPLAY": ":0", SECRET_VARIABLE: "s" * 16}
    )
    started: list[Any] = []

    class Running:
        pid = 1

        def signalProcess(self, name: str) -> None:
            started.append(name)

    def spawn(_watcher: object, *words: Any, **more: Any) -> Running:
        started.append((words, more))
        return Running()

    wired.reactor.spawnProcess = spawn
    wired.bus.publish(Held(a_pending()))
    (path, arguments), more = started[0]
    assert (path, arguments[-1]) == (str(program).encode(), b"helper asks: POST to example.com")
    assert len(set(more["childFDs"].values())) == 1
    assert more["env"] == {b"PATH": str(tmp_path).encode(), b"DISPLAY": b":0"}
    wired.reactor.advance(10)
    assert started[1] == "KILL"
