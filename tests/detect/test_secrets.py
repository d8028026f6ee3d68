"""Secrets in bodies, values and encodings."""

from __future__ import annotations

import base64
import json
import string

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.known import KnownSecrets, from_environ
from pipelock.detect.matcher import MatcherError
from pipelock.detect.ruleset import RuleSet, UserPattern
from pipelock.detect.secrets import SecretScanner
from pipelock.model import Severity, Span

KEY = "AKIA" + "Q3EGRIVLXN5WUBMT"
TOKEN = "ghp_" + "k3Jd92LmQx7TzVb1" + "Rf6YpWc8Hn5GsAe4Uo0i"


@pytest.fixture(scope="module")
def scanner():
    return SecretScanner(RuleSet.builtin("credentials"))


@pytest.fixture(scope="module")
def linear():
    return SecretScanner(RuleSet.builtin("credentials"), native=False)


def names(findings):
    return {finding.rule for finding in findings}


def nested(text: str, *steps: str) -> str:
    for step in steps:
        raw = text.encode()
        text = {
            "base64": lambda raw=raw: base64.b64encode(raw).decode(),
            "base64url": lambda raw=raw: base64.urlsafe_b64encode(raw).decode().rstrip("="),
            "base32": lambda raw=raw: base64.b32encode(raw).decode(),
            "hex": lambda raw=raw: raw.hex(),
            "colons": lambda raw=raw: ":".join(f"{byte:02x}" for byte in raw),
            "spaces": lambda raw=raw: " ".join(f"{byte:02X}" for byte in raw),
            "commas": lambda raw=raw: ", ".join(f"0x{byte:02x}" for byte in raw),
            "slashx": lambda raw=raw: "".join(f"\\x{byte:02x}" for byte in raw),
            "slashu": lambda raw=raw: "".join(f"\\u{byte:04x}" for byte in raw),
            "percent": lambda raw=raw: "".join(f"%{byte:02X}" for byte in raw),
            "entities": lambda raw=raw: "".join(f"&#{byte};" for byte in raw),
            "utf16": lambda raw=raw: base64.b64encode(raw.decode().encode("utf-16-le")).decode(),
        }[step]()
    return text


@pytest.mark.parametrize(
    "steps",
    [
        ("base64",), ("base64url",), ("base32",), ("hex",), ("colons",), ("spaces",), ("commas",), ("slashx",),
        ("slashu",), ("percent",), ("entities",), ("utf16",), ("base64", "base64"), ("hex", "base64"),
        ("base64", "percent"), ("percent", "percent", "percent"), ("base32", "hex", "base64"),
        ("base64", "base64", "base64", "base64", "base64"),
    ],
)  # fmt: skip
def test_a_key_is_found_under_layers_of_encoding(scanner, steps):
    findings = scanner.scan(f"note {nested('key ' + KEY + ' end', *steps)} end".encode(), "body")
    assert "AWS Access ID" in names(findings)
    assert findings[0].path


@pytest.mark.parametrize(
    "text",
    [
        KEY[:4] + "\u200b" + KEY[4:], KEY[:9] + "\u202e" + KEY[9:], "\uff21" + KEY[1:], "\u0410" + KEY[1:],
        KEY[:6] + "\n" + KEY[6:], KEY[:6] + "\x00" + KEY[6:], KEY.lower(), "x" * 5000 + " " + KEY,
    ],
)  # fmt: skip
def test_a_key_is_found_under_disguise(scanner, text):
    assert "AWS Access ID" in names(scanner.scan(text, "body"))
    assert "AWS Access ID" in names(scanner.scan(text.encode(), "body"))


def test_characters_that_stand_between_or_for_others_hide_no_key(scanner):
    key = "glpat-" + "aB3dE6gH9jK2mN5pQ8sT"
    for dash in "\u2010\u2011\u2013\u2014\u2212\ufe63\uff0d":
        assert "GitLab PAT" in names(scanner.scan(key.replace("-", dash), "body")), ascii(dash)
    for between in ("\ufffd", "\u0600", "\u061c", "\U0001d173"):
        assert "AWS Access ID" in names(scanner.scan(between.join(KEY), "body")), ascii(between)
    assert "AWS Access ID" in names(scanner.scan(b"\xff".join(KEY[at : at + 1].encode() for at in range(20)), "body"))
    assert "AWS Access ID" in names(scanner.scan("ok" + "".join(chr(0xE0000 + ord(char)) for char in KEY), "body"))


def test_json_values_are_read_and_joined(scanner):
    escaped = json.dumps({"k": KEY}).replace("AKIA", "\\u0041KIA").encode()
    assert "AWS Access ID" in names(scanner.scan(escaped, "body", content_type="application/json"))
    split = json.dumps({"a": KEY[:7], "b": [KEY[7:]]}).encode()
    assert "AWS Access ID" in names(scanner.scan(split, "body", content_type="application/json"))
    assert "AWS Access ID" in names(scanner.scan(json.dumps({KEY: 1}).encode(), "body"))


def test_forms_and_multipart_are_read(scanner):
    form = f"a={KEY[:8]}&b={KEY[8:]}".encode()
    assert names(scanner.scan(form, "body", content_type="application/x-www-form-urlencoded")) == {"AWS Access ID"}
    part = base64.b64encode(KEY.encode())
    body = b'--B\r\nContent-Disposition: form-data; name="f"\r\nContent-Transfer-Encoding: base64\r\n\r\n' + part
    found = scanner.scan(body + b"\r\n--B--\r\n", "body", content_type='multipart/form-data; boundary="B"')
    assert "AWS Access ID" in names(found)


ENCODED = base64.b64encode(f"the key {KEY} is it".encode()).decode()
ONE, TWO = KEY[:9], KEY[9:]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("application/json", json.dumps({"a": ENCODED[:15], "b": ENCODED[15:]})),
        ("application/json", json.dumps([ENCODED[at : at + 8] for at in range(0, len(ENCODED), 8)])),
        ("application/json", json.dumps({"note": "abc", "a": ENCODED[:15], "b": ENCODED[15:]})),
        ("application/json", json.dumps([KEY.encode().hex()[:13], KEY.encode().hex()[13:]])),
        ("application/x-www-form-urlencoded", f"a={ENCODED[:15]}&b={ENCODED[15:]}"),
        ("application/json", f'{{"a": "{ONE}", "a": "{TWO}"}}'),
        ("application/json", f'{{"{ONE}": "{TWO}"}}'),
        ("application/json", f'{{"{ONE}": 1, "{TWO}": 2}}'),
        ("text/plain", f' \n{{"a": "{ONE}"}}{{"a": "{TWO}"}}'),
        ("text/plain", f'{{"a": "{ONE}", /* and */ "b": "{TWO}",}}'),
        ("application/x-www-form-urlencoded", f"{ONE}={TWO}"),
        ("text/plain", f"a={ONE}\nb={TWO}"),
        ("text/csv", f"{ONE},{TWO}"),
        ("application/xml", f"<r><a>{ONE}</a>\n<a>{TWO}</a></r>"),
        ("text/plain", "\n".join(ENCODED[at : at + 20] for at in range(0, len(ENCODED), 20))),
        ("text/plain", "\n".join("    " + ENCODED[at : at + 24] for at in range(0, len(ENCODED), 24))),
        ("text/plain", "x" + ENCODED), ("text/plain", "word" + ENCODED), ("text/plain", "is" + ENCODED + "tail"),
        ("text/plain", "zz" + KEY.encode().hex() + "q"), ("text/plain", "f" + KEY.encode().hex()),
    ],
)  # fmt: skip
def test_a_key_cut_up_or_glued_is_whole_again(scanner, kind, text):
    assert "AWS Access ID" in names(scanner.scan(text.encode(), "body", content_type=kind))


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-32"])
def test_other_charsets_are_read(scanner, charset):
    for text in (KEY, ENCODED, json.dumps([ENCODED[:15], ENCODED[15:]])):
        assert "AWS Access ID" in names(scanner.scan(text.encode(charset), "body"))


def test_a_charset_that_is_not_read_is_reported(scanner):
    (finding,) = scanner.scan(b"plain", "body", content_type="text/plain; charset=utf-7")
    assert (finding.rule, finding.scanner, finding.severity) == ("Encoding Limit", "body_dlp", Severity.CRITICAL)


def test_a_multipart_body_that_can_not_be_read_is_reported(scanner):
    (finding,) = scanner.scan(b"--B\r\n\r\nplain", "body", content_type="multipart/form-data; boundary=A; boundary=B")
    assert (finding.rule, finding.severity) == ("Encoding Limit", Severity.CRITICAL)


def test_a_body_that_is_not_what_it_says_is_scanned_raw(scanner):
    assert names(scanner.scan(b'{"a": ' + KEY.encode(), "body", content_type="application/json")) == {"AWS Access ID"}


JUNK = "%41 &#x41; \\u0041 \x1b[1m vtaber erongi\n"


def test_no_notation_in_front_hides_what_follows(scanner):
    text = JUNK + "an ordinary word or two, and more. " * 2_600 + nested(KEY, "base64")
    assert "AWS Access ID" in names(scanner.scan(text.encode(), "body"))


@pytest.mark.parametrize(("place", "label"), [("body", "body_dlp"), ("header:x", "header_dlp"), ("url:path", "dlp")])
def test_what_is_not_looked_into_is_reported(scanner, place, label):
    (finding,) = scanner.scan(nested(KEY, *["base64"] * 9), place)
    assert (finding.rule, finding.scanner, finding.severity) == ("Encoding Limit", label, Severity.CRITICAL)
    assert finding.span is None
    assert not finding.warns
    found = scanner.scan(nested(KEY, *["base64"] * 8), place)
    assert names(found) == {"AWS Access ID"}


def test_weak_rules_do_not_count_where_parts_were_joined(scanner):
    body = json.dumps({"a": "4012888888", "b": "881881"}).encode()
    assert scanner.scan(body, "body", content_type="application/json") == ()


def test_values_name_their_place_and_span(scanner):
    values = [("header:a", "nothing"), ("header:b", f"é {KEY}"), ("url:query:x", TOKEN)]
    findings = scanner.scan_values(values)
    assert {(f.place, f.scanner, f.rule) for f in findings} == {
        ("header:b", "header_dlp", "AWS Access ID"),
        ("url:query:x", "core_dlp", "GitHub Token"),
    }
    assert next(f.span for f in findings if f.place == "header:b") == Span(2, 22)


def test_a_match_never_runs_from_one_value_into_the_next(scanner):
    assert scanner.scan_values([("header:a", KEY[:10]), ("header:b", KEY[10:])]) == ()


def test_a_vendors_own_host_may_have_its_key_and_nobody_else(scanner):
    assert scanner.scan_values([("header:authorization", TOKEN)], host="api.github.com") == ()
    assert scanner.scan_values([("header:authorization", TOKEN)], host="api.github.com.evil.example")
    assert scanner.scan(KEY, "body", host="api.github.com")


def test_a_failing_decoy_does_not_hide_a_real_number(scanner):
    text = "4012888888881882 " * 200 + "4012888888881881"
    assert "Credit Card Number" in names(scanner.scan(text, "body"))


def test_a_users_pattern_warns_and_is_exempted():
    mine = UserPattern(name="Badge", pattern=r"BDG-\d{6}", warns=True, exempt=("*.corp.example",))
    scanner = SecretScanner(RuleSet.builtin("credentials", extra=[mine]))
    (finding,) = scanner.scan("my BDG-123456", "url:path", host="x.example")
    assert finding.warns
    assert finding.scanner == "dlp"
    assert scanner.scan("my BDG-123456", "url:path", host="a.corp.example") == ()


VALUE = "Zx9-qLm!27/kP+wT4vB8"


@pytest.mark.parametrize("steps", [(), ("base64",), ("base64url",), ("hex",), ("colons",), ("base32",), ("percent",)])
def test_environment_values_are_found_in_any_form_and_named_not_shown(steps):
    known = KnownSecrets(from_environ({"DEPLOY_KEY": VALUE, "HOME": "/home/someone-with-a-name", "N": "1"}))
    scanner = SecretScanner(RuleSet.builtin("credentials", include_defaults=False), watchers=[known])
    findings = scanner.scan(f"see {nested(VALUE, *steps)} there", "body")
    leak = next(finding for finding in findings if finding.rule == "Environment Variable Leak")
    assert "DEPLOY_KEY" in leak.message
    assert VALUE not in repr(findings)


def test_public_environment_values_are_not_watched():
    environ = {"PATH": "/usr/bin:/bin:/usr/local/bin", "LC_TIME": "de_DE.UTF-8@something", "X": "short", "A": "a" * 40,
               "PROJECT": "/home/me/projects/thing", "SITE": "https://www.example.org/index.html"}  # fmt: skip
    assert from_environ(environ) == []


def secret_texts():
    edge = st.text(alphabet=string.ascii_letters + " \n\t.,:;=\"'{}[]é\u200b", max_size=40)
    return st.tuples(edge, st.sampled_from([KEY, TOKEN]), edge)


@settings(max_examples=60, deadline=None)
@given(secret_texts(), st.sampled_from([(), ("base64",), ("percent",), ("hex", "base64")]))
def test_no_finding_ever_shows_the_secret(scanner, parts, steps):
    before, secret, after = parts
    body = f"{before} {nested(secret, *steps)} {after}"
    findings = scanner.scan(body, "body")
    assert findings
    shown = msgspec.json.encode(findings).decode()
    assert secret not in shown
    assert nested(secret, *steps) not in shown


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(
    [KEY.encode(), TOKEN.encode(), b"AKIA", b"password=", b"?token=Ab3dEf9h", b"-----BEGIN PRIVATE KEY-----", b"\v", b" ",
     b"\n", b"4012888888881881", b"DE89370400440532013000", b"\xff", b"e", b"=", b'"', b"%41", b"sk-ant-"]), max_size=12).map(b"".join)))  # fmt: skip
def test_both_engines_give_the_same_verdict(scanner, linear, data):
    assert scanner.scan(data, "body") == linear.scan(data, "body")


def test_a_matcher_that_fails_is_an_error_and_not_a_clean_verdict(scanner, monkeypatch):
    def broken(_data):
        raise MatcherError("the matcher failed")

    monkeypatch.setattr(scanner._matcher, "propose", broken)
    with pytest.raises(MatcherError):
        scanner.scan("anything", "body")
