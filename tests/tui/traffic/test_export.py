from __future__ import annotations

import json
import shlex

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pipelock.model import Kind, Record, escape
from pipelock_tui import testing
from pipelock_tui.traffic.export import curl_command, exported, file_name, har


def request(url: str = "https://x.test/a", *headers: tuple[str, str], size: int = 0, method: str = "POST") -> Record:
    action = testing.summary("x.test", method=method, size=size, headers=headers)
    return testing.record(msgspec.structs.replace(action, url=url))


def test_a_request_as_a_curl_command() -> None:
    record = request(
        "https://x.test/a?b='c",
        ("host", "x.test"),
        ("accept", "*/*"),
        ("authorization", "Bearer abcdefghijkl"),
        size=12,
    )
    command = curl_command(record)
    assert command.splitlines() == [
        "# 12 bytes of body were sent and not kept: put them into the file BODY",
        "curl -g --path-as-is -X POST 'https://x.test/a?b='\"'\"'c' \\",
        "  -H 'accept: */*' \\",
        "  -H 'authorization: [19 characters]' \\",
        "  --data-binary @BODY",
    ]


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=8))
def test_nothing_in_a_request_can_end_the_quotes(url: str, value: str, method: str) -> None:
    command = curl_command(request(url, ("x-a", value), method=method))
    words = shlex.split(command.replace("\\\n", ""))
    assert words[0:4] == ["curl", "-g", "--path-as-is", "-X"]
    assert len(words) == 8
    assert words[7].startswith("x-a: ")
    assert all(escape(each, 20_000) == each for each in command.split("\n"))


def test_an_archive_has_request_and_answer_and_no_secret() -> None:
    answer = testing.record(testing.summary(kind=Kind.RESPONSE, status=200, size=7), at=testing.NOON + 1.5)
    made = json.loads(exported(request("https://x.test/", ("cookie", "secret"), size=5), answer, "har"))
    (entry,) = made["log"]["entries"]
    assert entry["request"]["url"] == "https://x.test/"
    assert entry["request"]["headers"] == [{"name": "cookie", "value": "[6 characters]"}]
    assert entry["response"]["status"] == 200
    assert entry["time"] == 1500.0


def test_a_refused_request_has_our_answer() -> None:
    entries = har(testing.blocked(), None)["log"]
    assert isinstance(entries, dict)
    assert entries["entries"][0]["response"]["status"] == 403


def test_json_holds_the_records() -> None:
    both = json.loads(exported(testing.record(), testing.blocked(), "json"))
    assert [each["decision"]["verdict"] for each in both] == ["allow", "block"]


@given(st.text(max_size=300), st.text(max_size=80))
def test_file_names_stay_in_their_folder(host: str, action_id: str) -> None:
    record = testing.renamed(testing.record(testing.summary(host)), action_id)
    name = file_name(record, "curl")
    assert name.startswith("20260921-141320-")
    assert name.endswith(".sh")
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")
    assert len(name) < 120
