"""Values that are known to be secret: those of the daemon's user's environment.

Only a value's spelled-out forms are held, inside a pattern database that never goes to disk. What is reported is the
variable's name.
"""

from __future__ import annotations

from base64 import b32encode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from pipelock.detect.entropy import shannon
from pipelock.detect.matcher import Matcher
from pipelock.detect.views import Sighting, View, sightings

__all__ = ["KnownSecrets"]

MAX_KNOWN = 1_000
"""Most values that are watched."""
_LONGEST = 4_096
_NEEDLE = 126
"""Bytes of a value that are looked for: its start gives it away, and a multiple of three ends a base64 group."""
_CALM = 3.0

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
_QUOTED = frozenset(b"\\.+*?()|[]{}^$/-#&~ \t\n\r\v\f")


class KnownSecrets:
    """Names and values, compiled into one database.

    Args:
        values: (name, value) pairs; at most `MAX_KNOWN`, values of at most 4 096 characters.
        native: Use Hyperscan where it is there.

    Raises:
        MatcherError: the forms can't be compiled.
        ValueError: too many values.
    """

    def __init__(self, values: Sequence[tuple[str, str]], *, native: bool = True) -> None:
        if len(values) > MAX_KNOWN:
            raise ValueError(f"more than {MAX_KNOWN} known secrets")
        self._names: list[str] = []
        patterns: list[bytes] = []
        seen: set[bytes] = set()
        for name, value in values:
            for form in _forms(value.encode("utf-8", "surrogatepass")[:_NEEDLE]):
                if form not in seen:
                    seen.add(form)
                    self._names.append(name)
                    patterns.append(b"(?i)" + _literal(form))
        # No cache directory here, on purpose: the database holds the values.
        self._matcher = Matcher(patterns, native=native)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], min_length: int = 16, *, native: bool = True) -> KnownSecrets:
        """Watch the values of `environ` that are long enough, random enough and not known to be harmless.

        Args:
            environ: The environment.
            native: Use Hyperscan where it is there.
            min_length: Shortest value that counts, in characters (8 to 4 096).
        """
        chosen = []
        seen: set[str] = set()
        for name, value in sorted(environ.items()):
            folded = name.lower()
            if folded in _HARMLESS or folded.startswith(_HARMLESS_PREFIXES) or value in seen:
                continue
            if min_length <= len(value) <= _LONGEST and shannon(value) > _CALM and not _is_public(value):
                seen.add(value)
                chosen.append((name, value))
        return cls(chosen[:MAX_KNOWN], native=native)

    def __len__(self) -> int:
        """How many forms are watched."""
        return len(self._names)

    def find(self, views: Sequence[View]) -> list[tuple[str, Sighting]]:
        """(variable name, sighting) for each value that occurs, once for each name.

        Raises:
            MatcherError: the matcher failed; block.
        """
        if not self._names:
            return []
        proposed, matches = sightings(self._matcher, views)
        found: dict[str, Sighting] = {}
        for number, group in zip(proposed, matches, strict=True):
            if group:
                found.setdefault(self._names[number], group[0])
        return list(found.items())


def _is_public(value: str) -> bool:
    """A path, or a URL without credentials: a request may well name it."""
    if value.startswith(("/", "~/", "./")) and " " not in value and value.count("/") >= 2:
        return True
    return value.startswith(("http://", "https://", "unix:", "file:")) and "@" not in value


def _literal(form: bytes) -> bytes:
    return b"".join(
        b"\\x%02x" % byte if byte in _QUOTED or byte < 0x21 or byte > 0x7E else bytes((byte,)) for byte in form
    )


def _forms(value: bytes) -> Iterator[bytes]:
    """The spellings under which a value may travel. Matching ignores case, so each needs one."""
    yield value
    standard = b64encode(value)
    yield standard.rstrip(b"=")
    yield standard.rstrip(b"=").replace(b"+", b"-").replace(b"/", b"_")
    # Inside a longer text the value may start at any of three places of a base64 group; the middle is then constant.
    for shift in (1, 2):
        inner = b64encode(bytes(shift) + value)[4:].rstrip(b"=")
        if len(inner) > 12:
            yield inner[:-2]
    digits = value.hex()
    yield digits.encode()
    for delimiter in (":", " ", "-", ",", "\\x", "0x", " 0x", ",0x", ", 0x", "%"):
        yield delimiter.join(digits[index : index + 2] for index in range(0, len(digits), 2)).encode()
    yield b32encode(value).rstrip(b"=")
    yield quote(value, safe="").encode()
    yield ",".join(str(byte) for byte in value).encode()
    yield " ".join(str(byte) for byte in value).encode()
