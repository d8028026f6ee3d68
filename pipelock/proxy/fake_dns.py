"""Names inside a sandbox: every name gets an address that leads to us, and nothing is ever asked of anybody else.

A program that resolves a name before it connects is told an address in 198.18.0.0/15 (set aside for tests of networks,
RFC 2544, so nobody's). When it connects there, the name is known and is judged; the daemon resolves it only then, and
only if it may be reached. So a name by itself carries nothing out.

| asked for | answer |
|---|---|
| A of a host name | an address of the table |
| A, AAAA of localhost and names below it (RFC 6761 §6.3) | 127.0.0.1, ::1 |
| AAAA, HTTPS, SVCB, MX, TXT and all other types of a host name | no such record: programs use the address |
| PTR of an address of the table | its name |
| a single label, `.local`, `.onion`, `.invalid`, an address written as a name, what is no host name | no such name |
| what is no question | nothing |
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections import OrderedDict
from contextlib import suppress
from hashlib import blake2b
from typing import Protocol as Shape

import msgspec
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from pipelock.door.edges import Clock

__all__ = [
    "MAX_NAMES",
    "MAX_PER_SECOND",
    "MAX_QUESTION",
    "DnsPort",
    "FakeNames",
    "Question",
    "read_question",
    "reply_to",
]

MAX_NAMES = 16_384
"""Names that one sandbox's table holds; the one that was used longest ago makes room."""
MAX_QUESTION = 1232
"""Bytes of a question that is read. With EDNS a question may be this long (RFC 6891 §6.2.5), and ours never is."""
MAX_PER_SECOND = 4000
"""Questions of one sandbox that are answered in a second. Those beyond it wait in the kernel, which drops what its
buffer can't hold; programs ask again after five seconds."""
TTL = 60
"""Seconds that an answer holds."""

_FIRST = int(ipaddress.IPv4Address("198.18.0.1"))
_COUNT = 2**17 - 2  # a /15 without its first and last address
_TRIES = 64
_PER_READ = 64
_RECEIVED = 4 * 1024 * 1024

_A, _PTR, _AAAA, _ANY = 1, 12, 28, 255
_INTERNET = 1
_NO_ERROR, _NO_SUCH_NAME, _NOT_IMPLEMENTED = 0, 3, 4
_MAX_NAME = 253
_MAX_LABEL = 63
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")
_NOWHERE = frozenset({"local", "onion", "invalid"})
_ARPA = ".in-addr.arpa"

_PACKET_INFO = 8  # IP_PKTINFO, ip(7); not in the standard library
_FREEBIND6 = 78  # IPV6_FREEBIND, linux/in6.h


class Question(msgspec.Struct, frozen=True, gc=False):
    """What is asked.

    Attributes:
        id: Repeated in the answer.
        recursion: Likewise: whether it is wished that others are asked.
        opcode: 0 for an ordinary question.
        name: Lower case, without the last dot; empty where it is no host name.
        type: RFC 1035 §3.2.2.
        wire: The question as it came, repeated in the answer: some clients mix upper and lower case as a token.
    """

    id: int
    recursion: bool
    opcode: int
    name: str
    type: int
    wire: bytes


class FakeNames:
    """The addresses that one sandbox was told, and their names.

    A name's place is computed from the name, so that after a restart of the daemon an address that a program kept still
    means the same name, or none. What a connection leads to is looked up once, when it comes: an address that later
    means another name leads it nowhere else.
    """

    def __init__(self, size: int = MAX_NAMES) -> None:
        self._size = size
        self._address: OrderedDict[str, int] = OrderedDict()
        self._name: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._address)

    def address_of(self, name: str) -> str:
        """The address that stands for `name` (lower case, without a last dot)."""
        number = self._address.get(name)
        if number is None:
            number = self._place(name)
            self._address[name] = number
            self._name[number] = name
        else:
            self._address.move_to_end(name)
        return str(ipaddress.IPv4Address(_FIRST + number))

    def name_of(self, address: str) -> str | None:
        """The name that `address` stands for; `None` where it was told nobody."""
        try:
            number = int(ipaddress.IPv4Address(address)) - _FIRST
        except ValueError:
            return None
        name = self._name.get(number)
        if name is not None:
            self._address.move_to_end(name)
        return name

    @staticmethod
    def covers(address: str) -> bool:
        """Whether `address` is one that could stand for a name."""
        try:
            return 0 <= int(ipaddress.IPv4Address(address)) - _FIRST < _COUNT
        except ValueError:
            return False

    def _place(self, name: str) -> int:
        if len(self._address) >= self._size:
            self._forget_oldest()
        start = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")
        for step in range(_TRIES):
            number = (start + step) % _COUNT
            if number not in self._name:
                return number
        return self._forget_oldest()  # only somebody who wants it meets so many that are taken

    def _forget_oldest(self) -> int:
        _, number = self._address.popitem(last=False)
        del self._name[number]
        return number


def read_question(data: bytes) -> Question | None:
    """Read one question (RFC 1035 §4.1); what follows it, such as EDNS, is left alone.

    `None` for what is no question for one name, whole and uncompressed: nobody waits for an answer to that.
    """
    if len(data) > MAX_QUESTION or len(data) < 12:
        return None
    number, flags, questions, answers = struct.unpack_from("!HHHH", data)
    if flags & 0x8000 or questions != 1 or answers:
        return None
    labels = _labels(data)
    end = 13 + sum(len(label) + 1 for label in labels) if labels is not None else len(data)
    if labels is None or end + 4 > len(data):
        return None
    kind, network = struct.unpack_from("!HH", data, end)
    if network != _INTERNET:
        return None
    return Question(number, bool(flags & 0x0100), flags >> 11 & 0xF, _host_name(labels), kind, data[12 : end + 4])


def _labels(data: bytes) -> list[bytes] | None:
    """The labels of the name behind the header; `None` where it does not end, or is compressed."""
    labels: list[bytes] = []
    at = 12
    while at < len(data) and at - 12 <= _MAX_NAME + 1 and data[at] <= _MAX_LABEL:
        length = data[at]
        if not length:
            return labels
        labels.append(data[at + 1 : at + 1 + length])
        at += 1 + length
    return None


def _host_name(labels: list[bytes]) -> str:
    """The labels as a host name in lower case; empty where they are none."""
    low = [label.lower() for label in labels]
    if not low or not all(_LETTERS.issuperset(label) for label in low):
        return ""
    name = b".".join(low).decode("ascii")
    return name if len(name) <= _MAX_NAME else ""


def reply_to(question: Question, names: FakeNames) -> bytes:
    """The answer."""
    if question.opcode:
        return _written(question, _NOT_IMPLEMENTED, None)
    name, kind = question.name, question.type
    if name.endswith(_ARPA):
        return _pointer(question, names)
    if name == "localhost" or name.endswith(".localhost"):
        local = {_A: b"\x7f\0\0\x01", _ANY: b"\x7f\0\0\x01", _AAAA: bytes(15) + b"\x01"}.get(kind)
        return _written(question, _NO_ERROR, local)
    if not _may_exist(name):
        return _written(question, _NO_SUCH_NAME, None)
    if kind in {_A, _ANY}:
        return _written(question, _NO_ERROR, ipaddress.IPv4Address(names.address_of(name)).packed)
    return _written(question, _NO_ERROR, None)


def _may_exist(name: str) -> bool:
    _, dot, last = name.rpartition(".")
    # A name whose last label is a number would be read as an address (WHATWG URL §3.5).
    return bool(dot) and last not in _NOWHERE and not last.isdigit() and not last.startswith("0x")


def _pointer(question: Question, names: FakeNames) -> bytes:
    parts = question.name.removesuffix(_ARPA).split(".")
    name = names.name_of(".".join(reversed(parts)))
    if parts == ["1", "0", "0", "127"]:
        name = "localhost"
    if name is None:
        return _written(question, _NO_SUCH_NAME, None)
    target = b"".join(bytes([len(label)]) + label for label in name.encode("ascii").split(b".")) + b"\0"
    return _written(question, _NO_ERROR, target if question.type in {_PTR, _ANY} else None)


def _written(question: Question, code: int, data: bytes | None) -> bytes:
    """An answer with at most one record, whose name is a pointer to the question's."""
    flags = 0x8080 | question.opcode << 11 | (0x0100 if question.recursion else 0) | code
    head = struct.pack("!HHHHHH", question.id, flags, 1, 0 if data is None else 1, 0, 0)
    if data is None:
        return head + question.wire
    kind = question.type if question.type != _ANY else _PTR if question.name.endswith(_ARPA) else _A
    record = struct.pack("!HHHIH", 0xC00C, kind, _INTERNET, TTL, len(data)) + data
    return head + question.wire + record


class Reads(Clock, Shape):
    """IReactorFDSet, as far as it is used, and IReactorTime."""

    def addReader(self, reader: object, /) -> None:
        """Call `doRead` when there is something to be read."""

    def removeReader(self, reader: object, /) -> None:
        """Do so no more."""


@implementer(IReadDescriptor)
class DnsPort:
    """Answers on a UDP socket of a sandbox, from the address that each question was sent to.

    Attributes:
        answered: Questions so far.
    """

    def __init__(self, reactor: Reads, fd: int, names: FakeNames) -> None:
        """Take over `fd`, which is closed by `close`.

        Raises:
            OSError: it is no UDP socket.
        """
        self.answered = 0
        self._reactor = reactor
        self._names = names
        self._socket = socket.socket(fileno=fd)
        self._window = reactor.seconds()
        self._in_window = 0
        self._is_open = True
        with suppress(OSError):
            # A thousand threads that ask at once should not wait for a second try. The kernel may allow less.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED)
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library's signature
        if self._socket.family == socket.AF_INET6:
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            # The kernel doubts that an address is ours that only a route makes so.
            with suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_IPV6, _FREEBIND6, 1)
            self._level, self._info = socket.IPPROTO_IPV6, socket.IPV6_PKTINFO
        else:
            self._socket.setsockopt(socket.IPPROTO_IP, _PACKET_INFO, 1)
            self._level, self._info = socket.IPPROTO_IP, _PACKET_INFO
        reactor.addReader(self)

    def fileno(self) -> int:
        """For the reactor."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """For the reactor's log."""
        return "names of a sandbox"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor is done with us."""
        self.close()

    def close(self) -> None:
        """Answer no more."""
        if self._is_open:
            self._is_open = False
            self._reactor.removeReader(self)
            self._socket.close()

    def doRead(self) -> None:
        """Answer what waits, a bounded number at a time."""
        for _ in range(_PER_READ):
            if not self._is_open or self._is_too_fast():
                return
            try:
                data, extra, _, peer = self._socket.recvmsg(MAX_QUESTION + 1, 256)
            except BlockingIOError:
                return
            except OSError:
                continue  # such as an earlier answer that could not be delivered
            self._in_window += 1
            question = read_question(data)
            if question is None:
                continue
            self.answered += 1
            with suppress(OSError):  # whoever does not take an answer asks again
                self._socket.sendmsg([reply_to(question, self._names)], self._back_from(extra), 0, peer)

    def _is_too_fast(self) -> bool:
        now = self._reactor.seconds()
        if now - self._window >= 1.0:
            self._window, self._in_window = now, 0
        if self._in_window < MAX_PER_SECOND:
            return False
        self._reactor.removeReader(self)
        self._reactor.callLater(self._window + 1.0 - now, self._go_on)
        return True

    def _go_on(self) -> None:
        if self._is_open:
            self._reactor.addReader(self)

    def _back_from(self, extra: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
        """What makes the answer come from the address that was asked (ip(7), ipv6(7))."""
        for level, kind, data in extra:
            if (level, kind) != (self._level, self._info):
                continue
            if level == socket.IPPROTO_IPV6:
                return [(level, kind, data[:16] + bytes(4))]
            return [(level, kind, bytes(4) + data[8:12] + bytes(4))]
        return []
