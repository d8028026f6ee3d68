"""Trees to rules; what is not known is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock_macos.parse import Filter, FilterKind, Verb, covers, parse
from pipelock_macos.reader import SandboxTextError

HEAD = '(version 1)\n(deny default (with message "tag"))\n'


def one(text):
    (rule,) = parse(HEAD + text).rules
    return rule


def test_rules() -> None:
    rule = one('(allow file-read* process-exec (literal "/a b") (subpath "/c") (with message "m"))')
    assert (rule.verb, rule.operations, rule.message, rule.line) == (Verb.ALLOW, ("file-read*", "process-exec"), "m", 3)
    assert rule.filters == (Filter(FilterKind.LITERAL, "/a b"), Filter(FilterKind.SUBPATH, "/c"))
    assert parse("(version 1)(allow default)").default is Verb.ALLOW


@pytest.mark.parametrize(
    ("text", "filter_"),
    [
        ('(allow network-outbound (remote ip "localhost:80"))', Filter(FilterKind.REMOTE, "localhost:80", "ip")),
        ('(allow network-bind (local tcp "*:*"))', Filter(FilterKind.LOCAL, "*:*", "tcp")),
        ('(allow file-ioctl (regex #"^/dev/ttys[0-9]+$"))', Filter(FilterKind.REGEX, "^/dev/ttys[0-9]+$")),
        ('(allow mach-lookup (global-name "a.b"))', Filter(FilterKind.SERVICE, "a.b")),
        ("(allow signal (target same-sandbox))", Filter(FilterKind.TARGET, "same-sandbox")),
        ("(allow system-socket (socket-domain AF_UNIX))", Filter(FilterKind.DOMAIN, "AF_UNIX")),
        (
            '(allow network-outbound (remote unix-socket (subpath "/a")))',
            Filter(FilterKind.REMOTE, protocol="unix-socket", inner=(Filter(FilterKind.SUBPATH, "/a"),)),
        ),
        (
            '(allow file-read* (require-all (literal "/a") (extension "e")))',
            Filter(FilterKind.ALL, inner=(Filter(FilterKind.LITERAL, "/a"), Filter(FilterKind.EXTENSION, "e"))),
        ),
    ],
)
def test_filters(text, filter_) -> None:
    assert one(text).filters == (filter_,)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "begins with"),
        ("(version 2)(deny default)", "begins with"),
        ("(deny default)(version 1)", "begins with"),
        ("(version 1)(allow file-read*)", "default comes first"),
        ("(version 1)(deny default file-read*)", "default comes first"),
        ('(version 1)(deny default (literal "/"))', "default"),
        (HEAD + "(allow default)", "line 3: a second default"),
        (HEAD + '(import "system.sb")', "allow or deny"),
        (HEAD + "allow", "allow or deny"),
        (HEAD + "()", "allow or deny"),
        (HEAD + "(allow)", "without an operation"),
        (HEAD + "(allow *)", "not known"),
        (HEAD + "(allow file-raed*)", "line 3: operation 'file-raed\\*' is not known"),
        (HEAD + '(allow "file-read*")', "not known"),
        (HEAD + '(allow file-read* (literal "/a") file-write*)', "before filters"),
        (HEAD + '(allow file-read* (literal "a"))', "filter that is not known"),
        (HEAD + '(allow file-read* (subpath "/a/"))', "filter that is not known"),
        (HEAD + '(allow file-read* (subpath "/a/../b"))', "filter that is not known"),
        (HEAD + "(allow file-read* (literal /a))", "filter that is not known"),
        (HEAD + '(allow file-read* (literal "/a" "/b"))', "filter that is not known"),
        (HEAD + '(allow file-read* (regex #"(a)"))', "not understood"),
        (HEAD + '(allow file-read* (require-not (literal "/a")))', "filter that is not known"),
        (HEAD + '(allow file-read* (require-all (require-all (literal "/a"))))', "filter that is not known"),
        (HEAD + "(allow file-read* (require-all))", "filter that is not known"),
        (HEAD + '(allow network-outbound (remote ip "127.0.0.1:80"))', "filter that is not known"),
        (HEAD + '(allow network-outbound (remote ip "localhost:080"))', "filter that is not known"),
        (HEAD + '(allow network-outbound (remote ip "localhost:65536"))', "filter that is not known"),
        (HEAD + '(allow network-outbound (remote ip "localhost:٣"))', "filter that is not known"),
        (HEAD + '(allow network-outbound (remote unix-socket "/a"))', "filter that is not known"),
        (HEAD + '(allow network-outbound (remote unix-socket (global-name "/a")))', "without a path"),
        (HEAD + "(allow signal (target everybody))", "filter that is not known"),
        (HEAD + '(allow network-outbound (literal "/a"))', "network-outbound has no literal"),
        (HEAD + '(allow mach-lookup (literal "/a"))', "has no literal"),
        (HEAD + '(allow file-read* (global-name "a"))', "has no global-name"),
        (HEAD + "(allow file-read* (target self))", "has no target"),
        (HEAD + '(allow file-read* (remote ip "*:*"))', "has no remote"),
        (HEAD + "(allow signal)" * 10_001, "rules"),
    ],
)
def test_faults(text, complaint) -> None:
    with pytest.raises(SandboxTextError, match=complaint):
        parse(text)


WORDS = st.sampled_from(
    [*"()", '"', '"/a"', '#"^a$"', "allow ", "deny ", "file* ", "literal ", "remote ", "ip ", "unix-socket ", "with "]
)


@given(st.lists(WORDS, max_size=30).map("".join))
def test_any_profile_is_read_or_refused(text) -> None:
    try:
        parse(HEAD + text)
    except SandboxTextError:
        return


@pytest.mark.parametrize(
    ("pattern", "operation", "does"),
    [
        ("file*", "file-read-data", True),
        ("file-read*", "file-read-data", True),
        ("file-read*", "file-write-data", False),
        ("file-read-data", "file-read-data", True),
        ("file-read", "file-read-data", False),
        ("process-exec*", "process-exec", True),
        ("process-exec*", "process-exec-interpreter", True),
    ],
)
def test_stars(pattern, operation, does) -> None:
    assert covers(pattern, operation) is does
