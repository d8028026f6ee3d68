"""What credential files hold, kind by kind."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.credential_files import MAX_VALUES, READERS, read_credentials

A, B = "wJ4kP9-tN7zQ2xL", "mV8rC3+hD6yF1sG"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n"
LINES = [letter * 20 + "0123456789abcdefABCDEF" + str(number) for number, letter in enumerate("abcd")]
FILES = {
    "aws": (f"[default]\naws_access_key_id = AKIDIDIDIDID\naws_secret_access_key = {A}\n[prod]\naws_session_token={B}\n",
            [("[default]", A, "*.amazonaws.com"), ("[prod]", B, "*.amazonaws.com")]),
    "netrc": (f"machine api.example.org login me\n  password {A}\ndefault login x password {B}\n",
              [("(api.example.org)", A, "api.example.org"), ("(default)", B, "")]),
    "npm": (f"registry=https://npm.example.org/\n//npm.example.org/:_authToken={A}\n_authToken = {B}\n",
            [("(npm.example.org)", A, "npm.example.org"), ("", B, "registry.npmjs.org")]),
    "pypi": (f"[pypi]\nusername = __token__\npassword = {A}\n[corp]\nrepository: https://up.example.org/simple\npassword: {B}\n",
             [("[pypi]", A, "upload.pypi.org"), ("[corp]", B, "up.example.org")]),
    "gh": (f"github.com:\n    user: me\n    oauth_token: {A}\n    git_protocol: https\n",
           [("(github.com)", A, "github.com")]),
    "git": (f"https://me:{A}@git.example.org\nhttps://you:{B.replace('+', '%2B')}@b.example.org/x\nnot a url\nhttp://[broken\n",
            [("(git.example.org)", A, "git.example.org"), ("(b.example.org)", B, "b.example.org")]),
    "docker": ('{"auths": {"https://reg.example.org/v1/": {"auth": "' + base64.b64encode(f"me:{A}".encode()).decode() + '"}}}',
               [("(reg.example.org)", base64.b64encode(f"me:{A}".encode()).decode(), "reg.example.org"),
                ("(reg.example.org)", A, "reg.example.org")]),
    "kube": (f"users:\n- name: admin\n  user:\n    token: {A}\n    client-certificate-data: public0123\n- name: dev\n  user:\n    client-key-data: {B}\n",
             [("(admin)", A, ""), ("(dev)", B, "")]),
    "json": ('{"client_id": "public-value-1", "client_secret": "' + A + '", "refresh_token": "' + B + '", "token_uri": "https://x.example"}',
             [("(client_secret)", A, "*.googleapis.com"), ("(refresh_token)", B, "*.googleapis.com")]),
    "ssh": (KEY.format("\n".join([*LINES, "short=="])), [("", LINES[2], ""), ("", LINES[3], "")]),
    "env": (f"# x\nexport API_KEY='{A}9z'\nDEBUG=true\nDB={B}-pw\nPATH_TO=/usr/share/thing/x\nnonsense\n",
            [("(API_KEY)", A + "9z", ""), ("(DB)", B + "-pw", "")]),
}  # fmt: skip


@pytest.mark.parametrize("kind", READERS)
def test_each_kind(kind: str) -> None:
    text, expected = FILES[kind]
    values = read_credentials("~/file", kind, "\ufeff" + text)
    assert [(value.origin, value.value) for value in values] == [
        (f"~/file {where}".strip(), one) for where, one, _ in expected
    ]
    assert [value.hosts[0] if value.hosts else "" for value in values] == [host for _, _, host in expected]


def test_a_service_account_key_counts_by_its_last_lines() -> None:
    body = "-----BEGIN PRIVATE KEY-----\\n" + "\\n".join(LINES) + "\\n-----END PRIVATE KEY-----\\n"
    values = read_credentials("k.json", "json", '{"type": "service_account", "private_key": "' + body + '"}')
    assert [value.value for value in values] == LINES[2:]


@pytest.mark.parametrize("value", ["${TOKEN}", "<your-token>", "short", "aaaaaaaaaaaa", "x" * 5000, "{{ secret }}"])
def test_what_is_no_value_is_left_out(value: str) -> None:
    assert read_credentials("f", "pypi", f"[pypi]\npassword = {value}\n") == []


def test_a_file_gives_no_more_than_so_many() -> None:
    text = "\n".join(f"machine h{number}.example password {A}{number}" for number in range(200))
    assert len(read_credentials("f", "netrc", text)) == MAX_VALUES


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(READERS)), st.text(max_size=300) | st.sampled_from([text for text, _ in FILES.values()]))
def test_no_text_makes_a_reader_fail(kind: str, text: str) -> None:
    assert all(value.origin.startswith("f") for value in read_credentials("f", kind, text))
