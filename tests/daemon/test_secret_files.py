"""Reading files of secrets: what is refused, what is passed over, what comes out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelock.config import Config, loads
from pipelock.config.schema_scanning import Dlp
from pipelock.daemon.secret_files import MAX_FILE, SecretFileError, known_values, read_secrets_file

VALUE = "wJ4kP9-tN7zQ2xL"


def a_file(folder: Path, data: bytes, mode: int = 0o600) -> Path:
    path = folder / "secrets"
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_lines_are_values_and_their_numbers_are_named(tmp_path: Path) -> None:
    data = (
        b"\xef\xbb\xbf# ours\n\n"
        + VALUE.encode()
        + b"\r\n  padded-value-1  \nnul\x00value-here\n"
        + b"x" * 4097
        + b"\nshort\n"
    )
    values, notes = read_secrets_file(a_file(tmp_path, data), 16)
    assert [(value.value, value.origin) for value in values] == [
        (VALUE, "secrets file line 3"),
        ("padded-value-1", "secrets file line 4"),
    ]
    assert [note.split(";")[0] for note in notes] == [
        "dlp.secrets_file: line 5 holds a NUL",
        "dlp.secrets_file: line 6 is longer than 4096 bytes",
        "dlp.secrets_file: line 7 is too short to be told from other text",
    ]
    assert not any("value" in note for note in notes)


def test_tokens_of_our_own_are_not_to_leave_either() -> None:
    config = loads(
        "kill_switch: {api_token: operator-token-1}\n"
        "scan_api: {listen: '127.0.0.1:9', auth: {bearer_tokens: [scan-token-of-ours, short]}}\n"
        "notifications: {webhook: {url: 'https://h.example', secret: a-secret-of-the-hook}}\n"
        "dlp: {scan_files: false}\n",
        "test",
    ).config
    values, _ = known_values(config, None, None)
    assert [(value.value, value.origin) for value in values] == [
        ("operator-token-1", "kill_switch.api_token"),
        ("a-secret-of-the-hook", "notifications.webhook.secret"),
        ("scan-token-of-ours", "scan_api.auth.bearer_tokens"),
    ]


@pytest.mark.parametrize("mode", [0o644, 0o640 | 0o020, 0o602, 0o601])
def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SecretFileError, match="chmod 600"):
        read_secrets_file(a_file(tmp_path, b"x", mode), 16)


def test_files_that_are_no_use_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretFileError, match="No such file"):
        read_secrets_file(tmp_path / "none", 16)
    with pytest.raises(SecretFileError, match="more than 1000 entries"):
        read_secrets_file(a_file(tmp_path, b"".join(b"value-%06d\n" % number for number in range(1001))), 16)
    with pytest.raises(SecretFileError, match="larger than"):
        read_secrets_file(a_file(tmp_path, b"#" * (MAX_FILE + 1)), 16)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(SecretFileError, match="regular file"):
        read_secrets_file(pipe, 16)


def test_well_known_files_are_found_and_the_rest_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "known_hosts").write_text("nothing")
    key = "\n".join(
        ["-----BEGIN RSA PRIVATE KEY-----", "AAAA" * 16, "BbCc1234" * 8, "x==", "-----END RSA PRIVATE KEY-----"]
    )
    (tmp_path / ".ssh" / "id_rsa").write_text(key)
    os.mkfifo(tmp_path / ".npmrc")
    (tmp_path / ".netrc").write_text(f"machine a.example.org password {VALUE}\n")
    project = tmp_path / "project"
    project.mkdir()
    (project / ".env").write_text("TOKEN=mV8rC3+hD6yF1sG-9x\n")
    values, notes = known_values(Config(), tmp_path, project)
    assert [value.origin for value in values] == ["~/.netrc (a.example.org)", "~/.ssh/id_rsa", ".env (TOKEN)"]
    assert notes == []


def test_switches(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(f"machine a.example.org password {VALUE}\n")
    file = a_file(tmp_path, b"another-value\n")
    assert known_values(Config(dlp=Dlp(scan_files=False)), tmp_path, None) == ([], [])
    assert known_values(Config(), None, None) == ([], [])
    values, _ = known_values(Config(dlp=Dlp(scan_files=False, secrets_file=str(file))), tmp_path, tmp_path)
    assert [value.origin for value in values] == ["secrets file line 1"]
