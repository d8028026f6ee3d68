"""Phrasebooks: for each language the words and phrases of some cues, and what cues make together.

A cue is something that honest texts say as well: a verb of dropping something, a word for what came before, for orders,
for secrets, for telling. A phrasebook (`phrases/<language>.yaml`) lists the phrases of each cue; it is a page of
vocabulary and needs no grammar. The families (`phrases/families.yaml`) say which cues make an attack when they share a
sentence, in whatever order a language puts them. `languages.py` looks for them.

Beside the files lies `phrases.json`: the same with the phrases made into patterns, which loads far quicker. It counts
only while it names the digest of the files and of the fold of their letters; `scripts/rules.py` writes it anew.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from pipelock.detect._phrases import PhraseError, Phrases
from pipelock.detect.letters import fold_letters
from pipelock.model import Severity

__all__ = [
    "PHRASES",
    "Cue",
    "Family",
    "Language",
    "PhraseError",
    "Phrasebook",
    "Vocabulary",
    "builtin_vocabulary",
    "compile_book",
    "pack_phrases",
    "read_phrasebooks",
]

PHRASES = Path(__file__).with_name("phrases")
"""The directory of the built-in files."""
QUICK = "phrases.json"
_FAMILIES = "families.yaml"
_LARGEST = 1 << 20
_T = TypeVar("_T")


class Phrasebook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The cues of one language, as they are written.

    Attributes:
        language: English name of the language; findings begin with it.
        edges: Whether phrases are whole `word`s (unless they end in `*`), any that `start` like them, or may stand
            `anywhere`: where prefixes are written together with the word, or words have no gaps between them.
        words: For each cue its phrases, each ended by a semicolon; `_phrases.py` tells how they are written.
        match: For each family texts that it must find, one a line.
        clean: Texts in which nothing may be found, one a line.
    """

    language: str
    edges: Literal["word", "start", "anywhere"] = "word"
    words: dict[str, str]
    match: dict[str, str] = {}
    clean: str = ""


class Family(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An attack that cues make together.

    Attributes:
        name: Findings are named by language and this.
        severity: Of the finding.
        cues: Any one of these sets is enough; the first cue of a set is its anchor. `!cue` must be absent, and
            `question` is a sentence that ends in a question mark.
        near: The cues may stand in neighbouring sentences.
    """

    name: str
    severity: Severity = Severity.HIGH
    cues: tuple[tuple[str, ...], ...]
    near: bool = False


class Cue(msgspec.Struct, frozen=True, array_like=True):
    """The phrases of a cue as one pattern over folded letters, and words of which every match contains one."""

    pattern: str
    literals: tuple[str, ...]


class Language(msgspec.Struct, frozen=True):
    """A phrasebook with its phrases made into patterns."""

    name: str
    cues: dict[str, Cue]


class Vocabulary(msgspec.Struct, frozen=True):
    """All that is looked for: the languages, and what cues make together."""

    families: tuple[Family, ...]
    languages: tuple[Language, ...]


class _Quick(msgspec.Struct, frozen=True):
    """The quick form: the digest of the files, the characters that they use and the digest of their folds."""

    source: str
    characters: str
    folds: str
    vocabulary: Vocabulary


def compile_book(book: Phrasebook) -> Language:
    """The patterns of a phrasebook.

    Raises:
        PhraseError: a phrase can't be used; the text names language and cue.
    """
    cues = {}
    for cue in book.words:
        phrases = Phrases(book.words, cue, edges=book.edges, where=book.language)
        cues[cue] = Cue(phrases.pattern(), tuple(phrases.literals()))
    return Language(book.language, cues)


def read_phrasebooks(folder: Path) -> tuple[Phrasebook, ...]:
    """The phrasebooks of a folder, as they are written.

    Raises:
        PhraseError: not YAML, or a field that is unknown or of the wrong type; with the file's name.
    """
    return tuple(_read(path, Phrasebook) for path in _files(folder) if path.name != _FAMILIES)


def _read_all(folder: Path) -> Vocabulary:
    families = _read(folder / _FAMILIES, tuple[Family, ...])
    return Vocabulary(families, tuple(map(compile_book, read_phrasebooks(folder))))


def _read(path: Path, kind: type[_T]) -> _T:
    # Imported here: the built-in files are read in their quick form.
    import yaml  # noqa: PLC0415

    source = path.read_bytes()
    if len(source) > _LARGEST:
        raise PhraseError(f"{path.name}: larger than {_LARGEST} bytes")
    try:
        return msgspec.convert(yaml.safe_load(source), kind)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise PhraseError(f"{path.name}: {error}") from error


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.yaml"))


def pack_phrases(folder: Path) -> bytes:
    """The quick form of a folder.

    Raises:
        PhraseError: as `read_phrasebooks`.
    """
    vocabulary = _read_all(folder)
    characters = "".join(sorted(set("".join(path.read_text(encoding="utf-8") for path in _files(folder)))))
    quick = _Quick(_digest_of_files(folder), characters, _digest_of_folds(characters), vocabulary)
    return msgspec.json.encode(quick) + b"\n"


def _digest_of_files(folder: Path) -> str:
    total = hashlib.sha256()
    for path in _files(folder):
        total.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _digest_of_folds(characters: str) -> str:
    """What becomes of each character: patterns made with another fold would miss what they were written for."""
    return hashlib.sha256("\0".join(map(fold_letters, characters)).encode("utf-8", "surrogatepass")).hexdigest()


@lru_cache(maxsize=1)
def builtin_vocabulary() -> Vocabulary:
    """What is built in."""
    try:
        quick = msgspec.json.decode((PHRASES / QUICK).read_bytes(), type=_Quick)
    except (OSError, msgspec.MsgspecError):
        return _read_all(PHRASES)
    if quick.source != _digest_of_files(PHRASES) or quick.folds != _digest_of_folds(quick.characters):
        return _read_all(PHRASES)
    return quick.vocabulary
