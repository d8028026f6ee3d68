import json

import pytest

from bench.table import row, table


@pytest.mark.parametrize(
    ("ours", "peer", "less_is_better", "ratio"),
    [
        (100, 50, False, "2.00x"),
        (50, 100, False, "0.50x"),
        (1, 4, True, "4.00x"),
        (0, 4, True, "-"),
        (4, 0, True, "-"),
        (float("nan"), 4, False, "-"),
        (0, 4, False, "-"),
    ],
)
def test_the_ratio_says_how_many_times_better_we_are(ours, peer, less_is_better, ratio):
    assert row("it", ours, peer, "ms", "them", less_is_better=less_is_better).endswith(f"| {ratio} |")


def test_the_table_has_what_was_measured_and_no_more(tmp_path):
    ways = {"pipelock": {"mb_per_second": 300.0, "cpu_seconds": 0.3, "rss_grown_mib": 1.0}}
    ways["streaming"] = {"mb_per_second": 200.0, "cpu_seconds": 0.6, "rss_grown_mib": 2.0}
    result = {"when": "2031-02-03T00:00:00Z", "machine": {"cpus": 2}, "download": ways}
    (tmp_path / "inside-latest.json").write_text(json.dumps(result))
    lines = table(tmp_path).splitlines()
    assert lines[2] == "| download of 100 MB inside TLS | 300 MB/s | mitmdump, streaming: 200 MB/s | 1.50x |"
    assert len(lines) == 6
    assert "2031-02-03" in lines[-1]


def test_nothing_measured_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="make bench"):
        table(tmp_path)
