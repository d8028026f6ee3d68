"""Values that are known to be secret: those of the user's environment, of credential files and of a list.

No value is kept. Of each there are four bytes, by which places to look at are found in one pass whatever the spelling,
and for each spelling its length and a keyed fingerprint (BLAKE2b under a key of this process), which decides. What is
reported is where the value comes from.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pipelock.detect._forms import forms, whole
from pipelock.detect.entropy import shannon, words_share
from pipelock.detect.hosts import HostSet
from pipelock.detect.matcher import Matcher
from pipelock.detect.views import SEPARATOR, View, view_at
from pipelock.detect.watch import Found

__all__ = ["ENVIRONMENT_RULE", "FILE_RULE", "MAX_KNOWN", "KnownSecrets", "KnownValue", "from_environ", "names_secret"]

ENVIRONMENT_RULE = "Environment Variable Leak"
FILE_RULE = "Known Secret Leak"
MAX_KNOWN = 1_000
"""Most values that are watched."""
LONGEST_VALUE = 4_096
SHORTEST_VALUE = 8
_CALM = 3.0
_WORDY = 0.75
_SECRET_WORDS = frozenset(
    ("key", "keys", "pass", "pwd", "auth", "cred", "creds", "private", "salt", "cookie", "session", "dsn")
)
_SECRET_PARTS = ("token", "secret", "passw", "passphrase", "apikey", "credential")
# Many texts, or one of this many bytes, are worth compiling the windows for.
_MANY = 32
_LARGE = 2_048

# Names whose values are public or say nothing; lower-case.
_HARMLESS = frozenset(
    """_ pwd oldpwd path home user logname shell term colorterm lang language tmpdir tmp temp hostname host mail editor
    visual pager less lesspipe lessopen lessclose ls_colors lscolors display wayland_display xauthority
    dbus_session_bus_address ssh_auth_sock ssh_connection ssh_client ssh_tty ssh_agent_pid gpg_agent_info gopath goroot
    gobin pythonpath pythonhome virtual_env virtual_env_prompt conda_prefix node_path nvm_dir java_home manpath infopath
    ld_library_path dyld_library_path pkg_config_path ps1 ps2 ps4 prompt_command histfile histcontrol shlvl columns
    lines tz pathext comspec systemroot windir userprofile appdata localappdata programdata programfiles
    commonprogramfiles public allusersprofile psmodulepath username userdomain computername os term_program
    term_session_id http_proxy https_proxy no_proxy all_proxy ftp_proxy""".split()  # noqa: SIM905 - a list of words
)
_HARMLESS_PREFIXES = ("lc_", "xdg_", "pipelock_")


class KnownValue(NamedTuple):
    """A value, and what is said about it instead.

    Attributes:
        value: At least `SHORTEST_VALUE` characters.
        origin: Where it comes from, to complete "the value of …".
        rule: As findings name it.
        hosts: Where it may go.
    """

    value: str
    origin: str
    rule: str = FILE_RULE
    hosts: tuple[str, ...] = ()


class _Spot(NamedTuple):
    """A spelling of value `number`: its digest, how long it is, and how far before the window it starts."""

    number: int
    before: int
    size: int
    quick: int
    digest: bytes


class KnownSecrets:
    """Fingerprints of values, in all spellings. Pure, and safe to share between threads.

    Args:
        values: At most `MAX_KNOWN`; the first of two equal ones is kept, those too short are left out.
        native: Use Hyperscan where it is there, once there is enough to do; until then, and without it, each window is
            looked for by itself.

    Raises:
        ValueError: too many values.
    """

    def __init__(self, values: Sequence[KnownValue], *, native: bool = True) -> None:
        if len(values) > MAX_KNOWN:
            raise ValueError(f"more than {MAX_KNOWN} known secrets")
        self._key = os.urandom(32)
        self._values: list[tuple[str, str, HostSet | None]] = []
        windows: dict[bytes, list[_Spot]] = {}
        seen: set[bytes] = set()
        for known in values:
            part = whole(known.value.encode("utf-8", "surrogatepass"))
            if len(part) < SHORTEST_VALUE or part in seen:
                continue
            seen.add(part)
            for form in forms(part):
                spot = _Spot(
                    len(self._values), form.start, len(form.text), hash(form.text), self._fingerprint(form.text)
                )
                windows.setdefault(form.text[form.start : form.end], []).append(spot)
            self._values.append((known.rule, known.origin, HostSet(known.hosts) if known.hosts else None))
        self._windows = tuple(windows)
        self._spots = tuple(tuple(spots) for spots in windows.values())
        self._native = native
        self._matcher: Matcher | None = None
        self._asked = 0

    def __len__(self) -> int:
        """How many values are watched."""
        return len(self._values)

    def find(self, views: Sequence[View], host: str = "") -> list[Found]:
        """The first place of each value that occurs and may not go to `host`. Linear in the size of the views.

        Raises:
            MatcherError: the matcher failed; block.
        """
        if not self._windows or not views:
            return []
        data = views[0].data if len(views) == 1 else SEPARATOR.join([view.data for view in views])
        data = data.lower()
        found: dict[int, Found] = {}
        for window in self._proposed(data):
            for number, start, end in self._confirmed(window, data):
                rule, origin, hosts = self._values[number]
                if number not in found and not (hosts is not None and host and host in hosts):
                    view, base = view_at(views, start)
                    found[number] = Found(rule, f"the value of {origin}", view, start - base, end - base)
        return list(found.values())

    def _proposed(self, data: bytes) -> Sequence[int]:
        if self._matcher is None and self._native and (self._asked >= _MANY or len(data) > _LARGE):
            # No cache directory here, on purpose: not even these few bytes go to disk. Whoever judges one URL and ends
            # never gets here; two threads may both do it, and either result serves.
            patterns = [b"(?i)" + b"".join(b"\\x%02x" % byte for byte in window) for window in self._windows]
            self._matcher = Matcher(patterns)
        if self._matcher is not None and self._matcher.engine == "hyperscan":
            return self._matcher.propose(data)
        self._asked += 1
        return [number for number, window in enumerate(self._windows) if window in data]

    def _confirmed(self, number: int, data: bytes) -> Iterator[tuple[int, int, int]]:
        """(number of the value, start, end) of what stands around a window and is one of the values."""
        window, spots = self._windows[number], self._spots[number]
        spans = {(spot.before, spot.size) for spot in spots}
        quick = {spot.quick for spot in spots}
        at = data.find(window)
        while at >= 0:
            for before, size in spans:
                start = at - before
                text = data[start : start + size] if start >= 0 else b""
                # The interpreter's own hash, keyed as well, turns down nearly all at a tenth of the cost.
                if hash(text) in quick:
                    digest = self._fingerprint(text)
                    yield from ((spot.number, start, start + size) for spot in spots if spot.digest == digest)
            at = data.find(window, at + 1)

    def _fingerprint(self, text: bytes) -> bytes:
        return hashlib.blake2b(text, digest_size=16, key=self._key).digest()


def from_environ(environ: Mapping[str, str], min_length: int = 16) -> list[KnownValue]:
    """The values of `environ` that are long enough, random enough and not known to be harmless; at most `MAX_KNOWN`.

    Args:
        environ: The environment, or what a file of such assignments says.
        min_length: Shortest value that counts, in characters (8 to 4 096).
    """
    chosen = []
    for name, value in sorted(environ.items()):
        folded = name.lower()
        if folded in _HARMLESS or folded.startswith(_HARMLESS_PREFIXES):
            continue
        if not min_length <= len(value) <= LONGEST_VALUE or shannon(value) <= _CALM or _is_public(value):
            continue
        # Settings in words (`ignore::DeprecationWarning`, a full name) are what every other text may say as well.
        if names_secret(name) or words_share(value) < _WORDY or "@" in value:
            chosen.append(KnownValue(value, f"environment variable {name}", ENVIRONMENT_RULE))
    return chosen[:MAX_KNOWN]


def names_secret(name: str) -> bool:
    """Whether the name of a setting says that its value is secret."""
    folded = name.lower()
    words = folded.replace("-", "_").replace(".", "_").split("_")
    return not _SECRET_WORDS.isdisjoint(words) or any(part in folded for part in _SECRET_PARTS)


def _is_public(value: str) -> bool:
    """A path, or a URL without credentials: a request may well name it."""
    if value.startswith(("/", "~/", "./")) and " " not in value and value.count("/") >= 2:
        return True
    return value.startswith(("http://", "https://", "unix:", "file:")) and "@" not in value
