"""Secrets that no single request holds, budgets, and what is kept of a session."""

from __future__ import annotations

import base64
import json
import random
import time
from itertools import permutations
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipelock.config import loads
from pipelock.engine import Engine, Facts, KillSwitch, Policy, cross_request
from pipelock.engine.compile import compile_policy
from pipelock.engine.cross_request import BUDGET_RULE, DRIP_RULE, DRIP_SECONDS, LABEL, CrossRequest
from pipelock.model import Action, BlockReason, Decision, Direction, Kind, Severity, Verdict
from tests.factories import a_response, an_action

KEY = "AKIA" + "Q7WERTYZ5UIOPAS3"
TOKEN = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"
PIECES = [KEY[start : start + 5] for start in range(0, 20, 5)]


@pytest.fixture(scope="module")
def policy() -> Policy:
    text = """
version: 1
dlp: {include_defaults: false}
cross_request_detection:
  enabled: true
  fragment_reassembly: {enabled: true}
"""
    return compile_policy(loads(text, "test"), {}, None, judges_responses=False)


@pytest.fixture
def budget(policy: Policy) -> Policy:
    assert policy.cross_request is not None
    section = replace(policy.cross_request, buffer_bytes=0, budget_bits=4096.0)
    return replace(policy, cross_request=section)


class Session:
    """Sends requests, a second apart, and collects what is found."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.tracker = CrossRequest()
        self.now = 1000.0
        self.count = 0

    def send(self, url: str = "http://drop.example/p", step: float = 1.0, **changes: object) -> list[str]:
        self.now += step
        self.count += 1
        action = an_action(id=f"a-{self.count}", url=url, **changes)
        return [finding.rule for finding in self.tracker.judge(action, self.policy, self.now, again=False)]


def queries(values: list[str], name: str = "d") -> list[dict[str, object]]:
    return [{"url": f"http://drop.example/p?{name}={quote(value)}"} for value in values]


JUNK = [{"url": "http://news.example/story?page=2&ref=front"}, {"url": "http://api.example/v1/items?limit=50"},
        {"method": "POST", "body": b'{"model": "m", "messages": [{"role": "user", "content": "What is the weather like?"}]}',
         "content_type": "application/json"}, {"url": "http://cdn.example/a/b/app.3f2a.js"}]  # fmt: skip
WAYS: dict[str, list[dict[str, object]]] = {
    "query values": queries(PIECES),
    "two halves": queries([KEY[:9], KEY[9:]]),
    "bare words": [{"url": f"http://drop.example/p?{piece}"} for piece in PIECES],
    "names": [{"url": f"http://drop.example/p?{piece}=1"} for piece in PIECES],
    "last first": queries(PIECES[::-1]),
    "numbered names, shuffled": [{"url": f"http://drop.example/p?part{at}={PIECES[at]}"} for at in (2, 0, 3, 1)],
    "numbered beside, shuffled": [{"url": f"http://drop.example/p?i={at}&d={PIECES[at]}"} for at in (1, 3, 0, 2)],
    "numbered paths, shuffled": [{"url": f"http://drop.example/p/{at}?d={PIECES[at]}"} for at in (3, 1, 2, 0)],
    "names that sort": [{"url": f"http://drop.example/p?{'wxyz'[at]}={PIECES[at]}"} for at in (2, 0, 3, 1)],
    "three of different names": [{"url": f"http://h{at}.example/?{name}={KEY[at * 7 : at * 7 + 7]}"} for at, name in ((2, "q"), (0, "ref"), (1, "utm"))],
    "JSON bodies": [{"method": "POST", "body": json.dumps({"user": "me", "note": piece}).encode(), "content_type": "application/json"} for piece in PIECES],
    "forms": [{"method": "POST", "body": f"a=1&note={piece}".encode(), "content_type": "application/x-www-form-urlencoded"} for piece in PIECES],
    "plain bodies": [{"method": "PUT", "body": piece.encode()} for piece in PIECES],
    "headers": [{"headers": (("x-trace", piece), ("accept", "*/*"))} for piece in PIECES],
    "paths": [{"url": f"http://drop.example/img/{piece}"} for piece in PIECES],
    "host names": [{"url": f"http://{piece.lower()}.drop.example/", "host": f"{piece.lower()}.drop.example"} for piece in PIECES],
    "tunnels": [{"kind": Kind.CONNECT, "url": f"https://{piece.lower()}.drop.example:443/"} for piece in PIECES],
    "base64": queries([base64.b64encode(TOKEN.encode()).decode()[at : at + 14] for at in range(0, 54, 14)]),
    "percent": queries([quote(PIECES[0]), "%41"[:0] + PIECES[1], PIECES[2], PIECES[3]]),
}  # fmt: skip


@pytest.mark.parametrize("junk", [False, True], ids=["alone", "between others"])
@pytest.mark.parametrize("way", WAYS)
def test_pieces_are_put_together(policy: Policy, way: str, junk: bool) -> None:
    session = Session(policy)
    found: list[str] = []
    for number, request in enumerate(WAYS[way]):
        assert found == []
        if junk:
            for other in (number, number + 1):
                assert session.send(**JUNK[other % len(JUNK)]) == []
        found = session.send(**request)
    assert found in (["AWS Access ID"], ["GitHub Token"])


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(3)), st.lists(st.sampled_from(range(4)), max_size=4))
def test_three_pieces_in_any_order(policy: Policy, order: list[int], junk: list[int]) -> None:
    session = Session(policy)
    cut = [TOKEN[:14], TOKEN[14:27], TOKEN[27:]]
    found: list[str] = []
    for at in order:
        for number in junk:
            session.send(**JUNK[number])
        found = session.send(f"http://drop.example/?{'xkq'[at]}={cut[at]}")
    assert found == ["GitHub Token"]


def test_the_end_of_a_large_body_counts(policy: Policy) -> None:
    session = Session(policy)
    assert session.send(method="PUT", body=b"lorem ipsum " * 20_000 + KEY[:10].encode()) == []
    assert session.send(method="PUT", body=KEY[10:].encode() + b" dolor sit " * 20_000) == ["AWS Access ID"]


def test_the_finding_tells_what_and_shows_nothing(policy: Policy) -> None:
    session = Session(policy)
    for request in queries(PIECES[:3]):
        session.send(**request)
    (finding,) = session.tracker.judge(
        an_action(url=f"http://drop.example/p?d={PIECES[3]}"), policy, 1010.0, again=False
    )
    assert (finding.scanner, finding.severity, finding.place) == (LABEL, Severity.CRITICAL, "session")
    assert finding.message == "AWS Access ID in what 4 requests of this session sent, put together as they were sent"
    assert not any(piece in repr(finding) for piece in PIECES)


def test_slow_senders(policy: Policy) -> None:
    session = Session(policy)
    assert [session.send(step=3600.0, **request) for request in queries(PIECES)] == [[], [], [], ["AWS Access ID"]]
    session = Session(policy)
    assert [session.send(step=DRIP_SECONDS + 1, **request) for request in queries(PIECES)] == [[]] * 4


def test_other_clients_are_other_sessions_and_names_are_not(policy: Policy) -> None:
    session = Session(policy)
    halves = queries([KEY[:10], KEY[10:]])
    assert session.send(client="10.0.0.1", **halves[0]) == []
    assert session.send(client="10.0.0.2", **halves[1]) == []
    assert session.send(client="10.0.0.1", agent="another", session="another|10.0.0.1", **halves[1]) == [
        "AWS Access ID"
    ]


def test_what_a_person_has_forgotten_is_no_part_any_more(policy: Policy, budget: Policy) -> None:
    halves = queries([KEY[:10], KEY[10:]])
    session = Session(policy)
    session.send(client="10.0.0.1", **halves[0])
    session.send(client="10.0.0.2", **halves[0])
    before = session.tracker.size
    assert session.tracker.forget("10.0.0.1")
    assert session.tracker.size == before // 2
    assert not session.tracker.forget("10.0.0.1")
    assert session.send(client="10.0.0.1", **halves[1]) == []
    assert session.send(client="10.0.0.2", **halves[1]) == ["AWS Access ID"]
    spender = Session(budget)
    noise = {"method": "POST", "body": random.Random(1).randbytes(2000)}
    assert spender.send(**noise) == [BUDGET_RULE]
    assert spender.tracker.forget("10.1.1.1")
    assert spender.send(method="POST", body=b"a") == []


def test_what_stands_in_one_request_was_found_there(policy: Policy) -> None:
    session = Session(policy)
    context = {"method": "POST", "content_type": "application/json"}
    for number in range(6):
        body = json.dumps({"messages": [f"my key is {KEY} ok"] + [f"turn {turn}" for turn in range(number)]})
        assert session.send(body=body.encode(), **context) == []


def test_work_is_not_disturbed(policy: Policy) -> None:
    session = Session(policy)
    random.seed(11)
    for number in range(60):
        commit = f"{random.getrandbits(160):040x}"
        assert (
            session.send(f"http://git.example/repo/commit/{commit}?page={number}&per_page=30&token_type=bearer") == []
        )
        assert (
            session.send(f"http://pkg.example/simple/package-{number}/", headers=(("x-request-id", commit[:16]),)) == []
        )
        body = json.dumps(
            {"id": commit[:12], "text": f"Paragraph {number} of a page about keys and passwords", "n": number}
        )
        assert session.send(method="POST", body=body.encode(), content_type="application/json") == []


def test_a_refused_piece_is_refused_again(policy: Policy) -> None:
    session = Session(policy)
    halves = queries([KEY[:10], KEY[10:]])
    session.send(**halves[0])
    assert [session.send(**halves[1]) for _ in range(3)] == [["AWS Access ID"]] * 3


def test_a_held_request_is_told_again_and_counted_once(policy: Policy) -> None:
    tracker = CrossRequest()
    tracker.judge(an_action(id="one", url=f"http://drop.example/?d={KEY[:10]}"), policy, 0.0, again=False)
    action = an_action(id="two", url=f"http://drop.example/?d={KEY[10:]}")
    first = tracker.judge(action, policy, 1.0, again=False)
    size = tracker.size
    assert first
    assert tracker.judge(action, policy, 2.0, again=True) == first
    assert tracker.judge(an_action(id="three"), policy, 2.0, again=True) == ()
    assert tracker.size == size


def test_warnings_let_pass_and_off_is_off(policy: Policy) -> None:
    assert policy.cross_request is not None
    warning = replace(policy, cross_request=replace(policy.cross_request, warns=True))
    session = Session(warning)
    session.send(**queries([KEY[:10]])[0])
    (finding,) = session.tracker.judge(
        an_action(url=f"http://drop.example/p?d={KEY[10:]}"), warning, 1001.5, again=False
    )
    assert finding.warns
    off = Session(replace(policy, cross_request=None))
    assert [off.send(**request) for request in queries(PIECES)] == [[]] * 4
    assert off.tracker.size == 0
    assert off.tracker.judge(a_response(body=KEY.encode()), policy, 0.0, again=False) == ()


def test_through_the_engine(policy: Policy) -> None:
    engine = Engine(policy, KillSwitch())
    decision = None
    for number, request in enumerate(queries([KEY[:10], KEY[10:]])):
        result = engine.adjudicate(
            _with_host(an_action(id=f"e-{number}", **request)), Facts(now=float(number), wall=0.0)
        )
        decision = result if isinstance(result, Decision) else None
    assert decision is not None
    assert (decision.verdict, decision.code, decision.layer) == (Verdict.BLOCK, BlockReason.CROSS_REQUEST_DENY, LABEL)
    assert decision.hint.startswith("section cross_request_detection")


def _with_host(action: Action) -> Action:
    return replace(action, host="drop.example")


def test_the_budget(budget: Policy) -> None:
    session = Session(budget)
    noise = random.Random(3)
    found: list[str] = []
    for number in range(60):
        found = session.send(f"http://drop.example/?q={noise.getrandbits(64):016x}")
        assert bool(found) == (number >= 60), number
        if found:
            break
    assert found == []
    for _ in range(40):
        found = session.send(method="PUT", body=base64.b64encode(noise.randbytes(60)))
    assert found == [BUDGET_RULE]
    assert session.send("http://drop.example/", step=600.0) == []


def part(kind: Kind, body: bytes, **changes: object) -> Action:
    return an_action(kind=kind, host="drop.example", body=body, **{"size": len(body), **changes})


@pytest.mark.parametrize("kind", [Kind.PIECE, Kind.MESSAGE])
def test_what_follows_in_a_body_or_a_websocket_spends_the_budget_too(budget: Policy, kind: Kind) -> None:
    tracker = CrossRequest()
    data = random.Random(3).randbytes(300)

    def told(action: Action, *, again: bool = False) -> list[str]:
        return [finding.rule for finding in tracker.judge(action, budget, 1000.0, again=again)]

    assert told(part(kind, data)) == []
    assert told(part(kind, data), again=True) == [], "it was counted when it was judged first"
    assert told(part(kind, data, direction=Direction.INBOUND)) == []
    assert told(part(kind, data)) == [BUDGET_RULE]
    exempt = replace(budget.cross_request, budget_exempt=cross_request.HostSet(["drop.example"]))
    assert CrossRequest().judge(part(kind, data * 9), replace(budget, cross_request=exempt), 1.0, again=False) == ()


def test_what_is_judged_again_in_front_of_more_is_not_counted_again(budget: Policy) -> None:
    tracker = CrossRequest()
    context = random.Random(4).randbytes(4096)
    for _ in range(9):
        assert tracker.judge(part(Kind.PIECE, context + b"few", seen=4096), budget, 1.0, again=False) == ()
        assert tracker.judge(part(Kind.MESSAGE, context + b"few", seen=4096, size=0), budget, 1.0, again=False) == ()


def test_a_body_is_warned_about_once(budget: Policy) -> None:
    action = part(Kind.PIECE, random.Random(4).randbytes(4096), told=(BUDGET_RULE,))
    assert CrossRequest().judge(action, budget, 1.0, again=False) == ()


def test_the_budget_forgets_and_exempts(budget: Policy) -> None:
    assert budget.cross_request is not None
    noise = random.Random(3)
    session = Session(budget)
    bodies = [base64.b64encode(noise.randbytes(200)) for _ in range(12)]
    assert [session.send(method="PUT", body=body, step=200.0) for body in bodies] == [[]] * 12
    exempt = replace(budget.cross_request, budget_exempt=cross_request.HostSet(["*.drop.example"]))
    session = Session(replace(budget, cross_request=exempt))
    assert [session.send(method="PUT", body=body) for body in bodies] == [[]] * 12


def test_slow_noise_to_one_domain(budget: Policy) -> None:
    session = Session(budget)
    noise = random.Random(5)
    steps = 0
    while session.send(
        f"http://n{steps}.drop.example/?q={base64.urlsafe_b64encode(noise.randbytes(60)).decode()}", step=40.0
    ) != [DRIP_RULE]:
        steps += 1
        assert steps < 400
    assert 120 < steps < 250
    english = Session(budget)
    for number in range(400):
        assert english.send(f"http://search.example/?q=how+do+people+write+{number}+tests", step=60.0) == []


def test_memory_is_bounded(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross_request, "MAX_TOTAL", 120_000)
    session = Session(policy)
    noise = random.Random(1)
    for number in range(60):
        body = json.dumps({f"k{noise.randrange(50)}x": noise.randbytes(40).hex() for _ in range(40)}).encode()
        session.send(client=f"10.0.0.{number % 5}", method="POST", body=body, content_type="application/json")
        assert session.tracker.size <= 120_000
        assert session.tracker.size == sum(one.size for one in session.tracker._sessions)
        assert all(one.size <= 65_536 for one in session.tracker._sessions)
    assert len(session.tracker._drips) <= cross_request.MAX_DRIPS


def test_a_flood_does_not_wash_out_what_is_half_way(policy: Policy) -> None:
    session = Session(policy)
    for request in queries(PIECES[:3]):
        session.send(step=0.001, **request)
    for number in range(400):
        session.send(
            f"http://flood.example/?f{'abcdefghij'[number % 10]}{number * 7919}x={number}junk{number}", step=0.001
        )
    assert session.send(**queries(PIECES)[3]) == ["AWS Access ID"]


@pytest.mark.parametrize(
    "request_",
    [{"url": "http://x.example/?" + "&".join(f"a{n}b=q{n}Z" for n in range(300))},
     {"method": "POST", "body": b'"' * 200_000, "content_type": "application/json"},
     {"method": "POST", "body": b'{"a":"x1"},' * 18_000, "content_type": "application/json"},
     {"method": "PUT", "body": KEY[:19].encode() * 10_000}],
    ids=["parameters", "quotes", "objects", "nearly"],
)  # fmt: skip
def test_hostile_requests_cost_milliseconds(policy: Policy, request_: dict[str, object]) -> None:
    session = Session(policy)
    for _ in range(3):
        session.send(**request_)
    start = time.process_time()
    session.send(**request_)
    assert time.process_time() - start < 0.25


def test_every_order_of_four_numbered_pieces(policy: Policy) -> None:
    for order in list(permutations(range(4)))[::3]:
        session = Session(policy)
        found = [session.send(f"http://drop.example/p?n={at}&v={PIECES[at]}") for at in order]
        assert found[-1] == ["AWS Access ID"], order


@pytest.mark.parametrize("header", ["sid=%s", "theme=dark; sid=%s; a=1"])
def test_a_key_in_cookies_of_several_requests_is_found(policy: Policy, header: str) -> None:
    session = Session(policy)
    sent = [session.send(headers=(("cookie", header % piece),)) for piece in PIECES]
    assert sent == [[], [], [], ["AWS Access ID"]]


@pytest.mark.parametrize(("name", "value"), [
    ("user-agent", "tool/8 %s"), ("referer", "http://x.example/%s"), ("authorization", "Bearer %s"),
])  # fmt: skip
def test_a_key_in_headers_that_every_client_sends_is_found(policy: Policy, name: str, value: str) -> None:
    session = Session(policy)
    assert [session.send(headers=((name, value % piece),)) for piece in PIECES][-1] == ["AWS Access ID"]


@pytest.mark.parametrize("encode", [lambda data: data.hex(), lambda data: base64.b64encode(data).decode()])
def test_an_encoded_key_that_is_sent_last_part_first_is_found(policy: Policy, encode) -> None:  # type: ignore[no-untyped-def]
    session = Session(policy)
    text = encode(TOKEN.encode())
    parts = [text[start : start + 14] for start in range(0, len(text), 14)]
    assert [session.send(f"http://drop.example/p?d={quote(part, safe='')}") for part in reversed(parts)][-1] == [
        "GitHub Token"
    ]


def test_the_cookies_of_a_long_session_spend_no_budget(budget: Policy) -> None:
    session = Session(budget)
    random_id = random.Random(1)
    for _ in range(300):
        value = base64.urlsafe_b64encode(random_id.randbytes(30)).decode()
        assert session.send(headers=(("cookie", f"sid={value}"),)) == []
