"""What the URL pipeline costs, as ratios that hold on any machine.

    python bench/url.py [--json]

Every figure is CPU time, the median of interleaved rounds. The unit is `urllib.parse.urlsplit` plus `parse_qsl` of
the same URL in the same round, which is what reading a URL costs at least. The absolute figure is microseconds on
this machine.
Hostile URLs of 64 KiB are compared with a harmless one of the same length.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl, urlsplit

from pipelock.detect.ruleset import RuleSet
from pipelock.detect.secrets import SecretScanner
from pipelock.detect.url_layers import UrlLayers, UrlSettings
from pipelock.model import Finding

TYPICAL = {
    "package": "https://registry.npmjs.org/lodash",
    "api": "https://api.github.com/repos/octocat/hello-world/issues?state=open&per_page=100",
    "commit": "https://github.com/octocat/hello-world/commit/da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "uuid": "https://api.example.com/v1/items/550e8400-e29b-41d4-a716-446655440000/history?limit=20",
    "wheel": "https://files.pythonhosted.org/packages/3a/be/650f9c091ef71cb01d735775d554e068752d3ff63d7943b26316dc401749/"
    "numpy-2.1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
    "search": "https://www.example.com/search?q=why+does+my+program+print+%22None%22&hl=en&page=2",
    "shop": "https://shop.example.com/products?category=electronics&brand=apple&color=black&sort=price_asc&page=3",
}
SIZE = 65_000
HARMLESS = "https://a.example/" + "/".join(["words", "in", "a", "path"] * 4_000)[: SIZE - 18]
HOSTILE = {
    "nested escapes": "%25" * 21_000,
    "opaque text": "aB3" * 21_600,
    "many opaque values": "?" + "a=Xy1&" * 10_000,
    "opaque segments": "a1/" * 21_000,
    "base64 everywhere": "?" + "&".join(["QUJDREVGR0hJSktMTU5P"] * 3_000),
    "hexadecimal": "41" * 32_000,
    "dot-dot": "../" * 21_000,
}


class Nothing:
    """A secret scanner that finds nothing at no cost: what is left is this pipeline's own share."""

    def scan_values(self, values: Sequence[tuple[str, str]], *, host: str) -> tuple[Finding, ...]:
        """Nothing."""
        return ()


def timed(call: Callable[[], object], number: int) -> float:
    """Seconds of CPU time for one call: other programs on the machine do not count."""
    started = time.process_time()
    for _ in range(number):
        call()
    return (time.process_time() - started) / number


def compare(calls: dict[str, Callable[[], object]], number: int, rounds: int) -> dict[str, float]:
    """Median seconds of each call, interleaved."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            spent[name].append(timed(call, number))
    return {name: statistics.median(times) for name, times in spent.items()}


def typical(scanning: UrlLayers, bare: UrlLayers) -> dict[str, dict[str, float]]:
    """Each everyday URL through the whole pipeline, the pipeline without the scanner, and the standard library."""
    table = {}
    # Not the cache in front of it: agents rarely ask for the same URL twice.
    split = urlsplit.__wrapped__
    for name, url in TYPICAL.items():
        result = compare(
            {
                "stdlib": lambda url=url: parse_qsl(split(url).query),
                "bare": lambda url=url: bare.before_dns(url),
                "whole": lambda url=url: scanning.before_dns(url),
            },
            number=200,
            rounds=9,
        )
        table[name] = {
            "whole_us": round(result["whole"] * 1e6, 1),
            "bare_us": round(result["bare"] * 1e6, 1),
            "whole_to_stdlib": round(result["whole"] / result["stdlib"], 1),
            "bare_to_stdlib": round(result["bare"] / result["stdlib"], 1),
        }
    return table


def hostile(scanning: UrlLayers) -> dict[str, dict[str, float]]:
    """64 KiB of trouble beside 64 KiB of words."""
    table = {}
    for name, text in HOSTILE.items():
        url = "https://a.example/" + text[: SIZE - 18]
        result = compare(
            {"harmless": lambda: scanning.before_dns(HARMLESS), "hostile": lambda url=url: scanning.before_dns(url)},
            number=1,
            rounds=5,
        )
        table[name] = {
            "ms": round(result["hostile"] * 1e3, 2),
            "to_harmless": round(result["hostile"] / result["harmless"], 2),
        }
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What the URL pipeline costs.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    scanning = UrlLayers(UrlSettings(), SecretScanner(RuleSet.builtin("credentials")))
    result = {"typical": typical(scanning, UrlLayers(UrlSettings(), Nothing())), "hostile": hostile(scanning)}
    if as_json:
        print(json.dumps(result))
        return
    print(f"{'everyday URL':<20}{'whole µs':>10}{'own µs':>10}{'whole/stdlib':>14}{'own/stdlib':>12}")
    for name, row in result["typical"].items():
        print(
            f"{name:<20}{row['whole_us']:>10}{row['bare_us']:>10}{row['whole_to_stdlib']:>14}{row['bare_to_stdlib']:>12}"
        )
    print(f"\n{'hostile 64 KiB':<20}{'ms':>10}{'to harmless':>14}")
    for name, row in result["hostile"].items():
        print(f"{name:<20}{row['ms']:>10}{row['to_harmless']:>14}")


if __name__ == "__main__":
    main()
