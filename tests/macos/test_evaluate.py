"""May it? Small profiles, asked."""

from __future__ import annotations

import pytest

from pipelock_macos.evaluate import Evaluator, Question
from pipelock_macos.parse import parse

TEXT = """(version 1)
(deny default)
(allow file-read* (subpath "/a"))
(deny file* (subpath "/a/secret"))
(allow file-read-data (literal "/a/secret/open"))
(allow file-ioctl (require-all (regex #"^/dev/ttys[0-9]+$") (extension "pty")))
(allow network-outbound (remote ip "localhost:8080"))
(allow network-outbound (remote tcp "localhost:5432"))
(allow network-bind network-inbound (local ip "localhost:*"))
(allow network-outbound (remote unix-socket (subpath "/run/x")))
(allow mach-lookup (global-name "com.apple.logd"))
(allow signal (target same-sandbox))
(allow sysctl-read (sysctl-name-prefix "kern."))
(deny sysctl-read (sysctl-name "kern.secret"))
(allow system-socket (socket-domain AF_UNIX))
(allow process-fork)
"""


def tcp(address, port, protocol="tcp"):
    return {"operation": "network-outbound", "protocol": protocol, "remote": (address, port)}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ({"operation": "file-read-data", "path": "/a"}, True),
        ({"operation": "file-read-metadata", "path": "/a/b/c"}, True),
        ({"operation": "file-read-data", "path": "/ab"}, False),
        ({"operation": "file-write-data", "path": "/a/b"}, False),
        ({"operation": "file-read-data", "path": "/a/secret"}, False),
        ({"operation": "file-read-data", "path": "/a/secret/x"}, False),
        ({"operation": "file-read-data", "path": "/a/secrets"}, True),
        ({"operation": "file-read-data", "path": "/a/secret/open"}, True),
        ({"operation": "file-read-metadata", "path": "/a/secret/open"}, False),
        ({"operation": "file-read-data", "path": "/"}, False),
        ({"operation": "file-read-data", "path": ""}, False),
        ({"operation": "file-ioctl", "path": "/dev/ttys12", "extension": "pty"}, True),
        ({"operation": "file-ioctl", "path": "/dev/ttys12"}, False),
        ({"operation": "file-ioctl", "path": "/dev/ttysx", "extension": "pty"}, False),
        (tcp("127.0.0.1", 8080), True),
        (tcp("::1", 8080), True),
        (tcp("127.0.0.1", 8080, "udp"), True),
        (tcp("::ffff:127.0.0.1", 8080), False),
        (tcp("127.0.0.2", 8080), False),
        (tcp("10.0.0.1", 8080), False),
        (tcp("127.0.0.1", 8081), False),
        (tcp("127.0.0.1", 5432), True),
        (tcp("127.0.0.1", 5432, "udp"), False),
        ({"operation": "network-bind", "protocol": "tcp", "local": ("127.0.0.1", 3000)}, True),
        ({"operation": "network-bind", "protocol": "tcp", "local": ("0.0.0.0", 3000)}, False),
        ({"operation": "network-outbound", "path": "/run/x/s"}, True),
        ({"operation": "network-outbound", "path": "/run/y"}, False),
        ({"operation": "network-bind", "path": "/run/x/s"}, False),
        ({"operation": "mach-lookup", "name": "com.apple.logd"}, True),
        ({"operation": "mach-lookup", "name": "com.apple.logd2"}, False),
        ({"operation": "signal", "target": "self"}, True),
        ({"operation": "signal", "target": "same-sandbox"}, True),
        ({"operation": "signal", "target": "others"}, False),
        ({"operation": "sysctl-read", "name": "kern.version"}, True),
        ({"operation": "sysctl-read", "name": "kern.secret"}, False),
        ({"operation": "sysctl-write", "name": "kern.version"}, False),
        ({"operation": "system-socket", "domain": "AF_UNIX"}, True),
        ({"operation": "system-socket", "domain": "AF_SYSTEM"}, False),
        ({"operation": "process-fork"}, True),
        ({"operation": "lsopen"}, False),
    ],
)
def test_questions(question, answer) -> None:
    assert Evaluator(parse(TEXT)).allows(Question(**question)) is answer


def test_the_rule_that_holds_is_named() -> None:
    asker = Evaluator(parse(TEXT))
    assert asker.ask(Question(operation="file-read-data", path="/a/secret")).rule.line == 4
    assert asker.ask(Question(operation="lsopen")).rule is None


def test_the_default_may_allow() -> None:
    asker = Evaluator(parse("(version 1)(allow default)(deny file-write*)"))
    assert asker.allows(Question(operation="lsopen"))
    assert not asker.allows(Question(operation="file-write-data", path="/x"))


def test_a_local_address_lets_everything_out() -> None:
    asker = Evaluator(parse('(version 1)(deny default)(allow network-outbound (local ip "localhost:*"))'))
    assert asker.allows(Question(**tcp("93.184.215.14", 443)))


def test_an_unknown_operation_is_no_question() -> None:
    with pytest.raises(ValueError, match="no operation"):
        Evaluator(parse(TEXT)).ask(Question(operation="file-read*"))
