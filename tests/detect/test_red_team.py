"""Ways past the scanners that random combinations of secret, encoding, container and cut have found; each stays shut.

The values are made up and issued by nobody.
"""

from __future__ import annotations

import base64
import codecs
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelock.detect.ruleset import RuleSet
from pipelock.detect.secrets import SecretScanner

KEY = "ghp_" + "2nT7qLx0Vb9ZkR4sWm8Yc1Dj5Hf6Pg3AeUiO"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> SecretScanner:
    cache: Path = tmp_path_factory.mktemp("rules")
    cache.chmod(0o700)
    return SecretScanner(RuleSet.builtin("credentials"), cache=cache)


def found(scanner: SecretScanner, text: str | bytes, content_type: str = "text/plain") -> set[str]:
    data = text.encode() if isinstance(text, str) else text
    return {finding.rule for finding in scanner.scan(data, "body", content_type=content_type) if not finding.warns}


# -- words and numbers that read as the start of an encoded run ----------------------------------------------------------

PACKED = gzip.compress(KEY.encode(), mtime=0)
ROWS = {
    "pairs": KEY.encode().hex(":"),
    "spaced": KEY.encode().hex(" "),
    "marked": ", ".join(f"0x{byte:02x}" for byte in KEY.encode()),
    "codes": ", ".join(str(byte) for byte in KEY.encode()),
    "packed": PACKED.hex(":"),
    "packed codes": ",".join(str(byte) for byte in PACKED),
}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("before", ["attached: ", "1,ada,", "the date is 04-", "see be ", "page 7: ", "200, 201, "])
def test_what_stands_before_a_row_of_numbers_does_not_hide_it(secrets: SecretScanner, row: str, before: str) -> None:
    assert found(secrets, f"{before}{ROWS[row]} and thank you") == {"GitHub Token"}


def test_a_row_of_measurements_is_no_text(secrets: SecretScanner) -> None:
    noise = bytes((number * 167 + number * number) % 256 for number in range(400))
    assert found(secrets, "attached: " + noise.hex(":")) == set()


# -- letters shifted on top of another encoding ----------------------------------------------------------------------------

SHIFTED = {
    "x escapes": "".join(f"\\x{byte:02x}" for byte in KEY.encode()),
    "u escapes": "".join(f"\\u{byte:04x}" for byte in KEY.encode()),
    "entities": "".join(f"&#x{byte:x};" for byte in KEY.encode()),
    "percent": "".join(f"%{byte:02x}" for byte in KEY.encode()),
    "printable": "".join(f"={byte:02X}" for byte in KEY.encode()),
    "hex with colons": KEY.encode().hex(":"),
    "hex marked": ", ".join(f"0x{byte:02x}" for byte in KEY.encode()),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "gzip": base64.b64encode(gzip.compress(KEY.encode(), mtime=0)).decode(),
}


@pytest.mark.parametrize("name", SHIFTED)
def test_shifted_letters_of_an_encoding_hide_nothing(secrets: SecretScanner, name: str) -> None:
    assert found(secrets, "note: " + codecs.encode(SHIFTED[name], "rot13")) == {"GitHub Token"}


@pytest.mark.parametrize("key", [
    "xoxb-" + "284619305512-739105528463-pQ7mXw2vRk9TzL4sYb8NcD1f",
    "xoxp-" + "284619305512-739105528463-pQ7mXw2vRk9TzL4sYb8NcD1f",
    "SG." + "yIi845auDHPUp7fOgU8HqT" + "." + "0JROaQHB6XgLDUKCCBQPBuFeuum6pfVl2Kd8sWn4TqZ",
    "db_password = 'tR7!mZx2#Lw9vB4q'",
    "postgres://admin:tR7mZx2Lw9vB4q@db.internal.example:5432/prod",
])  # fmt: skip
def test_shifted_keys_of_many_kinds_are_found(secrets: SecretScanner, key: str) -> None:
    assert found(secrets, codecs.encode(key, "rot13"))


# -- cut over the parts of a body ------------------------------------------------------------------------------------------

PIECES = (KEY[:9], KEY[9:21], KEY[21:])
FORM = "application/x-www-form-urlencoded"
CUT = {
    "a list": ("items:\n" + "".join(f"  - {piece}\n" for piece in PIECES), "application/yaml"),
    "a quoted list": ("items:\n" + "".join(f'  - "{piece}"\n' for piece in PIECES), "application/yaml"),
    "a numbered list": ("".join(f"{number}. {piece}\n" for number, piece in enumerate(PIECES)), "text/markdown"),
    "a column": ("id,v\n" + "".join(f"{number},{piece}\n" for number, piece in enumerate(PIECES)), "text/csv"),
    "a column without a name": ("".join(f"{number}\t{piece}\n" for number, piece in enumerate(PIECES)), "text/plain"),
    "strings of entities": (json.dumps(["".join(f"&#{ord(one)};" for one in KEY)[:91], "".join(f"&#{ord(one)};" for one in KEY)[91:]]), ""),
    "strings of percents": (json.dumps(["".join(f"%{ord(one):02x}" for one in KEY)[:40], "".join(f"%{ord(one):02x}" for one in KEY)[40:]]), ""),
    "strings of pairs": (json.dumps([KEY.encode().hex(" ")[:49], KEY.encode().hex(" ")[49:]]), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", CUT)
def test_a_key_cut_over_values_is_whole_again(secrets: SecretScanner, name: str) -> None:
    assert "GitHub Token" in found(secrets, *CUT[name])


def test_a_quotation_mark_of_a_table_is_written_twice(secrets: SecretScanner) -> None:
    row = 'id,name,text\r\n1,ada,"db_password = ""tR7qmZx2Lw9vB4qKd8"""\r\n'
    assert found(secrets, row, "text/csv") == {"Password Assignment"}


@pytest.mark.parametrize("body", ["a=1&card=4012888888881881", "number=4012-8888-8888-1881&a=1"])
def test_the_value_of_a_field_stands_alone(secrets: SecretScanner, body: str) -> None:
    assert found(secrets, body, FORM) == {"Credit Card Number"}


# -- the order in which encodings are undone ---------------------------------------------------------------------------------


def test_a_soft_line_break_may_stand_inside_another_encoding(secrets: SecretScanner) -> None:
    entities = "".join(f"&#{ord(one)};" for one in KEY)
    wrapped = "=\n".join(entities[start : start + 19] for start in range(0, len(entities), 19))
    assert found(secrets, wrapped) == {"GitHub Token"}


@pytest.mark.parametrize("outer", [
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: text.encode().hex(),
    lambda text: base64.b32encode(text.encode()).decode(),
], ids=["base64", "hex", "base32"])  # fmt: skip
def test_shifted_base64_inside_another_encoding_is_read(secrets: SecretScanner, outer: Callable[[str], str]) -> None:
    shifted = codecs.encode(base64.b64encode(KEY.encode()).decode(), "rot13")
    assert found(secrets, "note: " + outer(shifted)) == {"GitHub Token"}
