from __future__ import annotations

from pathlib import Path

import pytest

from pipelock.config import ConfigError, loads
from pipelock.config.wordfile import MAX_WORD_BYTES

CONFIG = """
redaction:
  enabled: {on}
  default_profile: a
  profiles: {{a: {{dictionaries: [d]}}}}
  dictionaries: {{d: {{class: c, entries: [one], entries_file: words.txt}}}}
"""


def loaded(base: Path, *, on: str = "true"):
    return loads(CONFIG.format(on=on), "x", base=base)


def test_words_of_a_file_are_read_with_the_configuration_and_change_its_hash(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_bytes(b"\xef\xbb\xbf two \r\n\n# a comment\nthree words here\n")
    first = loaded(tmp_path)
    assert first.config.redaction.dictionaries["d"].entries == ("one", "two", "three words here")
    file.write_text("two\n")
    assert loaded(tmp_path).policy_hash != first.policy_hash


def test_a_section_that_is_off_reads_nothing(tmp_path: Path) -> None:
    assert loaded(tmp_path, on="false").config.redaction.dictionaries["d"].entries == ("one",)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "No such file"),
        (b"\xff", "utf-8"),
        (b"x" * 257, "line 1 is longer"),
        (b"x\n" * (MAX_WORD_BYTES // 2 + 1), "larger than"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, data: bytes | None, said: str) -> None:
    if data is not None:
        (tmp_path / "words.txt").write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path)
    (problem,) = caught.value.problems
    assert problem.key == "redaction.dictionaries.d.entries_file"
    assert said in problem.message


def test_too_many_words_are_refused(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("\n".join(f"w{n}" for n in range(10_000)))
    with pytest.raises(ConfigError, match="more than 10000 entries"):
        loaded(tmp_path)
