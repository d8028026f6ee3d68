from __future__ import annotations

import pytest

from pipelock.config import ConfigError, loads
from pipelock.config.compare import restart_only, weakenings
from pipelock.config.validate_admin import SECRET_VARIABLE, TOKEN_VARIABLE

SECRET = "s" * 16


@pytest.fixture(autouse=True)
def _no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    monkeypatch.delenv(SECRET_VARIABLE, raising=False)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("kill_switch: {api_listen: '127.0.0.1:9000'}", "kill_switch.api_listen"),
        ("kill_switch: {api_listen: '127.0.0.1:8888', api_token: abcdefghijklmnop}", "kill_switch.api_listen"),
        (
            "metrics_listen: '127.0.0.1:9000'\nkill_switch: {api_listen: '127.0.0.1:9000', api_token: abcdefghijklmnop}",
            "kill_switch.api_listen",
        ),
        ("kill_switch: {api_token: 'two words, far too many'}", "kill_switch.api_token"),
        ("kill_switch: {api_token: 'ünreadable-in-a-header'}", "kill_switch.api_token"),
        ("notifications: {webhook: {url: 'https://h.example/x'}}", "notifications.webhook.url"),
        ("notifications: {webhook: {url: 'https://h.example/x', secret: short}}", "notifications.webhook.secret"),
        (
            "notifications: {webhook: {url: 'http://h.example/x', secret: ssssssssssssssss}}",
            "notifications.webhook.url",
        ),
        ("notifications: {webhook: {url: 'ftp://h.example', secret: ssssssssssssssss}}", "notifications.webhook.url"),
        (
            "notifications: {webhook: {url: 'https://u:p@h.example', secret: ssssssssssssssss}}",
            "notifications.webhook.url",
        ),
        (
            "notifications: {webhook: {url: 'https://h.example:x/', secret: ssssssssssssssss}}",
            "notifications.webhook.url",
        ),
        (
            "notifications: {webhook: {url: 'https://h.example/#f', secret: ssssssssssssssss}}",
            "notifications.webhook.url",
        ),
        ("notifications: {webhook: {url: 'https:///x', secret: ssssssssssssssss}}", "notifications.webhook.url"),
        (
            "notifications: {webhook: {url: 'https://h.example', secret: ssssssssssssssss, secret_file: /x}}",
            "notifications.webhook.secret_file",
        ),
        ("notifications: {webhook: {answers: true}}", "notifications.webhook.answers"),
        (
            "notifications: {webhook: {url: 'https://h.example', secret: ssssssssssssssss, allow_scopes: true}}",
            "notifications.webhook.allow_scopes",
        ),
        (
            "notifications: {webhook: {url: 'https://h.example', secret: ssssssssssssssss, answer_url: x}}",
            "notifications.webhook.answer_url",
        ),
    ],
)
def test_what_does_not_go_together(text: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text, "f.yaml")
    assert [problem.key for problem in caught.value.problems] == [key]


@pytest.mark.parametrize(
    "text",
    [
        "kill_switch: {api_token: abcdefghijklmnop}",
        "kill_switch: {api_listen: '127.0.0.1:9000', api_token: abcdefghijklmnop}",
        "notifications: {webhook: {url: 'https://h.example:8443/x?y=1', secret_file: /x, answers: true}}",
        "notifications: {webhook: {url: 'http://127.0.0.1:9/x', secret: ssssssssssssssss}}",
        "notifications: {webhook: {url: 'http://[::1]:9/x', secret: ssssssssssssssss}}",
        "notifications: {desktop: {enabled: true}}",
    ],
)
def test_what_does(text: str) -> None:
    loads(text, "f.yaml")


def test_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "abcdefghijklmnop")
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    loads("kill_switch: {api_listen: '127.0.0.1:9000'}\nnotifications: {webhook: {url: 'https://h.example'}}", "f.yaml")


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        (
            "kill_switch: {api_listen: '0.0.0.0:9000', api_token: abcdefghijklmnop}",
            "kill_switch.api_listen: 0.0.0.0:9000",
        ),
        ("kill_switch: {api_listen: '127.0.0.1:9000', api_token: abc}", "kill_switch.api_token: shorter than 16"),
        ("kill_switch: {api_token: abcdefghijklmnop}", "kill_switch.api_token: without api_listen"),
        (
            "notifications: {webhook: {url: 'https://h.example', secret: ssssssssssssssss}}",
            "notifications.webhook.url: with approvals.unattended: deny",
        ),
    ],
)
def test_what_is_probably_not_meant(text: str, warned: str) -> None:
    warnings = loads(text, "f.yaml").warnings
    assert len([line for line in warnings if line.startswith(warned)]) == 1


def test_what_a_reload_changes() -> None:
    on = "notifications: {webhook: {url: 'https://h.example', secret: ssssssssssssssss, answers: true, allow_scopes: %s}}"
    old, new = (loads(on % word, "f.yaml").config for word in ("false", "true"))
    assert weakenings(old, new) == ("notifications.webhook.allow_scopes: switched on",)
    assert weakenings(new, old) == ()
    listen = "kill_switch: {api_listen: '127.0.0.1:%d', api_token: abcdefghijklmnop}"
    old, new = (loads(listen % port, "f.yaml").config for port in (9000, 9001))
    assert restart_only(old, new) == ("kill_switch.api_listen",)


def test_secrets_are_no_part_of_the_policy_s_name() -> None:
    plain = loads("mode: balanced", "f.yaml")
    other = loads(
        "kill_switch: {api_token: abcdefghijklmnop}\n"
        "notifications: {webhook: {url: 'https://h.example', secret: ssssssssssssssss}}",
        "f.yaml",
    )
    assert plain.policy_hash == other.policy_hash
