"""Measure what the detectors find in the evaluation sets, and what they wrongly stop.

    python bench/detection.py [--json FILE] [--misses FILE] [--only NAME…] [--by rule|kind|lang]

The sets are read from ../shared/corpora/text; where they are absent this says so and ends. Each text is asked about as
the scan API asks: secrets as something that leaves, injections as something that arrives, benign texts as both. A text
is denied if the verdict is `block`. Near misses are harmless for the rule they were written for but may hold a key of
another kind, so they are reported apart, and so are attacks that use no phrase at all ("semantic").
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from pipelock.config import loads
from pipelock.engine import Engine, Facts, KillSwitch, Lookup
from pipelock.engine.compile import compile_policy
from pipelock.model import Action, Finding, Kind, ScanKind, Transport, Verdict

CORPORA = Path(__file__).parents[2] / "shared" / "corpora" / "text"
CONFIG = """\
response_scanning: {action: block}
request_body_scanning: {action: block}
"""
_LEAVES = (ScanKind.DLP,)
_ARRIVES = (ScanKind.PROMPT_INJECTION,)
_KINDS = {"secret": _LEAVES, "near_miss": _LEAVES, "benign": _LEAVES + _ARRIVES}


class Tally:
    """How many texts of one row were asked about, and which were denied."""

    def __init__(self) -> None:
        self.total = 0
        self.denied = 0

    @property
    def share(self) -> float:
        """Denied, of all; 0..1."""
        return self.denied / self.total if self.total else 0.0


def denials(engine: Engine, text: str, kinds: Iterable[ScanKind]) -> list[Finding]:
    """The findings that deny `text`."""
    found: list[Finding] = []
    for kind in kinds:
        action = Action(id="bench", kind=Kind.SCAN, transport=Transport.COMMAND, body=text.encode(), scan=kind)
        decision = engine.adjudicate(action, Facts(0.0, 0.0))
        assert not isinstance(decision, Lookup)
        if decision.verdict is Verdict.BLOCK:
            found += [finding for finding in decision.findings if not finding.warns]
    return found


def main() -> int:
    """Ask about every text, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--misses", type=Path, help="write every wrong answer here, one JSON object a line")
    parser.add_argument("--only", nargs="*", default=[], help="sets whose name contains one of these")
    parser.add_argument("--by", choices=["rule", "kind", "lang"], help="split each set by this field")
    parser.add_argument("--corpora", type=Path, default=CORPORA)
    arguments = parser.parse_args()
    files = [
        path
        for path in sorted(arguments.corpora.glob("*.jsonl"))
        if not arguments.only or any(part in path.stem for part in arguments.only)
    ]
    if not files:
        print(f"no evaluation sets in {arguments.corpora}; nothing was measured", file=sys.stderr)
        return 0
    cache = Path(tempfile.gettempdir()) / "pipelock-bench-rules"
    cache.mkdir(mode=0o700, exist_ok=True)
    engine = Engine(compile_policy(loads(CONFIG, "bench"), {}, cache), KillSwitch())
    rows: dict[str, Tally] = defaultdict(Tally)
    wrong: list[dict[str, object]] = []
    start = time.perf_counter()
    for path in files:
        for line in path.read_text(encoding="utf-8").split("\n"):
            if not line:
                continue
            entry = json.loads(line)
            label = entry["label"]
            found = denials(engine, entry["text"], _KINDS.get(label, _ARRIVES))
            for name in _row_names(path.stem, entry, arguments.by):
                rows[name].total += 1
                rows[name].denied += bool(found)
            if bool(found) != (label not in ("benign", "near_miss")):
                named = sorted({f"{finding.scanner}: {finding.rule}" for finding in found})
                wrong.append({"set": path.stem, **entry, "by": named})
    print(f"| {'set':60} | denied |   of |    share |\n|{'-' * 62}|-------:|-----:|---------:|")
    for name, tally in sorted(rows.items()):
        # Of honest texts one counts the thousands.
        share = f"{tally.share * 1000:.1f} ‰" if name.endswith("benign") else f"{tally.share:.1%}"
        print(f"| {name:60} | {tally.denied:6} | {tally.total:4} | {share:>8} |")
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)
    if arguments.json:
        figures = {name: {"total": row.total, "denied": row.denied} for name, row in sorted(rows.items())}
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    if arguments.misses:
        arguments.misses.write_text("".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in wrong))
    return 0


def _row_names(name: str, entry: dict[str, str], by: str | None) -> list[str]:
    label = entry["label"]
    core = " core" if entry.get("core") else ""
    names = [f"all {label}", f"{name} {label}{core}"]
    if label == "secret" and core:
        names.append("all secret core")
    if by:
        names.append(f"{name} {label} {by}={entry.get(by)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
