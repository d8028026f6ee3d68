"""Command lines: what is run by them, and how they are shown without the secrets in them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

__all__ = ["MAX_SHOWN_COMMAND", "Command", "masked_command", "read_command"]

MAX_SHOWN_COMMAND = 300
"""Characters of a command line that are kept."""

_MAX_WORDS = 64
_MASK = "***"

_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "fish"})
_INTERPRETERS = frozenset(
    {"node", "nodejs", "bun", "deno", "tsx", "ruby", "perl", "php", "java", "uv", "uvx", *_SHELLS}
)
_PYTHONS = ("python", "pypy")
# Options of interpreters whose value is the next word; what comes behind -c and -e is a program and no file.
_VALUED = frozenset({"-W", "-X", "-r", "--require", "--import", "--loader", "--experimental-loader", "-I", "-cp"})
_INLINE = frozenset({"-c", "-e", "--eval", "-p", "--print", "-"})
_SUBCOMMANDS = frozenset({"run", "exec"})

_SECRET_WORDS = (
    "key",
    "token",
    "secret",
    "passw",
    "passphrase",
    "pwd",
    "auth",
    "credential",
    "cookie",
    "bearer",
    "session",
)
_QUOTES = "\"'"
_BEFORE = f" \t{_QUOTES}"
# What ends a value: of a variable or parameter, and of a header or of a name in JSON, which may have several words.
_ENDS = {"=": " \t\n&;,|)`\"'", ":": "\n|}`\"'"}
_OPAQUE_LENGTH = 16
_LONG_OPAQUE = 32


class Command(msgspec.Struct, frozen=True):
    """What a process runs.

    Attributes:
        names: Base names it goes by, each once: of the executable, of its first word, of the script or module that an
            interpreter runs, and its own short name.
        paths: The executable's path and the script's.
        shown: The one of the names that tells most.
        words: Its command line.
    """

    names: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    shown: str = ""
    words: tuple[str, ...] = ()


def read_command(executable: str, words: Sequence[str], name: str) -> Command:
    """Take apart what the system says: the executable's path, the command line and the process's short name."""
    words = tuple(words[:_MAX_WORDS])
    program = _base(executable)
    first = _base(words[0]) if words else ""
    script = _script(words) if _is_interpreter(program or first) else ""
    # A version is no name; some programs are installed under it, and started by a link that has one.
    tells = [one for one in (_base(script), program, first, name) if one and not _is_version(one)]
    names = dict.fromkeys(one for one in (program, first, _base(script), name) if one)
    return Command(tuple(names), tuple(path for path in (executable, script) if path), (tells or ["?"])[0], words)


def _base(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2].removeprefix("-")


def _is_interpreter(program: str) -> bool:
    return program in _INTERPRETERS or program.startswith(_PYTHONS)


def _is_version(name: str) -> bool:
    return not any(char.isalpha() for char in name)


def _script(words: Sequence[str]) -> str:
    """The file (or, with `-m`, the module) that an interpreter was told to run; empty where there is none."""
    skip = False
    for index, word in enumerate(words[1:], 1):
        if skip:
            skip = False
        elif word in {"-m", "-jar"}:
            return words[index + 1] if index + 1 < len(words) else ""
        elif word in _INLINE:
            return ""
        elif word.startswith("-"):
            skip = word in _VALUED
        elif word not in _SUBCOMMANDS or index > 1:
            return word
    return ""


def masked_command(words: Sequence[str], mask: Callable[[str], str] | None = None) -> str:
    """The command line on one line, at most 300 characters, with whatever may be a secret replaced by `***`.

    Masked are values of options and variables whose name speaks of a secret, what follows a user's name in a URL, and
    words that look like nothing but a key. `mask` has the last word.
    """
    shown: list[str] = []
    hidden_next = False
    for word in words[:_MAX_WORDS]:
        if hidden_next and not word.startswith("--"):
            shown.append(_MASK)
            hidden_next = False
            continue
        text = _masked_word(word)
        hidden_next = (
            word.startswith("-") and "=" not in word and (_speaks_of_secrets(word) or word in {"-u", "--user"})
        )
        shown.append(text)
    line = " ".join(shown)
    return (mask(line) if mask is not None else line)[:MAX_SHOWN_COMMAND]


def _masked_word(word: str) -> str:
    at = min((place for mark in "=:" if (place := word.find(mark)) > 0), default=0)
    name, value = word[:at], word[at + 1 :]
    if value and _speaks_of_secrets(name) and " " not in name and not value.startswith("//"):
        return f"{name}={_MASK}" if word[at] == "=" else f"{name}: {_MASK}"
    return " ".join([_masked_piece(_without_password(piece)) for piece in _without_values(word).split(" ")])


def _without_values(word: str) -> str:
    """A query, a form, a script or JSON in one word, without the values whose names speak of secrets."""
    done: list[str] = []
    begin = at = 0
    while at < len(word):
        if word[at] not in _ENDS:
            at += 1
            continue
        ends, name = _ENDS[word[at]], _last_name(word[begin:at])
        at += 1
        if _speaks_of_secrets(name) and not word.startswith("//", at):
            while at < len(word) and word[at] in _BEFORE:
                ends = word[at] if word[at] in _QUOTES else ends
                at += 1
            done += (word[begin:at], _MASK)
            while at < len(word) and word[at] not in ends:
                at += 1
        else:
            done.append(word[begin:at])
        begin = at
    return "".join(done) + word[begin:]


def _last_name(text: str) -> str:
    text = text.rstrip(_BEFORE)
    begin = len(text)
    while begin and (text[begin - 1].isalnum() or text[begin - 1] in "-_."):
        begin -= 1
    return text[begin:]


def _masked_piece(piece: str) -> str:
    for mark in "=,:?&":
        if mark in piece:
            return mark.join([_masked_piece(part) for part in piece.split(mark)])
    return _MASK if _is_opaque(piece) else piece


def _without_password(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    return f"{scheme}://{_MASK}@{host}{slash}{path}" if at and user else url


def _speaks_of_secrets(name: str) -> bool:
    lower = name.lower()
    return any(word in lower for word in _SECRET_WORDS)


def _is_opaque(piece: str) -> bool:
    """Whether a word is more likely a key than a name: long, of letters and digits mixed, and no path."""
    if len(piece) < _OPAQUE_LENGTH or piece.startswith(("/", "~", "./", "../", "@")):
        return False
    digits = sum(char.isdigit() for char in piece)
    letters = sum(char.isalpha() for char in piece)
    if not digits or not letters:
        return False
    if "/" not in piece and "." not in piece:
        return True
    both = piece.lower() != piece and piece.upper() != piece
    return piece.startswith("eyJ") or (len(piece) >= _LONG_OPAQUE and both)
