"""The matcher, its dialect and its cache."""

from __future__ import annotations

import stat
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect._native import NativeError, _compile, _key, _store, hyperscan, is_available
from pipelock.detect._pattern import PatternError, alternatives, compile_linear, for_bytes, tail
from pipelock.detect.matcher import Hit, Matcher, MatcherError

PATTERNS = [for_bytes(p) for p in (r"a\sb", r"^x[\s]y$", r"[^\d\n]{3}z", "é\\b", r"\bkey-([0-9a-f]{4})\b", r"(?:ab)+c")]

native = pytest.mark.skipif(not is_available(), reason="the native matcher has no wheel here")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="abcxyz019 \t\n\v\f\ré-k", max_size=40))
def test_both_engines_propose_the_same(data):
    raw = data.encode()
    assert NATIVE.propose(raw) == LINEAR.propose(raw)


NATIVE = Matcher(PATTERNS)
LINEAR = Matcher(PATTERNS, native=False)


def test_hits_have_the_range_of_the_first_group():
    assert list(LINEAR.hits(4, b"a key-00ff b")) == [Hit(2, 10, 6, 10)]
    assert list(LINEAR.hits(5, b"ababc")) == [Hit(0, 5, 0, 5)]


def test_a_match_is_found_at_any_offset_of_a_large_text():
    for offset in (0, 65_530, 65_536, 69_632, 200_000):
        data = b"." * offset + b" key-00ff " + b"." * 1000
        assert NATIVE.propose(data) == LINEAR.propose(data) == [2, 4][1:]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"\s", rb"(?im)[\t\n\x0b\f\r ]"),
        (r"[\s,]", rb"(?im)[\t\n\x0b\f\r ,]"),
        (r"\S", rb"(?im)[^\t\n\x0b\f\r ]"),
        ("é", rb"(?im)(?-i:\xc3\xa9)"),
        ("[]a]", rb"(?im)[\]a]"),
        (r"\[\s", rb"(?im)\[[\t\n\x0b\f\r ]"),
    ],
)
def test_the_dialect_is_spelled_out(pattern, expected):
    assert for_bytes(pattern) == expected


@pytest.mark.parametrize("pattern", ["[é]", r"[\S]", r"\pL", r"\Qa", "x" * 20_000, "[[:alpha"])
def test_what_the_engines_would_read_differently_is_refused(pattern):
    with pytest.raises(PatternError):
        for_bytes(pattern)


def test_re2_tells_why_it_refuses():
    with pytest.raises(PatternError, match="perl operator"):
        compile_linear(b"(?=a)")


def test_a_bad_pattern_is_a_matcher_error():
    with pytest.raises(MatcherError):
        Matcher([b"(a"])
    with pytest.raises(MatcherError):
        list(Matcher([b"(a"], native=False).hits(0, b"a"))


@native
def test_the_cache_is_private_and_used(tmp_path, monkeypatch):
    directory = tmp_path / "home" / "cache"
    Matcher(PATTERNS, cache=directory)
    (file,) = directory.iterdir()
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (directory, directory.parent)} == {0o700}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    monkeypatch.setattr("pipelock.detect._native._compile", lambda _patterns: pytest.fail("compiled again"))
    assert Matcher(PATTERNS, cache=directory).propose(b"a b") == [0]


@native
@pytest.mark.parametrize("spoil", ["truncate", "flip", "readable", "directory", "link"])
def test_a_cache_that_can_not_be_trusted_is_rebuilt(tmp_path, spoil):
    directory = tmp_path / "cache"
    Matcher(PATTERNS, cache=directory)
    (file,) = directory.iterdir()
    content = file.read_bytes()
    if spoil == "truncate":
        file.write_bytes(content[:40])
    elif spoil == "flip":
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif spoil == "readable":
        file.chmod(0o644)
    elif spoil == "directory":
        directory.chmod(0o755)
    else:
        other = tmp_path / "other"
        file.rename(other)
        file.symlink_to(other)
    assert Matcher(PATTERNS, cache=directory).propose(b"a b") == [0]


OTHER = [for_bytes(p) for p in ("never", "occurs", "here")]


@native
def test_a_database_of_other_patterns_can_not_take_a_files_place(tmp_path):
    directory = tmp_path / "cache"
    Matcher(PATTERNS, cache=directory)
    (file,) = directory.iterdir()
    Matcher(OTHER, cache=directory)
    (other,) = set(directory.iterdir()) - {file}
    file.write_bytes(other.read_bytes())
    assert Matcher(PATTERNS, cache=directory).propose(b"a b") == [0]
    assert file.read_bytes() != other.read_bytes()


@native
def test_a_sealed_database_that_finds_less_is_rebuilt(tmp_path):
    directory = tmp_path / "cache"
    samples = ["a b", "", "abcz", "", "a key-00ff", "ababc"]
    Matcher(PATTERNS, cache=directory)
    (file,) = directory.iterdir()
    good = file.read_bytes()
    # As someone would write it who can compute the seal.
    parts = [part for pattern in PATTERNS for part in alternatives(pattern)]
    _store(file, _key(parts), hyperscan.dumpb(_compile(OTHER)))
    assert Matcher(PATTERNS, samples=samples, cache=directory).propose(b"a b") == [0]
    assert file.read_bytes() == good


@native
def test_a_failing_scan_is_an_error(monkeypatch):
    matcher = Matcher(PATTERNS)

    def broken(_data):
        raise NativeError("scratch in use")

    monkeypatch.setattr(matcher._database, "scan", broken)
    with pytest.raises(MatcherError, match="scratch in use"):
        matcher.propose(b"a b")


def test_threads_share_a_matcher():
    failures = []

    def work():
        failures.extend(1 for _ in range(200) if NATIVE.propose(b"zz a b key-00ff") != [0, 4])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        (r"a|b", [b"(?im)a", b"(?im)b"]),
        (r"(a|b)c|[|]x|\|y", [b"(?im)(a|b)c", b"(?im)[|]x", rb"(?im)\|y"]),
        (r"[^]|]a|b", [rb"(?im)[^\]|]a", b"(?im)b"]),
        (r"[[:alpha:]|]|z", [b"(?im)[[:alpha:]|]", b"(?im)z"]),
        (r"(?-i:A|B)|c", [b"(?im)(?-i:A|B)", b"(?im)c"]),
        (r"(?i)a|b", [b"(?im)(?i)a|b"]),
        (r"a||b", [b"(?im)a||b"]),
        (r"abc", [b"(?im)abc"]),
    ],
)
def test_a_pattern_is_cut_at_its_outermost_bars_alone(pattern, parts):
    assert alternatives(for_bytes(pattern)) == parts


def test_a_pattern_of_which_several_alternatives_occur_is_proposed_once():
    assert Matcher([for_bytes("zz"), for_bytes("one|two"), for_bytes("three")]).propose(b"one two three") == [1, 2]


@pytest.mark.parametrize(("pattern", "start", "signs"), [
    (r"key=[a-c=]*", b"key=", b"=ABCabc"),
    (r"(?:a|b)[0-9][^x]*", b"(?:a|b)[0-9]", bytes(code for code in range(256) if code not in b"xX")),
    # Alternatives, a part of a group, something behind it, a bracket that is meant, a class that is all there is.
    (r"a[b]*|c[d]*", None, b""),
    (r"a(b[c]*)", None, b""),
    (r"a[b]*c", None, b""),
    (r"a\[b]*", None, b""),
    (r"[ab]*", None, b""),
])  # fmt: skip
def test_a_pattern_is_parted_from_the_class_it_ends_in(pattern, start, signs):
    whole = for_bytes(pattern)
    lead = whole.partition(b")")[0] + b")"
    assert tail(whole) == ((lead + start) if start is not None else whole, signs)


TAILED = for_bytes(r"(?:\bkey|to+ken)[=:]{1,2}(?:[a-z]{2,4}[0-9]|[A-Z_]{3})[A-Za-z0-9=:_]*")
GROUPED = for_bytes(r"(?:^|[^a])key(=+)?[a-z=]*")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(["key", "=", ":", "token", "tooken", "a", "bc1", "ABC", "_", " ", "\n", "9", "="])))
def test_with_a_tail_a_pattern_has_the_matches_it_has_as_a_whole(parts):
    data = "".join(parts).encode()
    matcher = Matcher([TAILED, GROUPED])
    for number, pattern in enumerate((TAILED, GROUPED)):
        assert tail(pattern)[1]
        expected = []
        for match in compile_linear(pattern).finditer(data):
            inner = match.span(1) if number and match.span(1)[0] >= 0 else match.span()
            expected.append(Hit(*match.span(), *inner))
        assert list(matcher.hits(number, data)) == expected


def test_a_pattern_with_a_tail_may_match_nothing():
    assert [hit.start for hit in Matcher([for_bytes(r"x?[y]*")], native=False).hits(0, b"ab")] == [0, 1, 2]
