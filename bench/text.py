"""Measure the text scanners: detection and false positives on the corpora, and speed.

    python bench/text.py [--misses] [--json FILE] [--speed-only | --corpora-only]

Corpora are read from ../shared/corpora/text; where they are absent that half is skipped and says so. Speeds are given
in microseconds and, as machines differ, as ratios to the naive loop over all patterns with Python's `re`.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from pipelock.detect.injection import InjectionScanner
from pipelock.detect.ruleset import RuleSet
from pipelock.detect.secrets import SecretScanner

CORPORA = Path(__file__).parents[2] / "shared" / "corpora" / "text"
_LABELS = {"injection", "injection_semantic", "tool_poison"}


def best(call: Callable[[], object], seconds: float = 0.3) -> float:
    """Microseconds of CPU time of the best of several rounds: other programs on the machine do not count."""
    call()
    start = time.process_time()
    call()
    once = max(time.process_time() - start, 1e-7)
    count = max(1, int(seconds / 5 / once))
    rounds = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(count):
            call()
        rounds.append((time.process_time() - start) / count)
    return min(rounds) * 1e6


def clean_json(size: int) -> bytes:
    """JSON like that of an ordinary interface."""
    rng = random.Random(7)
    words = [
        "name",
        "title",
        "state",
        "open",
        "closed",
        "author",
        "total",
        "items",
        "next",
        "page",
        "email",
        "count",
        "value",
        "label",
        "comment",
        "created",
    ]
    rows = []
    while len(json.dumps(rows)) < size - 200:
        rows.append({rng.choice(words): " ".join(rng.choices(words, k=8)), "id": rng.randrange(99999), "ok": True})
    return json.dumps(rows).encode()[:size].ljust(size)


def adversarial(size: int) -> dict[str, bytes]:
    """Texts that make matchers, decoders and folds work hardest."""
    rng = random.Random(8)
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    block = bytes(rng.choices(alphabet, k=size))
    spaced = b" ".join(block[i : i + 30] for i in range(0, size, 31))[:size]
    return {
        "newlines": b"\n" * size,
        "spaces": b" " * size,
        "base64": block,
        "base64 tokens": spaced,
        "hex tokens": b" ".join(block[i : i + 15].hex().encode() for i in range(0, size, 15))[:size],
        "spaced hex": block.hex(" ").encode()[:size],
        "hex": bytes(rng.choices(b"0123456789abcdef", k=size)),
        "digits": bytes(rng.choices(b"0123456789", k=size)),
        "prefixes": (b"sk-ant- ghp_ AKIA xoxb- " * size)[:size],
        "percent": (b"%25%34%31" * size)[:size],
        "entities": (b"&amp;&#65;" * size)[:size],
        "escapes": (b"\\u0041\\u0020" * size)[:size],
        "cards": (b"4111111111111112 " * size)[:size],
        "ignore": (b"ignore all the previous " * size)[:size],
        "system": (b"system: \n" * size)[:size],
        "quotes": (b'"' * size),
        "brackets": (b"[" * size),
        "cyrillic": ("\u0430\u0431\u0432 " * size).encode()[:size],
        "many scripts": "".join(chr(rng.randrange(0xC0, 0x2FFF)) for _ in range(size // 3)).encode()[:size],
    }


def speed(secrets: SecretScanner, injection: InjectionScanner) -> dict[str, object]:
    """Print and return the timings."""
    report: dict[str, object] = {}
    naive = [
        [re.compile(rule.pattern, re.IGNORECASE | re.MULTILINE) for rule in RuleSet.builtin(family).rules]  # noqa: TID251
        for family in ("credentials", "injection")
    ]
    print(f"\n{'clean JSON':>14} {'secrets us':>11} {'injection us':>13} {'both/re':>8}")
    for size in (90, 1024, 10_240, 204_800):
        data = clean_json(size)
        text = data.decode()
        first = best(lambda data=data: secrets.scan(data, "body", content_type="application/json"))
        second = best(lambda data=data: injection.scan(data, "body", "application/json"))
        loop = best(lambda text=text: [p.search(text) for group in naive for p in group])
        print(f"{size:>14} {first:>11.1f} {second:>13.1f} {loop / (first + second):>7.0f}x")
        report[f"clean_{size}"] = {"secrets_us": first, "injection_us": second, "speedup": loop / (first + second)}
    size = 204_800
    base = clean_json(size)
    first = best(lambda: secrets.scan(base, "body", content_type="application/json"))
    second = best(lambda: injection.scan(base, "body", "application/json"))
    clean = first + second
    print(
        f"\n{'200 KiB hostile':>16} {'secrets ms':>11} {'injection ms':>13}  (and times both scanners on the clean one)"
    )
    for name, data in adversarial(size).items():
        one = best(lambda data=data: secrets.scan(data, "body"), 0.05)
        two = best(lambda data=data: injection.scan(data, "body"), 0.05)
        print(f"{name:>16} {one / 1e3:>11.1f} {two / 1e3:>13.1f} {one / clean:>8.1f}x {two / clean:>6.1f}x")
        report[f"hostile_{name}"] = {"secrets_us": one, "injection_us": two, "to_clean": max(one, two) / clean}
    return report


def corpora(  # noqa: C901 - one pass over everything
    secrets: SecretScanner, injection: InjectionScanner, *, misses: bool
) -> dict[str, object]:
    """Print and return rates of detection and of false positives, by file."""
    report: dict[str, object] = {}
    missed: dict[str, list[str]] = defaultdict(list)
    print(f"{'file':>30} {'label':>20} {'hit':>6} {'of':>6} {'rate':>7}")
    for path in sorted(CORPORA.glob("*.jsonl")):
        hits: Counter[str] = Counter()
        totals: Counter[str] = Counter()
        for line in path.read_text("utf-8").split("\n"):
            if not line:
                continue
            case = json.loads(line)
            label = case["label"] + ("/core" if case.get("core") else "")
            data = case["text"].encode("utf-8", "surrogatepass")
            found = []
            if case["label"] not in _LABELS:
                found += secrets.scan(data, "body")
            if case["label"] not in ("secret", "near_miss"):
                found += injection.scan(data, "body")
            # What only warns passes.
            found = [finding for finding in found if not finding.warns]
            totals[label] += 1
            hits[label] += bool(found)
            if case["label"] == "benign":
                missed[path.stem].extend(f"FP {case['id']} {f.scanner} {f.rule}: {f.excerpt!r}" for f in found[:2])
            elif not found:
                missed[path.stem].append(
                    f"MISS {case['id']} {case.get('rule') or case.get('kind')} {label} {case['text'][:160]!r}"
                )
        for label, total in sorted(totals.items()):
            print(f"{path.stem:>30} {label:>20} {hits[label]:>6} {total:>6} {hits[label] / total:>6.1%}")
            report[f"{path.stem}:{label}"] = [hits[label], total]
    if misses:
        for lines in missed.values():
            print(*lines, sep="\n")
    return report


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--misses", action="store_true", help="list every miss and false positive")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    parser.add_argument("--speed-only", action="store_true")
    parser.add_argument("--corpora-only", action="store_true")
    options = parser.parse_args()
    secrets = SecretScanner(RuleSet.builtin("credentials"))
    injection = InjectionScanner(RuleSet.builtin("injection"))
    report: dict[str, object] = {"engine": secrets.engine}
    if not options.speed_only:
        if CORPORA.is_dir():
            report["corpora"] = corpora(secrets, injection, misses=options.misses)
        else:
            print(f"no corpora at {CORPORA}: detection is not measured")
    if not options.corpora_only:
        report["speed"] = speed(secrets, injection)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
