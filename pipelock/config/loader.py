"""A file to a `Config`, all or nothing."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import msgspec

from pipelock.config.decode import Decoder
from pipelock.config.digest import policy_hash, source_hash
from pipelock.config.overrides import NO_REVERSE_FLAGS, Overrides, ReverseFlags, overridden
from pipelock.config.problems import ConfigError, Problem
from pipelock.config.reading import read_tree
from pipelock.config.schema import Config, Mode
from pipelock.config.schema_operations import EgressRule
from pipelock.config.tree import MAX_BYTES
from pipelock.config.validate import contradictions, notices, warnings
from pipelock.config.wordfile import with_dictionaries

__all__ = ["Loaded", "load", "loads", "name_allowlist"]

_DEFAULTS_HASH = "defaults"
_NAMED = "api_allowlist: "


class Loaded(msgspec.Struct, frozen=True):
    """A configuration that may be used.

    Attributes:
        config: The policy, complete.
        path: The file, `None` where none was read.
        source_hash: SHA-256 of the file's bytes, or `defaults`.
        policy_hash: 16 hex digits that name the policy; see `pipelock.config.digest`.
        notices: What the operator should know once.
        warnings: What is allowed and probably not meant.
    """

    config: Config
    path: Path | None
    source_hash: str
    policy_hash: str
    notices: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def load(
    path: Path | None,
    *,
    mode: Mode | None = None,
    listen: str | None = None,
    reverse: ReverseFlags = NO_REVERSE_FLAGS,
) -> Loaded:
    """Read a file; `None` gives the defaults. `mode`, `listen` and `reverse` are the command line's and win over it.

    Raises:
        ConfigError: the file cannot be read, is larger than 4 MiB, is not UTF-8, or says something that is not valid.
    """
    overrides = Overrides(mode, listen, reverse)
    if path is None:
        return _finish(Config(), Decoder("defaults", Path.cwd()), None, _DEFAULTS_HASH, overrides)
    name = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
            anyone_writes = bool(os.fstat(file.fileno()).st_mode & stat.S_IWOTH)
    except OSError as error:
        raise ConfigError([Problem(name, 0, 0, "", f"cannot be read: {error.strerror or error}")]) from error
    loaded = _decode(data, Decoder(name, path.absolute().parent), path.absolute(), overrides)
    if anyone_writes:
        warning = f"{name}: every user of this machine may write this file, and with it the policy (chmod o-w)"
        loaded = msgspec.structs.replace(loaded, warnings=(warning, *loaded.warnings))
    return loaded


def loads(
    text: str,
    name: str,
    *,
    base: Path | None = None,
    mode: Mode | None = None,
    listen: str | None = None,
    reverse: ReverseFlags = NO_REVERSE_FLAGS,
) -> Loaded:
    """Like `load` for text; `name` is what problems call it. Relative paths start at `base`, or where the process is.

    Raises:
        ConfigError: as `load`.
    """
    data = text.encode("utf-8", "surrogatepass")
    return _decode(data, Decoder(name, base or Path.cwd()), None, Overrides(mode, listen, reverse))


def _decode(data: bytes, decoder: Decoder, path: Path | None, overrides: Overrides) -> Loaded:
    root = read_tree(data, decoder.file)
    config = decoder.decode(root, Config) if root is not None else Config()
    return _finish(config, decoder, path, source_hash(data), overrides)


def _finish(config: Config, decoder: Decoder, path: Path | None, source: str, overrides: Overrides) -> Loaded:
    config = overridden(config, overrides, decoder.problems)
    if config.mode == "strict" and "egress_default" not in decoder.places:
        config = msgspec.structs.replace(config, egress_default="block")
    problems = decoder.problems
    wrong = [problem.key for problem in problems]
    now = time.time()
    for key, message in contradictions(config, now, os.environ):
        # A value that was refused kept its default; what that contradicts is nobody's mistake.
        if not any(other.startswith(key) for other in wrong):
            problems.append(Problem(decoder.file, *_place(decoder, key), key, message))
    config, unread = with_dictionaries(config)
    problems += [Problem(decoder.file, *_place(decoder, key), key, message) for key, message in unread]
    if problems:
        raise ConfigError(problems)
    said = tuple(warnings(config, decoder.places, now))
    config = name_allowlist(config)
    return Loaded(config, path, source, policy_hash(config), tuple(notices(decoder.places)), said)


def _place(decoder: Decoder, key: str) -> tuple[int, int]:
    """Where the key is written, or its nearest written parent."""
    while key and key not in decoder.places:
        key = key.rpartition(".")[0]
    return decoder.places.get(key, (0, 0))


def name_allowlist(config: Config) -> Config:
    """In strict mode with `egress_default: block`, add a last rule for each host of `api_allowlist`.

    Without them the default would refuse the very hosts that strict mode lets through. Rules that were added before
    make way.
    """
    if config.mode != "strict" or config.egress_default != "block":
        return config
    own = tuple(rule for rule in config.egress_rules if not rule.name.startswith(_NAMED))
    named = tuple(
        EgressRule(name=f"{_NAMED}{host}", action="allow", host=host, reason="on api_allowlist")
        for host in sorted(config.api_allowlist)  # in the file their order means nothing, nor may it in the hash
    )
    return msgspec.structs.replace(config, egress_rules=own + named)
