"""The gate: a small pattern database that tells in one pass which encodings a text may hold.

Two stages. The first costs a tenth of a scan; patterns that are costly by their nature (any of many separators between
short groups) run only where a cheap sign of them was seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path

from pipelock.detect._pattern import for_bytes
from pipelock.detect._runs import RUN
from pipelock.detect.matcher import Matcher

__all__ = ["Gate", "Gates"]


class Gate(IntEnum):
    """What the gate can report."""

    CONTROL = 0
    RUN = 1
    PERCENT = 2
    ENTITY = 3
    ESCAPE = 4
    ROT13 = 5
    REVERSED = 6
    TAGGED = 7
    PRINTABLE = 8
    BASE58 = 9
    UU = 10
    CODES = 11
    HEX_GROUPS = 12
    WRAPPED = 13
    BASE85 = 14
    SPELLED = 15


_GATE_PATTERNS = {
    Gate.CONTROL: r"[\x00-\x08\x0e-\x1f\x7f]|(?-i:\xc2\x9b)",
    Gate.RUN: rf"[A-Za-z0-9+/_-]{{{RUN}}}",
    Gate.PERCENT: r"%[0-9A-Fa-f]{2}",
    Gate.ENTITY: r"&(?:#[0-9xX]|[A-Za-z]{2,8};)",
    Gate.ESCAPE: r"\\(?:[\\nrtbfvae\"'/`\n]|u[0-9A-Fa-f{]|x[0-9A-Fa-f]{2}|[0-7]{2}|0)",
    # Words of orders, names of secrets, the starts of common keys with as much behind them as keys have, and the marks
    # of other encodings with letters for digits that are no hexadecimal.
    Gate.ROT13: (
        r"vtaber|qvfertneq|vafgehpgvba|cerivbhf|flfgrz cebzcg|cevingr xrl|tvguho_cng|fx-nag-|fx-cebw-|fx_yvir_"
        r"|cnffjbeq|frperg|nppriff_gbxra|nhgu_gbxra|ncv[_-]?xrl|(?:cbfgterf(?:dy)?|zlfdy|zbatbqo|erqvf)://"
        r"|(?:tu[cbhfe]_|acz_|tycng-|kbk[bcefnor]-|clcv-|uis\.|us_)[a-z0-9_-]{10}"
        r"|(?-i:N[XF]VN[0-9A-Z]{12}|NVmn[a-zA-Z0-9_-]{20}|rlW[a-zA-Z0-9_-]{10}|FT\.[a-zA-Z0-9_-]{20})"
        r"|\\k[2-7][0-9n-s]\\k[2-7]|\\h00[2-7][0-9n-s]\\h00|&#k[2-7][0-9n-s];&#k"
        r"|%[2-7][n-s](?:%[2-7][0-9n-s]){3}|(?:%[2-7][0-9n-s]){3}%[2-7][n-s]|%3n%2s%2s"
        r"|=[2-7][n-s](?:=[2-7][0-9n-s]){3}|(?:=[2-7][0-9n-s]){3}=[2-7][n-s]|=3Q=[2-7]|0k[2-7][0-9n-s],? ?0k[2-7]"
        r"|[2-7][n-s](?:[: ,-][2-7][0-9n-s]){7}|(?:[2-7][0-9n-s][: ,-]){7}[2-7][n-s]"
    ),
    Gate.REVERSED: (
        r"erongi|drager|snoitcurtsni|suoiverp|tpmorp metsys|yek etavirp|tap_buhtig|-tna-ks|-jorp-ks|_evil_ks"
        r"|[a-z0-9_-]{10}(?:_[srupo]hg|_mpn|-taplg|-[sarpb]xox|-ipyp)|(?-i:[0-9A-Z]{12}AI[KS]A|[a-zA-Z0-9_-]{20}azIA)"
        r"|(?:^|[\s\"'])={1,2}[A-Za-z0-9+/]{24}"
    ),
    Gate.TAGGED: r"[a-z](?:<[^<>]{1,80}>|\*\*|<!--)[a-z]",
    Gate.PRINTABLE: r"=[0-9A-F]{2}=[0-9A-F]{2}|=3D|=\r?\n",
    Gate.BASE58: r"(?-i:[1-9A-HJ-NP-Za-km-z]{22})",
    Gate.UU: r"^begin [0-7]{3,4} ",
    Gate.CODES: r"ch[ra]r?[bw]?\([0-9x]{2,4}",
}
# Cheap signs that the costlier gates of the second stage may have something to find: digits and separators alone,
# a line end after an unbroken run, many characters without a space.
_TRIGGERS = (
    r"[0-9a-fx ,:;._|/+\t\r\n-]{44}",
    r"[A-Za-z0-9+/]{16}[\\\"' \t+,]{0,3}\r?\n",
    r"[!-~]{24}",
)
# Of the first one, as it also fires for indentation.
_DENSE = r"(?:[0-9a-fx,:;._|/+-][ \t\r\n]{0,2}){30}"


def _apart(unit: str, gaps: str, times: int) -> str:
    """`unit` that many times with one and the same gap behind each; as a class of gaps it is five times slower."""
    return "|".join((unit + gap) * times for gap in gaps.split())


_SECOND_STAGE: tuple[dict[Gate, str], ...] = (
    {
        Gate.CODES: (
            _apart("[0-9]{2,3}", r", ,\x20 \x20 - ; \| \. \+ : / \n", 6)
            + r"|[0-9]{2,3},\s{1,9}[0-9]{2,3},\s{1,9}[0-9]{2,3},\s|[01]{8}[ ,_]?[01]{8}[ ,_]?[01]{8}[ ,_]?"
        ),
        Gate.HEX_GROUPS: (
            _apart("[0-9a-f]{2}", r": - , ,\x20 \x20 \. _ ; \| / \n", 5)
            + r"|0x[0-9a-f]{2}[ ,;:]{1,2}\s{0,9}0x|[0-9a-f]{8}[ :.,-][0-9a-f]{8}[ :.,-]|[0-9a-f]{16}[ :.,-][0-9a-f]{16}"
            "|" + _apart("[0-9a-f]{4}", r": - , \x20 \. \n", 4)
        ),
    },
    {Gate.WRAPPED: r"[A-Za-z0-9+/]{16}[\\\"']{0,2}[ \t+,]{0,3}\r?\n[ \t>\"']{0,40}[A-Za-z0-9+/]"},
    # The first of every five signs of base85 is one of a third of them, where what they stand for is text.
    {
        Gate.BASE85: (
            r"(?-i:[34A-Za-e][!-~]{4}[34A-Za-e][!-~]{4}[34A-Za-e][!-~]{4}[34A-Za-e][!-~]{4}[34A-Za-e]"
            r"|[$%+-I][!-u]{4}[$%+-I][!-u]{4}[$%+-I][!-u]{4}[$%+-I][!-u]{4}[$%+-I])"
        )
    },
)
_SPELLED = r"(?:[ .,|*;:~\r\n\t_-]{1,3}[!-~]){9}"


class Gates:
    """The compiled gate. Pure and safe to share between threads.

    Args:
        cache: Directory for the compiled databases, or `None`.
        native: Use Hyperscan where it is there.
        spelled: Look for texts of which one character stands at a time.
    """

    def __init__(self, *, cache: Path | None = None, native: bool = True, spelled: bool = False) -> None:
        def matcher(patterns: Iterable[str]) -> Matcher:
            return Matcher([for_bytes(pattern) for pattern in patterns], cache=cache, native=native)

        self._first = matcher([*_GATE_PATTERNS.values(), *_TRIGGERS])
        self._second = [(tuple(gates), matcher(gates.values())) for gates in _SECOND_STAGE]
        self._runs = matcher([_GATE_PATTERNS[Gate.RUN]])
        self._dense = matcher([_DENSE])
        self._spelled = matcher([_SPELLED]) if spelled else None

    def has_runs(self, data: bytes) -> bool:
        """Whether `Gate.RUN` is among the gates of `data`.

        Raises:
            MatcherError: the matcher failed.
        """
        return bool(self._runs.propose(data))

    def of(self, data: bytes) -> list[int]:
        """Which encodings may occur in `data`, as members of `Gate`.

        Raises:
            MatcherError: the matcher failed.
        """
        found = self._first.propose(data)
        if found and found[-1] >= len(_GATE_PATTERNS):
            triggers = [number - len(_GATE_PATTERNS) for number in found if number >= len(_GATE_PATTERNS)]
            found = found[: -len(triggers)]
            for trigger in triggers:
                gates, matcher = self._second[trigger]
                if trigger or self._dense.propose(data):
                    found += [gates[number] for number in matcher.propose(data)]
        if self._spelled is not None and self._spelled.propose(data):
            found.append(Gate.SPELLED)
        return found
