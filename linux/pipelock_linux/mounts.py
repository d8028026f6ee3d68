"""The file system that the agent sees: an empty root in memory, and in it what is granted, where it is on the host.

It is made in the first process of the new namespaces, in the order and with the additions of `arrangement`. All
sources are opened before anything is covered, and everything is put in place by descriptor: a link that somebody bends
meanwhile leads nowhere. Nothing is made on the host but what is kept of copies (`Grant.upper`) and seeds.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pipelock.contain.profile import Access, Grant, Profile
from pipelock.model import Wall, WallName, WallState
from pipelock_linux import devices, kept, mount_calls, network
from pipelock_linux.arrangement import OPEN, SOCKET, Place, around_of, arrange, sockets_to_mask
from pipelock_linux.mount_calls import HARMLESS, NOEXEC, NOSUID, RDONLY
from pipelock_linux.namespaces import WallError, fix_for

__all__ = ["MAX_SEED", "build_root", "host_sockets", "sockets_to_mask"]

MAX_SEED: Final = 16 << 20
"""Bytes of a file that is copied in at the start."""

_STAGES: Final = ("/tmp", "/run", "/var", "/usr")  # noqa: S108 - nothing is written there
"""Where the new root is mounted until it is the root: the first that is a folder."""
_STORE: Final = ".pipelock"
"""Where a file system is mounted meanwhile whose parts are put in other places."""
_ROOT: Final = (("mode", "0755"), ("size", "8m"), ("nr_inodes", "32768"))
_PROC_MASKED: Final = (
    "acpi", "asound", "interrupts", "kcore", "key-users", "keys", "kmsg", "kpagecgroup", "kpagecount", "kpageflags",
    "latency_stats", "sched_debug", "scsi", "slabinfo", "sysrq-trigger", "timer_list", "timer_stats", "vmallocinfo",
)  # fmt: skip
"""In /proc: what tells about the whole machine more than programs need, or does something to it."""
_SMALL: Final = (("mode", "0555"), ("size", "256k"), ("nr_inodes", "4096"))
_EMPTY_FOLDER, _EMPTY_FILE = "folder", "file"
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_VOLATILE: Final = f"{kept.WORK}/work/incompat/volatile"
_SSH_PARTS: Final = "/etc/ssh/ssh_config.d"
_MAX_SSH_PARTS: Final = 32
_MAX_DETAIL: Final = 500


def host_sockets() -> str:
    """What `sockets_to_mask` reads, of the network that the caller is in.

    Raises:
        OSError: it can't be read.
    """
    return Path("/proc/net/unix").read_bytes().decode("utf-8", "surrogateescape")


def build_root(
    profile: Profile, files: Mapping[str, bytes] | None = None, sockets: str | None = None
) -> tuple[Wall, ...]:
    """Make the view of `profile` and change to it; the caller is the first process of its namespaces, and then in `/`.

    Args:
        profile: What is granted.
        files: Contents to show for paths, whatever the host has there; those of `network.files` when not given.
        sockets: What `host_sockets` said before the network was left; read from the parent's when not given.

    Returns:
        How the walls of files, processes and devices stand.

    Raises:
        WallError: the kernel refuses, or a mask could not be put up. The process is of no use any more.
    """
    contents = {**_copies_for_ssh(), **(network.files(os.uname().nodename) if files is None else files)}
    try:
        hidden = sockets_to_mask(profile, _sockets_of_parent() if sockets is None else sockets)
        with contextlib.ExitStack() as closing:
            return _Building(profile, arrange(profile.grants, hidden), contents, closing).build()
    except OSError as error:
        what = f" ({os.fsdecode(error.filename)})" if error.filename else ""
        message = f"building the file system view was refused: {error.strerror or error}{what}"
        raise WallError(WallName.FILES, message, _fix(error)) from error


class _Building:
    """A view as it is made. Descriptors are closed with `closing`; mounts stay."""

    def __init__(
        self, profile: Profile, places: Sequence[Place], contents: Mapping[str, bytes], closing: contextlib.ExitStack
    ) -> None:
        self._profile = profile
        self._places = places
        self._contents = contents
        self._closing = closing
        self._by_path = {one.grant.path: one.grant for one in places}
        self._sources: dict[str, int] = {}
        self._kept: dict[str, int] = {}  # folders of the host's for changes
        self._modes: dict[str, int] = {}  # of folders that get an empty one in their place
        self._finished_read_only: list[int] = []
        self._notes: list[str] = []
        self._stored = 0
        self._root = -1
        self._store = -1

    def build(self) -> tuple[Wall, ...]:
        mount_calls.make_private()
        # What is needed of the host, before anything of it is covered.
        self._open_sources()
        nodes = {name: self._keep(one) for name, one in devices.open_nodes().items()}
        terminal = devices.operators_terminal()
        if terminal is not None:
            self._keep(terminal)
        seeds = [(os.path.realpath(target), _content(source)) for source, target in self._profile.seeds]
        generated = [(where, content) for path, content in self._contents.items() for where in _ends(path)]
        stage = self._raise_root()
        device_mount, device_wall = devices.mount_devices(self._root, nodes, terminal)
        self._finished_read_only.append(self._keep(device_mount))
        for place in self._places:
            try:
                self._put(place)
            except OSError as error:
                raise OSError(error.errno, error.strerror, place.grant.path) from error
        for path, target in self._profile.links:
            self._link(path, target)
        for path, content in generated:
            self._generate(path, content)
        for path, seed in seeds:
            try:
                self._seed(path, seed)
            except OSError as error:
                raise OSError(error.errno, error.strerror, path) from error
        process_wall = self._processes()
        mount_calls.detach(f"{stage}/{_STORE}")
        os.rmdir(_STORE, dir_fd=self._root)
        for mount in (*self._finished_read_only, self._root):
            mount_calls.restrict(mount, RDONLY)
        mount_calls.change_root(self._root)
        return self._wall(), process_wall, device_wall

    def _wall(self) -> Wall:
        shown = sum(1 for place in self._places if place.grant.access in OPEN)
        # Nothing of what there is to note makes the agent see or change more than was granted.
        detail = "; ".join((f"{shown} places of the host's, nothing else", *self._notes))
        return Wall(WallName.FILES, WallState.UP, detail[:_MAX_DETAIL])

    def _keep(self, descriptor: int) -> int:
        self._closing.callback(os.close, descriptor)
        return descriptor

    def _open_sources(self) -> None:
        """What has vanished since it was granted is not there; what is out of reach is told."""
        for place in self._places:
            grant = place.grant
            if grant.access is Access.PRIVATE:
                with contextlib.suppress(OSError):
                    self._modes[grant.path] = stat.S_IMODE(os.lstat(grant.path).st_mode) & 0o1777
            if grant.access not in OPEN:
                continue
            try:
                self._sources[grant.path] = self._keep(mount_calls.reach(grant.path))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except PermissionError as error:
                # Root too: here it has no rights over what belongs to others.
                what = f"{grant.path} is out of this user's reach"
                if grant.path == self._profile.workspace:
                    raise WallError(WallName.FILES, what, "start it as the user that the folder belongs to") from error
                self._notes.append(what)
            except OSError as error:  # a link, most of all: it was none when the profile was made
                raise OSError(error.errno, error.strerror, grant.path) from error
            if grant.access is Access.COPY and grant.upper:
                self._borrow(grant)

    def _borrow(self, grant: Grant) -> None:
        """Have the folder of the host's for changes to what is granted."""
        try:
            holder, was_damaged = kept.take(grant.upper)
        except OSError as error:
            self._in_memory_because(grant, error)
            return
        self._kept[grant.path] = self._keep(holder)
        if was_damaged:
            self._notes.append(f"changes to {grant.path} start anew (the machine went down before they were written)")

    def _raise_root(self) -> str:
        """Mount the empty root, for now in a place of the host's; which."""
        stage, point = self._stage()
        self._root = self._keep(mount_calls.new("tmpfs", _ROOT))
        mount_calls.attach(self._root, point)
        for folder in (_STORE, "dev", "proc"):
            os.mkdir(folder, 0o755, dir_fd=self._root)
        self._store = self._keep(mount_calls.new("tmpfs", (("mode", "0700"),)))
        mount_calls.put(self._root, f"/{_STORE}", self._store)
        os.mkdir(_EMPTY_FOLDER, 0o555, dir_fd=self._store)
        os.mknod(_EMPTY_FILE, 0o444, dir_fd=self._store)
        return stage

    def _stage(self) -> tuple[str, int]:
        for stage in _STAGES:
            with contextlib.suppress(OSError):
                point = self._keep(mount_calls.reach(stage))
                if stat.S_ISDIR(os.fstat(point).st_mode):
                    return stage, point
        raise OSError(errno.ENOENT, "no folder for the new root", "/")

    # -- places --------------------------------------------------------------------------------------------------------

    def _put(self, place: Place) -> None:
        grant = place.grant
        if grant.access is Access.MASK:
            self._mask(place)
            return
        source = self._sources.get(grant.path)
        if grant.access in OPEN and source is None:
            return
        is_folder = grant.is_folder if source is None else stat.S_ISDIR(os.fstat(source).st_mode)
        point = self._point(grant.path, place.around, is_folder=is_folder)
        if point is None:
            return
        mount = self._keep(self._made(grant, source, is_folder=is_folder))
        mount_calls.attach(mount, point)

    def _made(self, grant: Grant, source: int | None, *, is_folder: bool) -> int:
        if source is None:
            return self._private(grant) if is_folder else self._stored_file(b"", 0o600)
        if grant.access is not Access.COPY:
            return _bound_copy(source, grant, read_only=grant.access is Access.READ)
        refused: OSError | None = None
        if is_folder and grant.path in self._kept:
            try:
                return self._overlay(source, self._kept[grant.path])
            except OSError as error:
                refused = error
        try:
            mount = self._overlay(source, self._in_memory()) if is_folder else self._copied(source)
        except OSError as error:
            self._notes.append(f"changes to {grant.path} can't be kept apart ({error.strerror}): it is read-only")
            return _bound_copy(source, grant, read_only=True)
        if refused is not None:
            self._in_memory_because(grant, refused)
        return mount

    def _mask(self, place: Place) -> None:
        path = place.grant.path
        try:
            point = self._keep(mount_calls.inside(self._root, path))
        except PermissionError as error:
            # The agent can't go there either: it has fewer rights than this process. But its own folders it can open.
            if self._is_closed_by_us(path):
                message = f"{path} is to be hidden and lies in a folder that is closed"
                raise WallError(WallName.FILES, message, "give yourself the right to search it") from error
            return
        except OSError as error:
            is_gone = error.errno in {errno.ENOENT, errno.ENOTDIR}
            if place.grant.why == SOCKET and (is_gone or error.errno == errno.ELOOP):
                return
            if is_gone:
                message = f"{path} is to be hidden and has vanished"
                raise WallError(WallName.FILES, message, "start again") from error
            raise
        if not place.holds_others:
            mount_calls.attach(self._keep(self._nothing(point)), point)
            return
        mount = self._keep(mount_calls.new("tmpfs", _SMALL, HARMLESS | NOEXEC))
        mount_calls.attach(mount, point)
        self._finished_read_only.append(mount)

    def _is_closed_by_us(self, path: str) -> bool:
        """Whether the folder that can't be searched on the way to `path` is this user's."""
        while path := path.rpartition("/")[0]:
            with contextlib.suppress(PermissionError):
                return os.fstat(self._keep(mount_calls.inside(self._root, path))).st_uid == os.getuid()
        return False

    def _nothing(self, like: int) -> int:
        """An empty folder or file, as `like` is one."""
        name = _EMPTY_FOLDER if stat.S_ISDIR(os.fstat(like).st_mode) else _EMPTY_FILE
        mount = self._of_store(name)
        mount_calls.restrict(mount, RDONLY | HARMLESS | NOEXEC)
        return mount

    def _private(self, grant: Grant) -> int:
        options = [("mode", f"{self._modes.get(grant.path, 0o700):o}")]
        if grant.size:
            options.append(("size", str(grant.size)))
        return mount_calls.new("tmpfs", options)

    def _overlay(self, source: int, holder: int) -> int:
        """What is at `source`, with changes kept in the folder `holder`.

        They reach the disk when any program's do. Otherwise the kernel would write all of that file system's before the
        agent is gone, which takes long when it wrote much (overlayfs.rst, "Volatile mount"). The mark that it leaves
        keeps anybody from using the folder again; whether that may be done is known better (`kept`).
        """
        options = [("lowerdir", f"/proc/self/fd/{source}")]
        for option, name in (("upperdir", kept.CHANGES), ("workdir", kept.WORK)):
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=holder)
            options.append((option, f"/proc/self/fd/{self._keep(os.open(name, _FOLDER, dir_fd=holder))}"))
        for remove, name in ((os.unlink, f"{_VOLATILE}/dirty"), (os.rmdir, _VOLATILE)):
            with contextlib.suppress(FileNotFoundError):
                remove(name, dir_fd=holder)
        return mount_calls.new("overlay", (*options, ("userxattr", None), ("volatile", None)))

    def _in_memory(self) -> int:
        name = self._new_name()
        os.mkdir(name, 0o700, dir_fd=self._store)
        return self._keep(os.open(name, _FOLDER, dir_fd=self._store))

    def _in_memory_because(self, grant: Grant, error: OSError) -> None:
        self._notes.append(f"changes to {grant.path} are kept in memory ({error.strerror})")

    def _copied(self, source: int) -> int:
        content = _content(f"/proc/self/fd/{source}")  # its path may be covered by now
        if content is None:
            raise OSError(errno.EFBIG, "it is too large, or can't be read")
        return self._stored_file(content, 0o600)

    def _point(self, path: str, around: Access | None, *, is_folder: bool) -> int | None:
        """Where something is mounted: made, unless that would be on the host; `None` where it has vanished."""
        try:
            return self._keep(mount_calls.inside(self._root, path))
        except (FileNotFoundError, NotADirectoryError):
            if around in {Access.READ, Access.WRITE}:
                return None
        self._make_folders(path.rpartition("/")[0])
        parent = self._keep(mount_calls.inside(self._root, path.rpartition("/")[0] or "/"))
        name = path.rpartition("/")[2]
        if is_folder:
            os.mkdir(name, 0o755, dir_fd=parent)
        else:
            os.mknod(name, 0o600, dir_fd=parent)
        return self._keep(mount_calls.inside(self._root, path))

    def _make_folders(self, path: str) -> None:
        if not path:
            return
        try:
            os.close(mount_calls.inside(self._root, path))
        except FileNotFoundError:
            above, _, name = path.rpartition("/")
            self._make_folders(above)
            parent = mount_calls.inside(self._root, above or "/")
            try:
                os.mkdir(name, 0o755, dir_fd=parent)
            finally:
                os.close(parent)

    def _link(self, path: str, target: str) -> None:
        """A link, in the root or in something private. What is there already stays; what is the host's has its own."""
        around = around_of(self._by_path, path)
        if around is not None and around.access is not Access.PRIVATE:
            return
        above, _, name = path.rpartition("/")
        self._make_folders(above)
        parent = self._keep(mount_calls.inside(self._root, above or "/"))
        with contextlib.suppress(FileExistsError):
            os.symlink(target, name, dir_fd=parent)

    # -- contents ------------------------------------------------------------------------------------------------------

    def _generate(self, path: str, content: bytes) -> None:
        """Show `content` at `path`. Where the host's folder is shown and has no such file, there is none inside."""
        own = self._by_path.get(path)
        around = around_of(self._by_path, path) if own is None else own
        try:
            point = self._point(path, around.access if around is not None else None, is_folder=False)
        except OSError as error:
            if error.errno not in {errno.ELOOP, errno.EROFS}:  # a link, whose end is shown; in a mask
                raise
            return
        if point is None or stat.S_ISDIR(os.fstat(point).st_mode):
            return
        mount = self._keep(self._stored_file(content, 0o444))
        mount_calls.restrict(mount, RDONLY | NOEXEC)
        mount_calls.attach(mount, point)

    def _seed(self, path: str, content: bytes | None) -> None:
        """What is there already is the agent's, from an earlier run: it stays."""
        if content is None:
            return
        self._make_folders(path.rpartition("/")[0])
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with (
            contextlib.suppress(FileExistsError),
            os.fdopen(mount_calls.inside(self._root, path, flags, 0o600), "wb") as file,
        ):
            file.write(content)

    def _stored_file(self, content: bytes, mode: int) -> int:
        name = self._new_name()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, mode, dir_fd=self._store), "wb") as file:
            file.write(content)
        return self._of_store(name)

    def _of_store(self, name: str) -> int:
        source = mount_calls.inside(self._root, f"/{_STORE}/{name}")
        try:
            return mount_calls.clone(source, recursive=False)
        finally:
            os.close(source)

    def _new_name(self) -> str:
        self._stored += 1
        return str(self._stored)

    # -- processes -----------------------------------------------------------------------------------------------------

    def _processes(self) -> Wall:
        """Mount /proc. A container that covers parts of its own forbids that: then its own is shown, and that is told.

        All of it is read-only: to root's number the kernel grants many of its settings without a capability.
        """
        wall = Wall(WallName.PROCESSES, WallState.UP, "a process table of its own, /proc read-only")
        try:
            mount = mount_calls.new("proc", (), HARMLESS | NOEXEC | RDONLY)
        except PermissionError:
            source = self._keep(mount_calls.reach("/proc"))
            mount = mount_calls.clone(source)
            mount_calls.restrict(mount, HARMLESS | NOEXEC | RDONLY, recursive=True)
            wall = Wall(
                WallName.PROCESSES,
                WallState.PARTLY,
                "no process outside can be touched, but /proc shows their names and command lines",
                "start the container with an unmasked /proc (docker run --security-opt systempaths=unconfined)",
            )
        mount_calls.put(self._root, "/proc", self._keep(mount))
        for name in _PROC_MASKED:
            with contextlib.suppress(FileNotFoundError):
                point = self._keep(mount_calls.inside(self._root, f"/proc/{name}"))
                mount_calls.attach(self._keep(self._nothing(point)), point)
        return wall


def _bound_copy(source: int, grant: Grant, *, read_only: bool) -> int:
    """The host's own. Devices work where /dev itself is granted from, and nowhere else."""
    attributes = NOSUID if grant.path.startswith("/dev/") else HARMLESS
    mount = mount_calls.clone(source)
    try:
        mount_calls.restrict(mount, attributes | (RDONLY if read_only else 0), recursive=True)
    except OSError:
        os.close(mount)
        raise
    return mount


def _sockets_of_parent() -> str:
    """The parent is the launcher, in the host's network; /proc is still the host's and counts as it does."""
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    return Path(f"/proc/{int(fields[1])}/net/unix").read_bytes().decode("utf-8", "surrogateescape")


def _ends(path: str) -> tuple[str, ...]:
    """Where a content is shown: at the end of the links at `path`, which are seen inside, and there if they are not."""
    end = os.path.realpath(path)
    return (path,) if end == path else (end, path)


def _copies_for_ssh() -> dict[str, bytes]:
    """OpenSSH takes parts of its configuration from root or its user alone, and inside root's files are nobody's."""
    found: dict[str, bytes] = {}
    if os.getuid() == 0:
        return found
    with contextlib.suppress(OSError):
        for part in sorted(map(str, Path(_SSH_PARTS).iterdir()))[:_MAX_SSH_PARTS]:
            content = _content(part)
            if content is not None:
                found[part] = content
    return found


def _content(path: str) -> bytes | None:
    """What a file of at most `MAX_SEED` bytes holds; `None` where it is none, is larger, or can't be read."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            content = file.read(MAX_SEED + 1)
    except OSError:
        return None
    return content if len(content) <= MAX_SEED else None


def _fix(error: OSError) -> str:
    if error.errno == errno.ENOSYS:
        return "Linux 5.12 or newer is needed"
    return fix_for(error) if error.errno in {errno.EPERM, errno.EACCES} else ""
