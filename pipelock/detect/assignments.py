"""Secrets that only their names give away: `okta_token = "…"`, `<apiKey>…</apiKey>`, `--password …`.

A rule's pattern finds what may be a name, a sign of assignment and a value, in any language's spelling; a judge here
reads the match and weighs three things: what the name says (`_assignment_names.py`), how the value is given to it, and
whether the value looks like a secret (`_assignment_values.py`). A weak sign needs a strong value. Everything is
linear: a pattern's match is read once, and at most 700 bytes of it.

What stands in a URL or a header that really travels is not judged here: tokens belong there, and the layers for them
know where they may go.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pipelock.detect._assignment_names import LONGEST_NAME, Name, read_name
from pipelock.detect._assignment_values import (
    LONGEST,
    is_manual,
    is_placeholder,
    is_uuid,
    key_strength,
    names_itself,
    password_strength,
    says_something,
    stands_for_something,
    unwrapped,
)
from pipelock.detect.checksums import is_literal, is_password, luhn
from pipelock.detect.matcher import Hit
from pipelock.detect.views import Sighting, View

__all__ = ["Judgement", "judge_all"]

MAX_BELIEVED = 8
"""Most findings of one rule in one scan."""

_READ = LONGEST + 192
_NAME = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
_SIGNS = b"=:?+!|>-"
_QUOTES = b"\"'`"
# White space, quotation marks, brackets and commas: what no key has inside.
_GAPS = bytes(32 if chr(code) in " \t\r\n\"'`\\<>,()[]{};" else code for code in range(256))
_DASHES = 4
_SHOWN = 60
_URL = 300
_SAID = (b"", b"is", b"is:")
_PROGRAMS = (b"curl", b"wget", b"http")
_NAMES = (b"key", b"token", b"secret", b"password", b"credential", b"credentials")
_IN_URL = b"abcdefghijklmnopqrstuvwxyz0123456789-._~:/?#@!$&'()*+,;=%"
_IMAGES = (b".svg", b".png", b".gif")
_HEADING = 512
"""Bytes in which the heading of a table, or the word before a number, is looked for."""
_CARDS = frozenset(
    (
        b"amex",
        b"card",
        b"cardno",
        b"cardnumber",
        b"cards",
        b"cc",
        b"ccnumber",
        b"creditcard",
        b"mastercard",
        b"pan",
        b"visa",
    )
)
_WORDS = bytes(byte if chr(byte).isalpha() else 0x20 for byte in range(256))
_BESIDE = 96
_CELLS = 8
_HEX = b"0123456789abcdefABCDEF"
_EXAMPLES = (b"example.com", b"example.org", b"example.net")
_SHORT = 16
"""Below this many bytes a key must stand in quotation marks, or its vendor be named."""
_QUOTED = (b'"', b"'", b"`")
# What follows a value that is code: a call, an index.
_CODE = (b"(", b"[")
_TRAVELLING = ("url", "header")


class Judgement(NamedTuple):
    """A match that is believed.

    Attributes:
        start: Where the value starts in the view, in bytes.
        end: Where it ends.
        name: The name as a finding may show it; empty where it is not harmless.
        vendor: The service that is named, or nothing.
        warns: It asks for no more than a warning.
    """

    start: int
    end: int
    name: str = ""
    vendor: str = ""
    warns: bool = False


def judge_all(
    judge: str, sighted: Sequence[Sighting], known: Mapping[int, Sequence[tuple[int, int]]], *, loose: bool = False
) -> list[tuple[Sighting, Judgement]]:
    """The matches that `judge` believes, narrowed to the secret; each secret once, at most `MAX_BELIEVED`.

    Args:
        judge: A key of `_JUDGES`.
        sighted: The matches of one rule.
        known: What is told already, by `id` of the view: ranges of bytes, ascending and apart from each other.
        loose: Don't look where parts were put together that did not stand together.
    """
    decide = _JUDGES[judge]
    skipped = _TRAVELLING if judge in ("key", "password") else ()
    seen: set[bytes] = set()
    kept: list[tuple[Sighting, Judgement]] = []
    for sighting in sighted:
        view = sighting.view
        if (loose and view.joined) or view.place.name.startswith(skipped):
            continue
        verdict = decide(view, sighting.hit)
        if verdict is None:
            continue
        text = view.data[verdict.start : verdict.end]
        if text in seen or _overlaps(known.get(id(view), ()), verdict):
            continue
        seen.add(text)
        hit = sighting.hit._replace(inner_start=verdict.start, inner_end=verdict.end)
        kept.append((sighting._replace(hit=hit), verdict))
        if len(kept) >= MAX_BELIEVED:
            break
    return kept


def _overlaps(ranges: Sequence[tuple[int, int]], verdict: Judgement) -> bool:
    after = bisect_left(ranges, (verdict.end, 0))
    return after > 0 and ranges[after - 1][1] > verdict.start


def _key(view: View, hit: Hit) -> Judgement | None:
    """A random value that is given to the name of a key, token or secret."""
    data = view.data
    match = data[hit.start : min(hit.end, hit.start + _READ)]
    bare = match[: len(match) - len(match.lstrip(_NAME))]
    if len(bare) == len(match):
        bare = _before_dash(match)
    # Names are few and remembered, so they are asked first.
    start, name = _whole_name(data, hit.start, bare)
    if not name.level or _is_no_name(data, start, hit, match, bare):
        return None
    rest = match[len(bare) :]
    pieces = rest.translate(_GAPS).split()
    value = pieces[-1].lstrip(_SIGNS).rstrip(b".:!?*") if pieces else b""
    at = rest.rfind(value)
    sign = rest[:at]
    needed = None if _is_broken(sign) else _needed(data, start, name, sign)
    if needed is None or (len(value) < _SHORT and not (name.vendor or sign[-1:] in _QUOTED)):
        return None
    strength = key_strength(value)
    if strength < needed or data[hit.end : hit.end + 1] in _CODE or _is_no_key(value, strength):
        return None
    if name.handle and is_uuid(value):
        return None
    return _verdict(name, data[start : hit.start] + bare, hit.start + len(bare) + at, value)


def _is_no_name(data: bytes, start: int, hit: Hit, match: bytes, bare: bytes) -> bool:
    """Whether the words are part of a type (`"Vendor::Module::ApiKey": …`) or of a title written with dashes."""
    rest = match[len(bare) :]
    if rest[:1] in _QUOTED and data[max(0, start - 2) : start] == b"::":
        return True
    return rest[:1] == b"-" and data[start : hit.start].count(b"-") > _DASHES


def _is_no_key(value: bytes, strength: int) -> bool:
    """Whether a value that looks random has a meaning: a name of a secret, a placeholder, words in base64."""
    if value.lower().endswith(_NAMES) or stands_for_something(value, strength):
        return True
    plain = unwrapped(value)
    return plain is not value and says_something(plain)


def _is_broken(sign: bytes) -> bool:
    """Whether the line ends after the sign, and what begins the next line is not in quotation marks."""
    end = len(sign.rstrip(b" \t\r\n"))
    return b"\n" in sign[end:] and sign[end - 1 : end] in (b"=", b":", b",")


def _before_dash(text: bytes) -> bytes:
    """The name in `VENDOR_SECRET-value`: what stands before the dash after which it can be nothing else."""
    best, found = 0, text
    end = -1
    for _ in range(_DASHES):
        end = text.find(b"-", end + 1)
        if not 0 <= end < LONGEST_NAME or best == 3:
            break
        level = read_name(text[:end]).level
        if level > best:
            best, found = level, text[:end]
    return found


def _whole_name(data: bytes, start: int, bare: bytes) -> tuple[int, Name]:
    """Where the identifier really starts, as a match begins at a word inside it; and what it says."""
    lead = data[max(0, start - LONGEST_NAME) : start]
    first = start - (len(lead) - len(lead.rstrip(_NAME)))
    own = data[first:start] + bare
    name = read_name(own)
    if 0 < name.level < 3 and data[first - 1 : first] == b" ":
        name = _spoken_name(data[max(0, first - LONGEST_NAME) : first], own, name)
    return first, name


def _spoken_name(lead: bytes, own: bytes, name: Name) -> Name:
    """The name with the word before it, as people write: "API key: …". Fingerprints of PGP keys are public."""
    words = lead.lower().split()
    if not words or b"gpg" in words or any(b"pgp" in word for word in words):
        return name
    spoken = read_name(words[-1] + b"_" + own)
    return spoken if spoken.level == 3 else name


def _needed(data: bytes, start: int, name: Name, sign: bytes) -> int | None:
    """How strong the value must be, from the name and from how the value is given to it; `None` if nothing serves."""
    if not name.level:
        return None
    lead = data[max(0, start - 40) : start]
    assigned = sign.strip(b" \t\r\n\"'`\\)]@")
    if assigned in _SAID:
        return _needed_without_sign(lead, name, flag=data[start : start + 1] == b"-")
    if assigned[:1] == b"," and sign[:1] not in (b'"', b"'", b"`", b"\\"):
        return None
    if lead[-1:] in (b"?", b"&") and assigned == b"=":
        # In a query: the name must be plain, the value beyond doubt.
        return 3 if name.level == 3 else None
    return (None, None, 3, 2)[name.level]


def _needed_without_sign(lead: bytes, name: Name, *, flag: bool) -> int | None:
    """`--token VALUE`, `API_TOKEN VALUE`, `vendor token VALUE`, `vendorKEY-VALUE`."""
    if flag:
        return 2 if name.level == 3 else None
    words = lead.split()
    vendor = name.vendor or (words and read_name(words[-1]).vendor)
    if vendor and (name.loud or name.level == 3):
        return 2
    return 3 if vendor or name.loud or name.level == 3 else None


def _verdict(name: Name, shown: bytes, at: int, value: bytes, *, warns: bool = False) -> Judgement:
    text = shown.decode("latin-1").strip("._-")
    harmless = len(text) <= _SHOWN and key_strength(shown) == 0
    return Judgement(at, at + len(value), text if harmless else "", name.vendor, warns)


def _password(view: View, hit: Hit) -> Judgement | None:
    """Something that a person chose, given to the name of a password."""
    data = view.data
    match = data[hit.start : min(hit.end, hit.start + _READ)]
    bare = match[: len(match) - len(match.lstrip(_NAME))]
    start, name = _whole_name(data, hit.start, bare)
    if name.level < 3 or not name.password:
        return None
    sign, value, quoted = _taken_apart(match[len(bare) :])
    plain = unwrapped(value)
    if not quoted and b"is" in sign.split()[:1] and (plain.islower() or plain.isupper()):
        # Of words in a sentence only those count that nobody writes there.
        return None
    strength = max(password_strength(plain, quoted=quoted), min(2, key_strength(plain)))
    if not strength or (not quoted and data[hit.end : hit.end + 1] in _CODE):
        return None
    if not _is_given(data, start, hit, sign, quoted=quoted) or is_placeholder(plain) or read_name(value).password:
        return None
    shown = data[start : hit.start] + bare
    at = hit.start + len(bare) + len(sign)
    doubtful = strength < 2 or names_itself(plain) or _is_documented(data, at, at + len(value))
    return _verdict(name, shown, at, value, warns=doubtful)


def _is_documented(data: bytes, start: int, end: int) -> bool:
    """Whether a domain of RFC 2606, which belongs to nobody, stands beside: so manuals write."""
    beside = (data[max(0, start - _BESIDE) : start] + b" " + data[end : end + _BESIDE]).lower()
    return b"example." in beside and any(domain in beside for domain in _EXAMPLES)


def _taken_apart(rest: bytes) -> tuple[bytes, bytes, bool]:
    """(sign, value, whether quoted) of what follows the name."""
    last = rest[-1:]
    if last in _QUOTED and last in rest[:-1]:
        sign, _, value = rest[:-1].rpartition(last)
        return sign + last, value, True
    pieces = rest.translate(_GAPS).split()
    value = pieces[-1].lstrip(b"=?+!|>") if pieces else b""
    at = rest.rfind(value)
    return rest[:at], value, False


def _is_given(data: bytes, start: int, hit: Hit, sign: bytes, *, quoted: bool) -> bool:
    """Whether the sign gives the value to the name, and does not merely stand between two words."""
    lead = data[max(0, start - 40) : start]
    if _is_broken(sign):
        return False
    bare = sign.strip(b" \t\r\n\"'`\\)]@")
    if bare in _SAID:
        # `--password VALUE`, `PASSWORD 'value'`, "the password is VALUE"; never the verb.
        if data[start : start + 1] == b"-":
            return True
        return (quoted or b"is" in bare) and not data[start : hit.start + 5].lower().endswith(b"pass ")
    if bare[:1] == b",":
        # In a call: `set("password", "value")`. In a list the next element is no value.
        return quoted and sign[:1] in _QUOTED and lead.rstrip(b"\"'`").endswith(b"(")
    if bare[:1] == b">" and b"<" not in bare:
        return lead.endswith(b"<") and data[hit.end : hit.end + 1] in (b"<", b"\r", b"\n")
    return bool(bare.strip(b"|?.+!-<"))


def _login(view: View, hit: Hit) -> Judgement | None:
    """`curl -u user:password`: the program stands before it, and the password is no reference."""
    data = view.data
    lead = data[max(0, hit.start - _URL) : hit.start]
    if not any(program in lead for program in _PROGRAMS):
        return None
    start, end = hit.inner_start, min(hit.inner_end, hit.inner_start + LONGEST)
    value = data[start:end].strip(b"'\"")
    if max(password_strength(value, quoted=False), key_strength(value)) < 2 or is_placeholder(value):
        return None
    start = data.find(value, start, end)
    return Judgement(start, start + len(value))


def _card(view: View, hit: Hit) -> Judgement | None:
    """The number of a payment card, unless it is four cells of a table of hexadecimal numbers, as encodings have."""
    start, end = hit.inner_start, hit.inner_end
    number = view.data[start:end]
    if not luhn(number.decode("latin-1")) or (b" " in number and _is_in_table(view.data, start, end)):
        return None
    if view.data[start - 1 : start] == b"," and not _speaks_of_cards(view.data, start):
        return None  # one number of a row of numbers, a tenth of which pass the check
    return Judgement(start, end)


def _speaks_of_cards(data: bytes, at: int) -> bool:
    """Whether the heading of a table, or what stands shortly before `at`, names payment cards."""
    words = (data[:_HEADING] + b" " + data[max(0, at - _HEADING) : at]).lower().translate(_WORDS).split()
    return not _CARDS.isdisjoint(words)


def _is_in_table(data: bytes, start: int, end: int) -> bool:
    """Whether only hexadecimal numbers of four digits or five stand around, some with letters."""
    # The outermost cells may have been cut.
    before = data[max(0, start - _BESIDE) : start].split()[start > _BESIDE :]
    after = data[end : end + _BESIDE].split()
    cells = before[-_CELLS:] + after[: min(_CELLS, len(after) - (end + _BESIDE < len(data)))]
    if len(cells) < _CELLS // 2 or any(len(cell) not in (4, 5) or cell.translate(None, _HEX) for cell in cells):
        return False
    return not b"".join(cells).isdigit()


def _login_kept(view: View, hit: Hit) -> Judgement | None:
    """A password in a file of logins; one for a host of RFC 2606 asks for a warning."""
    start, end = hit.inner_start, hit.inner_end
    value = view.data[start : min(end, start + LONGEST)]
    if not is_password(value.decode("latin-1")) or names_itself(value) or is_manual(value):
        return None
    return Judgement(start, end, warns=_is_documented(view.data, start, end))


def _query(view: View, hit: Hit) -> Judgement | None:
    """A value of a query: no name of itself; in a text, not of a badge or of a host that belongs to nobody."""
    value = view.data[hit.inner_start : min(hit.inner_end, hit.inner_start + LONGEST)]
    if not is_literal(value.decode("latin-1")) or (value.isupper() and says_something(value) and b"_" in value):
        return None
    if view.place.name.startswith(_TRAVELLING):
        return Judgement(hit.inner_start, hit.inner_end)
    sign = view.data[hit.start : hit.start + 1]
    if hit.start and sign not in (b"?", b"&", b";", b"p", b"P") and key_strength(value) < 3 and len(value) < _SHORT:
        # A line in the midst of a text that is no query.
        return None
    lead = view.data[max(0, hit.start - _URL) : hit.start].lower()
    return Judgement(hit.inner_start, hit.inner_end, warns=_is_shown_to_all(lead.rpartition(b"://")[2]))


def _is_shown_to_all(address: bytes) -> bool:
    """Whether a URL without its scheme leads to a badge, or to a host of RFC 2606, where nobody is logged in."""
    if address.translate(None, _IN_URL):
        return False
    host = address.partition(b"/")[0].partition(b":")[0]
    return host in _EXAMPLES or host.endswith(tuple(b"." + domain for domain in _EXAMPLES)) or address.endswith(_IMAGES)


def _variable(view: View, hit: Hit) -> Judgement | None:
    """A value of an environment variable: a password may be words, a key is none."""
    value = view.data[hit.inner_start : min(hit.inner_end, hit.inner_start + LONGEST)]
    if not is_literal(value.decode("latin-1")) or value.startswith(b"`") or b".." in value:
        return None
    name = view.data[hit.start : hit.inner_start].rstrip(b"= \t\"'")
    words = not key_strength(value) and says_something(value, 0.5)
    if names_itself(value.rstrip(b"\"'")) or (words and not name.endswith((b"PASSWORD", b"PASSWD"))):
        return None
    return Judgement(hit.inner_start, hit.inner_end)


_JUDGES: dict[str, Callable[[View, Hit], Judgement | None]] = {
    "key": _key,
    "password": _password,
    "login": _login,
    "query": _query,
    "card": _card,
    "kept": _login_kept,
    "variable": _variable,
}
