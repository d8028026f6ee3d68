"""`pipelock policy diff`: what another configuration would have changed about the decisions of the past.

It reads the history's file and needs no daemon, so that it can stand in a commit hook or a pipeline.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from pipelock.cli._engine import Bench, load_config, load_daemon_config
from pipelock.cli.errors import EXIT_USAGE, CommandError
from pipelock.cli.history import history_path
from pipelock.cli.lines import count
from pipelock.cli.output import mark, print_json
from pipelock.cli.table import Arguments
from pipelock.engine.compile import rule_book
from pipelock.engine.rejudge import Judge
from pipelock.engine.time_machine import Changes, Group, compared
from pipelock.evidence.history_search import BrokenHistoryError, Reader
from pipelock.model import Record, escape

__all__ = ["execute"]

PROGRESS_SECONDS = 1.0
_SHOWN = 20
"""Groups that are shown without `--verbose`."""


def execute(arguments: Arguments) -> int:
    """Print what changes; exit code 0: nothing that `--fail-on` names, 1: something, 2: it could not be tried."""
    try:
        changes = _compare(arguments)
    except (CommandError, BrokenHistoryError) as error:
        raise CommandError(str(error), EXIT_USAGE) from error
    if arguments.json:
        print_json(_report(changes))
    else:
        _show(changes, verbose=arguments.verbose)
    failing = {"any": changes.changed, "weaker": changes.weaker, "stricter": changes.stricter, "never": 0}
    return 1 if failing[arguments.fail_on] else 0


def _compare(arguments: Arguments) -> Changes:
    new = load_daemon_config(Path(arguments.new), arguments)
    before = (load_config(arguments.base).config,) if arguments.base is not None else ()
    judge = Judge(Bench(arguments, new).engine(new).policy, rule_book(new.config, *before))
    since = time.time() - 7 * 86_400 if arguments.since is None else arguments.since
    with Reader(history_path(arguments)) as reader:
        watch = _Watch()
        changes = Changes()
        for changes in compared(watch.watched(reader.every(since=since)), judge):
            watch.tell(changes)
    return changes


class _Watch:
    """Says on standard error, where somebody looks, how far it is."""

    def __init__(self) -> None:
        self._at = time.monotonic() + PROGRESS_SECONDS
        self._looked = self._total = 0

    def watched(self, records: Iterator[tuple[Record, int, int]]) -> Iterator[Record]:
        """The records, counted on their way."""
        for record, self._looked, self._total in records:
            yield record

    def tell(self, changes: Changes) -> None:
        """One more was judged."""
        if not changes.looked_at % 256 and sys.stderr.isatty() and time.monotonic() >= self._at:
            self._at = time.monotonic() + PROGRESS_SECONDS
            print(f"pipelock: {self._looked} of at most {self._total} decisions judged again", file=sys.stderr)


def _show(changes: Changes, *, verbose: bool) -> None:
    if not changes.looked_at:
        print("The history holds no decisions of that time.")
        return
    span = f"{_day(changes.first_at)} to {_day(changes.last_at)}"
    print(f"{count(changes.looked_at, 'decision')} judged again ({span}): {changes.same} stay as they were.")
    for way, number, colour in (("weaker", changes.weaker, "yellow"), ("stricter", changes.stricter, "bold")):
        if number:
            said = f"{count(number, 'decision')} would be {way}:"
            print(f"\n{mark(said, colour)}")
            _show_groups([group for group in changes.groups if group.direction == way], verbose=verbose)
    if changes.others:
        print(f"\n{changes.others} more changes are in groups that are not listed.")
    if changes.unknown:
        print(f"\n{count(changes.unknown.total(), 'decision')} can't be judged again:")
        for why, number in changes.unknown.most_common():
            print(f"  {number:>7}  {escape(why, 200)}")
    if not changes.changed:
        print("Nothing that can be told changes.")


def _show_groups(groups: list[Group], *, verbose: bool) -> None:
    for group in groups if verbose else groups[:_SHOWN]:
        rule = " ".join(part for part in (group.layer, group.rule if group.rule != group.layer else "") if part)
        print(
            f"  {group.count:>7}  {group.then.value} → {group.now.value}  {escape(group.host, 80)}  {escape(rule, 100)}"
        )
        for example in group.examples if verbose else group.examples[:1]:
            said = f"{_time(example.at)}  {example.method} {example.url}"
            why = f"  ({example.why})" if example.why else ""
            print(f"           {escape(said, 200)}{escape(why, 100)}  [{escape(example.id, 60)}]")
    if len(groups) > _SHOWN and not verbose:
        print(f"  … and {len(groups) - _SHOWN} more groups; --verbose lists them")


def _report(changes: Changes) -> dict[str, object]:
    report: dict[str, object] = msgspec.to_builtins(changes)
    report["changed"] = changes.changed
    report["unknown"] = dict(changes.unknown)
    for group, told in zip(changes.groups, report["groups"], strict=True):  # type: ignore[call-overload]
        told["direction"] = group.direction
    return report


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(at))


def _time(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
