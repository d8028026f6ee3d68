"""Rules: what is looked for, as data.

A rules file is a YAML list of mappings; the keys are the fields of `Rule`, `match` and `clean` are the rule's own
examples. The built-in files of a family lie in its folder in `rules/`; docs/rules.md tells how to write one. Beside
each lies the same as JSON, which loads a hundred times as fast. It counts only while it names the digest of the YAML
file, so it can be out of date but never wrong; `scripts/rules.py` writes it anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from pipelock.detect._pattern import PatternError, compile_linear, for_bytes, with_gaps
from pipelock.detect.normalise import fold_text
from pipelock.model import Severity

__all__ = ["RULES", "Examples", "Rule", "RuleError", "RuleSet", "UserPattern", "load_rules", "pack_rules"]

RULES = Path(__file__).with_name("rules")
"""The directory of the built-in files: one folder a family."""

_EXTENDED = "extended-"
"""How the names of the files begin that belong to a family's extended set."""

MAX_RULES = 2_000
"""Most rules one set may hold."""
_LARGEST_FILE = 4 << 20

Validator = Literal[
    "", "luhn", "mod97", "aba", "wif", "xprv", "strkey", "ssn", "aws_id", "jwt", "value", "password", "basic", "digit",
    "mixed", "random", "entropic", "sample" ]  # fmt: skip
Grade = Literal["", "crc62", "crc_hex"]


class RuleError(ValueError):
    """A rule that can't be used; the text names file, line and rule."""


class Examples(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Texts that a rule must and must not match."""

    match: tuple[str, ...] = ()
    clean: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that is looked for.

    Attributes:
        name: Public name, as findings, suppressions and records show it.
        kind: Family for grouping (`cloud`, `vcs`, `override`…).
        pattern: RE2, over UTF-8 bytes; `^` and `$` are line edges. The first group, if any, is what counts (and is
            validated); the rest is the edge that makes it believable.
        case: Match case-sensitively.
        literals: Words of which a matching text has at least one, lower-case; the fallback skips the pattern without.
        validator: Check of the matched text (`checksums.py`) that a match must pass.
        judge: Reads a match in its surroundings (`assignments.py`): whether it counts, where in it the secret stands.
        grade: A checksum that the vendor publishes (`crc62`: GitHub's and npm's, `crc_hex`: Grafana's); told in the
            finding, never required.
        audience: The vendor's own hosts: a key may travel to them.
        exempt: Hosts this may be sent to inside a URL.
        core: Part of the floor that no configuration removes.
        loose: Too weak to be believed where values are joined or lines are fused.
        folded: Phrases for the folded view of injection rules: letters, spaces, `( | )` and `?` only.
        warns: Asks for no more than a warning.
        gaps: A space in the pattern stands for a gap of one to three white-space characters.
        weight: Injection rules only: a cue that proves nothing alone and adds this much to a score (`cues.py`), or
            takes it off. Of the cues of one `kind` two count.
        value: Injection rules only: counts where it is all there is to a value that is asked about by itself.
        hint: What the operator can do about a false positive.
    """

    name: str
    pattern: str
    kind: str = ""
    severity: Severity = Severity.HIGH
    case: bool = False
    literals: tuple[str, ...] = ()
    validator: Validator = ""
    judge: Literal["", "key", "password", "login", "query", "card", "kept", "variable"] = ""
    grade: Grade = ""
    audience: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ()
    core: bool = False
    loose: bool = False
    folded: tuple[str, ...] = ()
    warns: bool = False
    gaps: bool = False
    weight: int = 0
    value: bool = False
    hint: str = ""
    examples: Examples = Examples()


class UserPattern(msgspec.Struct, frozen=True, kw_only=True):
    """A pattern of the operator's own. One with a built-in's name replaces it, unless that belongs to the core."""

    name: str
    pattern: str
    severity: Severity = Severity.HIGH
    validator: Literal["", "luhn", "mod97", "aba", "wif"] = ""
    exempt: tuple[str, ...] = ()
    warns: bool = False


class RuleSet(msgspec.Struct, frozen=True):
    """Rules that are used together; names are unique without regard to case."""

    rules: tuple[Rule, ...]

    @classmethod
    def builtin(
        cls,
        family: str,
        *,
        extra: Sequence[UserPattern] = (),
        include_defaults: bool = True,
        extended: bool = True,
        source: str = "config",
    ) -> RuleSet:
        """The rules of `rules/<family>/*.yaml` and the operator's own.

        Without defaults only rules of the core stay, without `extended` none of the files `extended-*.yaml`.

        Raises:
            RuleError: a pattern of the operator's is outside the RE2 subset; the text names it.
        """
        rules = {rule.name.casefold(): rule for rule in _builtin(family, extended) if include_defaults or rule.core}
        for pattern in extra:
            key = pattern.name.casefold()
            if key in rules and rules[key].core:
                raise RuleError(f"{source}: pattern {pattern.name!r} has the name of a core rule; choose another")
            check_pattern(pattern.pattern, f"{source}: pattern {pattern.name!r}")
            rules[key] = _from_user(pattern)
        if len(rules) > MAX_RULES:
            raise RuleError(f"{source}: more than {MAX_RULES} rules")
        return cls(tuple(rules.values()))


def _from_user(pattern: UserPattern) -> Rule:
    return Rule(
        name=pattern.name,
        kind="custom",
        pattern=pattern.pattern,
        severity=pattern.severity,
        validator=pattern.validator,
        exempt=pattern.exempt,
        warns=pattern.warns,
        loose=True,
    )


@lru_cache(maxsize=8)
def _builtin(family: str, extended: bool = True) -> tuple[Rule, ...]:  # noqa: FBT001, FBT002 - a key of the cache
    rules: dict[str, Rule] = {}
    for path in sorted((RULES / family).glob("*.yaml")):
        if path.name.startswith(_EXTENDED) and not extended:
            continue
        for rule in _load_file(path):
            if rules.setdefault(rule.name.casefold(), rule) is not rule:
                raise RuleError(f"{path}: rule {rule.name!r}: another file of the family has a rule of this name")
    return tuple(rules.values())


def _load_file(path: Path) -> tuple[Rule, ...]:
    source = path.read_bytes()
    rules = _unpack_rules(path.with_suffix(".json"), source)
    # Their patterns are compiled by the tests of each rule; compiling all of them at every start would be waste.
    return load_rules(source.decode(), path.name, check=False) if rules is None else rules


def pack_rules(source: bytes, file: str) -> bytes:
    """The rules of the YAML `source` in the quick form: its SHA-256 in hexadecimal on one line, then JSON.

    Raises:
        RuleError: as `load_rules`.
    """
    rules = [msgspec.json.encode(rule) for rule in load_rules(source.decode(), file)]
    return hashlib.sha256(source).hexdigest().encode() + b"\n[\n" + b",\n".join(rules) + b"\n]\n"


def _unpack_rules(path: Path, source: bytes) -> tuple[Rule, ...] | None:
    """The rules that were packed from `source`; `None` where the file is missing or was made of something else."""
    try:
        digest, _, packed = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    if digest != hashlib.sha256(source).hexdigest().encode():
        return None
    return msgspec.json.decode(packed, type=tuple[Rule, ...])


def check_pattern(pattern: str, where: str, *, case: bool = False) -> None:
    """Refuse a pattern outside the common subset.

    Raises:
        RuleError: beginning with `where`.
    """
    try:
        regexp = compile_linear(for_bytes(pattern, case=case))
    except PatternError as error:
        raise RuleError(f"{where}: {error}") from error
    if regexp.search(b"") is not None:
        raise RuleError(f"{where}: matches the empty text, so it would match everything")


def load_rules(text: str, file: str, *, check: bool = True) -> tuple[Rule, ...]:
    """Read the rules of a YAML file's `text`; `file` names it in errors. At most 4 MiB and `MAX_RULES` rules.

    Raises:
        RuleError: not YAML, not a list of rules, a field that is unknown or of the wrong type, two rules of one name,
            or (with `check`) a pattern outside the RE2 subset; with file, line and rule.
    """
    # Imported here: the built-in rules are read in their quick form, and `check` should start fast.
    import yaml  # noqa: PLC0415

    if len(text) > _LARGEST_FILE:
        raise RuleError(f"{file}: larger than {_LARGEST_FILE} characters")
    loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader, the C one where it is there
    except yaml.YAMLError as error:
        raise RuleError(f"{file}: {error}") from error
    if not isinstance(document, list) or len(document) > MAX_RULES:
        raise RuleError(f"{file}: must be a list of at most {MAX_RULES} rules")
    rules: dict[str, Rule] = {}
    for entry in document:
        name = str(entry.get("name", "")) if isinstance(entry, dict) else ""
        try:
            rule = msgspec.convert(entry, Rule)
        except msgspec.ValidationError as error:
            raise RuleError(f"{file}:{_line(text, name)}: rule {name!r}: {error}") from error
        key = rule.name.casefold()
        if key in rules:
            raise RuleError(f"{file}:{_line(text, name)}: rule {name!r}: the name is taken")
        if check:
            check_pattern(_spelled(rule), f"{file}:{_line(text, name)}: rule {name!r}", case=rule.case)
        rules[key] = rule
    return tuple(rules.values())


def _line(text: str, name: str) -> int:
    """The line a rule starts at, for messages; 1 where it can't be told."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip("- ").startswith("name:") and name and name in line:
            return number
    return 1


def patterns_of(rules: Iterable[Rule]) -> tuple[bytes, ...]:
    """The patterns of `rules` in the dialect of both engines."""
    return tuple(for_bytes(_spelled(rule), case=rule.case) for rule in rules)


def _spelled(rule: Rule) -> str:
    """The pattern with its gaps spelled out."""
    return with_gaps(rule.pattern) if rule.gaps else rule.pattern


def samples_of(rules: Iterable[Rule]) -> list[str]:
    """For each rule a text its pattern matches as it stands: its first example, folded unless it is binary.

    Empty for rules without examples.
    """
    return [_sample(rule.examples.match[0]) if rule.examples.match else "" for rule in rules]


def _sample(text: str) -> str:
    # Neither is text to be read: folding would take away what the rule looks for.
    return text if any(char < "\t" or char >= "\U000e0000" for char in text) else fold_text(text)
