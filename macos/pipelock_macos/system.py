"""What any program needs of macOS, as data with a reason each. Nothing else of the system can be used.

The names are the system's own: they come from what its programs ask for, seen in its log when they are refused.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "CACHES",
    "DEVICES",
    "HIDDEN",
    "KEPT_FROM",
    "LINKS",
    "MACHINE_CLASSES",
    "READABLE",
    "SERVICES",
    "SYSCTLS",
    "Device",
    "Service",
]


class Device(NamedTuple):
    """A device file, or with `below` a folder of them; `control`: ioctl(2) may be used."""

    path: str
    why: str
    writable: bool = False
    control: bool = False
    below: bool = False


class Service(NamedTuple):
    """A service of the system, by the name under which Mach messages reach it."""

    name: str
    why: str


# Not /System as a whole: the disk with everybody's files is mounted at /System/Volumes/Data.
READABLE: tuple[tuple[str, str], ...] = (
    ("/usr", "programs and libraries"),
    ("/bin", "programs"),
    ("/sbin", "programs"),
    ("/opt/homebrew", "Homebrew"),
    ("/opt/local", "MacPorts"),
    ("/nix/store", "Nix"),
    ("/System/Library", "the system's frameworks"),
    ("/System/Cryptexes", "the system's libraries since macOS 13"),
    ("/System/Volumes/Preboot/Cryptexes", "where those are"),
    ("/System/iOSSupport", "frameworks"),
    ("/Library/Apple", "frameworks"),
    ("/Library/Developer", "the compilers, git and Python of the command line tools"),
    ("/Library/Frameworks", "Python of python.org"),
    ("/Library/Java", "Java"),
    ("/Applications/Xcode.app", "the compilers and git of Xcode"),
    ("/private/etc", "settings of the system"),
    ("/private/var/db/dyld", "the cache of libraries"),
    ("/private/var/db/timezone", "time zones"),
    ("/private/var/db/xcode_select_link", "which compilers are chosen"),
    ("/private/var/select", "which shell sh is"),
)
"""Read and run."""

HIDDEN: tuple[tuple[str, str], ...] = (
    ("/private/etc/master.passwd", "users of the system, with password hashes where it is old"),
    ("/private/etc/krb5.keytab", "keys of this machine"),
    ("/private/etc/ssh/ssh_host_ecdsa_key", "keys of this machine"),
    ("/private/etc/ssh/ssh_host_ed25519_key", "keys of this machine"),
    ("/private/etc/ssh/ssh_host_rsa_key", "keys of this machine"),
    ("/private/etc/sudoers", "who may become root"),
    ("/private/etc/sudoers.d", "who may become root"),
    ("/opt/homebrew/var", "data of the user's databases and servers"),
    ("/usr/local/var", "data of the user's databases and servers"),
)
"""Inside of the above, and not to be read, whoever starts the agent: root could."""

LINKS = ("/etc", "/tmp", "/var")  # noqa: S108 - a name to look at
"""Links at the top, which have to be read to be followed."""

SERVICES: tuple[Service, ...] = (
    Service("com.apple.logd", "writing to the log"),
    Service("com.apple.system.logger", "the same, the older way"),
    Service("com.apple.system.notification_center", "notify(3): the C library hears of changed time zones by it"),
    Service("com.apple.system.opendirectoryd.libinfo", "names of users and groups: getpwuid(3)"),
    Service("com.apple.system.opendirectoryd.membership", "groups of a user"),
    Service("com.apple.bsd.dirhelper", "the user's folders for temporary files: confstr(3)"),
    Service("com.apple.SystemConfiguration.configd", "proxy settings: programs in Rust end where nobody answers"),
)
"""Asked by every other program, and nothing can be had done by them."""

KEPT_FROM: tuple[Service, ...] = (
    Service("com.apple.trustd.agent", "checks certificates, and fetches addresses that stand in them"),
    Service("com.apple.SecurityServer", "the keychain"),
    Service("com.apple.securityd.xpc", "the keychain"),
    Service("com.apple.dnssd.service", "looks up names: a question carries data out"),
    Service("com.apple.coreservices.launchservicesd", "starts programs outside of the sandbox"),
    Service("com.apple.coreservices.appleevents", "makes other programs do things"),
    Service("com.apple.lsd.open", "opens files and addresses with other programs"),
    Service("com.apple.pasteboard.1", "what was copied"),
    Service("com.apple.windowserver.active", "the screen and the keyboard"),
    Service("com.apple.tccd", "asks for the user's consent in the terminal's name"),
    Service("com.apple.nsurlsessiond", "fetches addresses for others"),
    Service("com.apple.cfprefsd.agent", "settings of all programs"),
)
"""Ways out or to secrets. Only a profile that names one opens it."""

SYSCTLS: tuple[tuple[str, bool, str], ...] = (
    ("hw.", True, "processors and memory"),
    ("machdep.", True, "what the processor can do"),
    ("vm.", True, "load and memory in use"),
    ("kern.", True, "versions and limits"),
    ("sysctl.", True, "names to numbers"),
    ("security.mac.lockdown_mode_state", True, "asked by the JavaScript engines"),
    ("kern.proc", False, "processes: the arguments and variables of every one of the user's"),
    ("kern.proc.pid.", True, "a process by its number, without those"),
    ("kern.proc.pgrp.", True, "a group of processes"),
)
"""Prefixes of names, whether they may be read, and why. Later ones win."""

DEVICES: tuple[Device, ...] = (
    Device("/dev/null", "nothing", writable=True, control=True),
    Device("/dev/zero", "zeros", writable=True),
    Device("/dev/random", "random numbers", writable=True),
    Device("/dev/urandom", "random numbers", writable=True),
    Device("/dev/tty", "the terminal", writable=True, control=True),
    Device("/dev/ptmx", "terminals of its own", writable=True, control=True),
    Device("/dev/fd", "what it has open", writable=True, below=True),
    Device("/dev/stdin", "what it has open"),
    Device("/dev/stdout", "what it has open", writable=True),
    Device("/dev/stderr", "what it has open", writable=True),
    Device("/dev/dtracehelper", "opened by the loader of every program", writable=True, control=True),
    Device("/dev/autofs_nowait", "opened by frameworks"),
)

MACHINE_CLASSES: tuple[tuple[str, str], ...] = (
    ("RootDomainUserClient", "build tools keep the machine awake by it and fail where they can't"),
)
"""Classes of the I/O registry that may be opened."""

CACHES: tuple[tuple[str, str], ...] = (
    (".npm", "npm_config_cache"),
    ("Library/Caches/pip", "PIP_CACHE_DIR"),
    (".cache/pip", "PIP_CACHE_DIR"),
    (".cache/uv", "UV_CACHE_DIR"),
    ("Library/Caches/uv", "UV_CACHE_DIR"),
    ("Library/Caches/Yarn", "YARN_CACHE_FOLDER"),
    ("Library/Caches/go-build", "GOCACHE"),
    (".cache/go-build", "GOCACHE"),
    ("go/pkg/mod", "GOMODCACHE"),
    (".gradle", "GRADLE_USER_HOME"),
    (".bun/install/cache", "BUN_INSTALL_CACHE_DIR"),
    ("Library/Caches/deno", "DENO_DIR"),
    (".cache/deno", "DENO_DIR"),
    ("Library/Caches/pypoetry", "POETRY_CACHE_DIR"),
    (".cache/pypoetry", "POETRY_CACHE_DIR"),
    (".cargo", "CARGO_HOME"),
)
"""The ends of paths of caches, and the variable that names another place. macOS has no overlays: where changes are to
be kept apart, the program is sent to a folder of its own, which begins empty."""
