from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock_linux.unanswered import MAX_QUESTION, refusal, refuse_waiting

QUESTION = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06origin\x04test\x00\x00\x01\x00\x01"
EXTRA = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"  # EDNS, which is not taken back


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (QUESTION, b"\x12\x34\x81\x82" + QUESTION[4:]),
        (QUESTION[:11] + b"\x01" + QUESTION[12:] + EXTRA, b"\x12\x34\x81\x82" + QUESTION[4:]),
        (b"\x12\x34\x81\x80" + QUESTION[4:], None),  # an answer
        (b"\x12\x34\x28\x00" + QUESTION[4:], None),  # an update
        (QUESTION[:5] + b"\x02" + QUESTION[6:], None),  # two questions
        (QUESTION[:-1], None),
        (QUESTION[:12], None),
        (QUESTION[:12] + b"\xc0\x0c\x00\x01\x00\x01", None),  # a name that points at itself
        (QUESTION + bytes(MAX_QUESTION), None),
        (b"", None),
    ],
)
def test_a_question_is_refused_and_nothing_else_is_answered(question: bytes, answer: bytes | None) -> None:
    assert refusal(question) == answer


@given(st.binary(max_size=600))
def test_an_answer_is_never_longer_than_its_question_and_never_a_question(data: bytes) -> None:
    answer = refusal(data)
    if answer is not None:
        assert len(answer) <= len(data)
        assert answer[2] & 0x80
        assert refusal(answer) is None


@pytest.mark.parametrize(("family", "here"), [(socket.AF_INET, "127.0.0.3"), (socket.AF_INET6, "::1")])
def test_waiting_questions_are_answered_from_where_they_were_asked(family: int, here: str) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as server, socket.socket(family, socket.SOCK_DGRAM) as client:
        try:
            server.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", 0))
            client.connect((here, server.getsockname()[1]))
        except OSError:
            pytest.skip("this machine has no such address")
        if family == socket.AF_INET:
            server.setsockopt(socket.IPPROTO_IP, 8, 1)
        else:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        client.settimeout(30)
        for said in (b"nonsense", QUESTION):
            client.send(said)
        refuse_waiting([server.fileno()])
        # Connected: an answer from elsewhere would not arrive.
        assert client.recv(600) == refusal(QUESTION)
        # Nothing is left, and nobody is waited for.
        refuse_waiting([server.fileno()])
