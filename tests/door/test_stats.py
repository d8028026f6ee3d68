from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from pipelock.door.stats import MAX_NAMES, Stats
from pipelock.model import BlockReason, Decision, Kind, TunnelClosed, Verdict
from tests.factories import a_finding, a_record, a_summary


def decided(stats: Stats, verdict: Verdict = Verdict.ALLOW, *, took_us: int = 1000, **parts: Any) -> None:
    action = parts.pop("action", {})
    decision = Decision(action_id="t-1", verdict=verdict, **parts)
    stats.decided(a_record(action=a_summary(**action), decision=decision, took_us=took_us))


def samples(stats: Stats) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(stats.exposition().decode())
    return {
        (sample.name, *(f"{key}={value}" for key, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


@pytest.mark.parametrize(
    ("kind", "verdict", "counts"),
    [
        # requests, allowed, blocked, warned
        (Kind.REQUEST, Verdict.ALLOW, (1, 1, 0, 0)),
        (Kind.REQUEST, Verdict.WARN, (1, 1, 0, 1)),
        (Kind.REQUEST, Verdict.BLOCK, (1, 0, 1, 0)),
        (Kind.CONNECT, Verdict.ALLOW, (1, 1, 0, 0)),
        (Kind.RESPONSE, Verdict.ALLOW, (0, 0, 0, 0)),
        (Kind.RESPONSE, Verdict.STRIP, (0, 0, 0, 1)),
        (Kind.RESPONSE, Verdict.BLOCK, (0, 0, 1, 0)),
        (Kind.CLIENT_HELLO, Verdict.ALLOW, (0, 0, 0, 0)),
        (Kind.CLIENT_HELLO, Verdict.BLOCK, (0, 0, 1, 0)),
        (Kind.TUNNEL_DATA, Verdict.BLOCK, (0, 0, 1, 0)),
    ],
)
def test_what_counts_as_what(kind: Kind, verdict: Verdict, counts: tuple[int, ...]) -> None:
    stats = Stats("1")
    decided(stats, verdict, action={"kind": kind}, layer="dlp")
    assert (stats.requests, stats.allowed, stats.blocked, stats.warned) == counts


def test_profiles_count_by_themselves_and_what_a_header_says_is_no_label() -> None:
    stats = Stats("1")
    stats.agents = frozenset({"builder"})
    for agent in ("builder", "builder", "made-up", "anonymous", ""):
        decided(stats, action={"agent": agent})
    decided(stats, Verdict.BLOCK, action={"agent": "builder"}, layer="dlp")
    requests = {key[1:]: value for key, value in samples(stats).items() if key[0] == "pipelock_requests_total"}
    assert requests == {
        ("agent=builder", "result=allowed"): 2,
        ("agent=anonymous", "result=allowed"): 3,
        ("agent=builder", "result=blocked"): 1,
    }


def test_the_metrics_have_the_published_names() -> None:
    stats = Stats("1.2")
    decided(stats)
    decided(stats, Verdict.BLOCK, layer="dlp", took_us=30_000)
    decided(
        stats, Verdict.BLOCK, layer="kill_switch", code=BlockReason.KILL_SWITCH_ACTIVE, action={"kind": Kind.CONNECT}
    )
    decided(stats, action={"kind": Kind.CONNECT})
    decided(stats, action={"kind": Kind.CLIENT_HELLO})
    decided(stats, Verdict.BLOCK, layer="sni_mismatch", action={"kind": Kind.CLIENT_HELLO})
    decided(
        stats, Verdict.WARN, findings=(a_finding(place="body"), a_finding(place="header:x"), a_finding(place="url"))
    )
    pieces = a_finding(scanner="cross_request", place="session")
    budgets = [replace(pieces, rule=rule) for rule in ("Entropy Budget", "Slow Drip")]
    decided(stats, Verdict.WARN, findings=(pieces, *budgets))
    stats.fragment_bytes = lambda: 77
    stats.tunnel_opened()
    stats.tunnel_opened()
    stats.tunnel_closed(TunnelClosed("t", "h:443", 10, 20, 3000))
    stats.websocket_opened()
    stats.websocket_opened()
    stats.websocket_closed(TunnelClosed("w", "h:443", 10, 20, 3000, websocket=True, texts=5, binaries=6))
    seen = samples(stats)
    expected = {
        ("pipelock_requests_total", "agent=anonymous", "result=allowed"): 4,
        ("pipelock_requests_total", "agent=anonymous", "result=blocked"): 3,
        ("pipelock_scanner_hits_total", "agent=anonymous", "scanner=dlp"): 1,
        ("pipelock_scanner_hits_total", "agent=anonymous", "scanner=sni_mismatch"): 1,
        ("pipelock_kill_switch_denials_total", "endpoint=connect", "transport=forward"): 1,
        ("pipelock_tunnels_total", "agent=anonymous", "result=allowed"): 1,
        ("pipelock_tunnels_total", "agent=anonymous", "result=blocked"): 1,
        ("pipelock_sni_total", "agent=anonymous", "category=match"): 1,
        ("pipelock_sni_total", "agent=anonymous", "category=mismatch"): 1,
        ("pipelock_body_dlp_hits_total", "action=warn", "agent=anonymous"): 1,
        ("pipelock_header_dlp_hits_total", "action=warn", "agent=anonymous"): 1,
        ("pipelock_cross_request_dlp_match_total",): 1,
        ("pipelock_ws_connections_total", "result=allowed"): 2,
        ("pipelock_ws_active_connections",): 1,
        ("pipelock_ws_duration_seconds_count",): 1,
        ("pipelock_ws_bytes_total", "direction=client_to_server"): 10,
        ("pipelock_ws_bytes_total", "direction=server_to_client"): 20,
        ("pipelock_ws_frames_total", "type=text"): 5,
        ("pipelock_ws_frames_total", "type=binary"): 6,
        ("pipelock_cross_request_entropy_exceeded_total",): 2,
        ("pipelock_cross_request_fragment_buffer_bytes",): 77,
        ("pipelock_request_duration_seconds_count",): 6,
        ("pipelock_request_duration_seconds_bucket", "le=0.01"): 5,
        ("pipelock_request_duration_seconds_bucket", "le=0.05"): 6,
        ("pipelock_tunnel_duration_seconds_bucket", "le=5.0"): 1,
        ("pipelock_tunnel_bytes_total",): 30,
        ("pipelock_active_tunnels",): 1,
        ("pipelock_info", "version=1.2"): 1,
    }
    assert {key: seen.get(key) for key in expected} == expected


def test_the_top_entries_are_the_most_refused() -> None:
    stats = Stats("1")
    for host, times in (("a.com", 1), ("b.com", 3), ("c.com", 2)):
        for _ in range(times):
            decided(stats, Verdict.BLOCK, layer=f"layer {host}", action={"host": host})
    assert stats.top_blocked(2) == (("b.com", 3), ("c.com", 2))
    assert stats.top_layers() == (("layer b.com", 3), ("layer c.com", 2), ("layer a.com", 1))


def test_names_are_bounded_and_frequent_ones_stay() -> None:
    stats = Stats("1")
    for _ in range(3):
        decided(stats, Verdict.BLOCK, layer="dlp", action={"host": "often.com"})
    for number in range(3 * MAX_NAMES):
        decided(stats, Verdict.BLOCK, layer="dlp", action={"host": f"h{number}.com"})
        assert len(stats.top_blocked(10 * MAX_NAMES)) <= MAX_NAMES
    assert stats.top_blocked(1) == (("often.com", 3),)


def test_placeholders_are_counted_by_class() -> None:
    stats = Stats("1")
    decided(stats, Verdict.REDACT, redactions={"email": 2, "ipv4": 1})
    decided(stats, Verdict.REDACT, redactions={"email": 1})
    name = "pipelock_body_redactions_total"
    found = {key[2]: value for key, value in samples(stats).items() if key[0] == name}
    assert found == {"class=email": 3.0, "class=ipv4": 1.0}
