"""A machine that is a table: paths with what is there. Folders above them are there, too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from pipelock.contain.host import Host, Kind

HOME = "/home/u"
LINK = "-> "


class _Table:
    """What `Host` asks, answered from a table."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths = {"/": "folder"}
        self._real: dict[str, str] = {}
        for path, what in paths.items():
            self._paths.update(
                {str(above): "folder" for above in PurePosixPath(path).parents if str(above) not in paths}
            )
            self._paths[path] = what

    def readlink(self, path: str) -> str:
        what = self._paths.get(path, "")
        return what.removeprefix(LINK) if what.startswith(LINK) else ""

    def realpath(self, path: str) -> str:
        if path not in self._real:
            self._real[path] = self._resolved(path)
        return self._real[path]

    def _resolved(self, path: str) -> str:
        done, left, count = PurePosixPath("/"), list(PurePosixPath(path).parts[1:]), 0
        while left:
            part = left.pop(0)
            target = self.readlink(str(done / part))
            if part == "..":
                done = done.parent
            elif target and count < 40:
                count += 1
                done = PurePosixPath("/") if target.startswith("/") else done
                left = [one for one in PurePosixPath(target).parts if one != "/"] + left
            else:
                done /= part
        return str(done)

    def kind(self, path: str) -> Kind | None:
        what = self._paths.get(self.realpath(path))
        if what is None or what.startswith(LINK):
            return None
        return Kind(what) if what in ("folder", "socket", "disk", "other") else Kind.FILE

    def read(self, path: str) -> str:
        return self._paths[self.realpath(path)] if self.kind(path) is Kind.FILE else ""

    def names(self, path: str) -> tuple[str, ...]:
        folder = PurePosixPath(self.realpath(path))
        return tuple(
            sorted(one.name for one in map(PurePosixPath, self._paths) if one.parent == folder and one != folder)
        )


def fake_host(paths: Mapping[str, str], environ: Mapping[str, str] | None = None, **more: Any) -> Host:
    """`paths` maps a path to `folder`, `socket`, `-> TARGET`, or what a file holds."""
    table = _Table(paths)
    basis: dict[str, Any] = {
        "home": HOME,
        "environ": {"PATH": "/usr/bin:/bin", "USER": "u", **(environ or {})},
        "uid": 1000,
        "kind": table.kind,
        "realpath": table.realpath,
        "readlink": table.readlink,
        "read": table.read,
        "names": table.names,
        "closed": lambda _: (),
    }
    return Host(**{**basis, **more})


SYSTEM = {
    "/usr/bin/git": "elf", "/usr/bin/sh": "elf", "/usr/bin/claude": "elf", "/usr/bin/codex": "elf", "/usr/lib/x": "elf",
    "/bin": "-> usr/bin", "/lib": "-> usr/lib",
    "/etc/passwd": "x", "/etc/shadow": "x", "/etc/resolv.conf": "-> ../run/systemd/resolve/stub-resolv.conf",
    "/run/systemd/resolve/stub-resolv.conf": "x", "/run/user/1000/bus": "socket", "/run/docker.sock": "socket",
    "/var/run": "-> /run", "/tmp/x": "x", "/var/tmp": "folder", "/proc/1/environ": "x", "/dev/null": "other", "/dev/kvm": "other", "/dev/sda": "disk", "/dev/shm/x": "x", "/sys/class/net": "folder", "/opt/t/bin/t": "elf",
    f"{HOME}/.ssh/id_ed25519": "x", f"{HOME}/.gitconfig": "x", f"{HOME}/.npmrc": "x", f"{HOME}/.npm/_cacache/x": "x",
    f"{HOME}/.config/git/config": "x", f"{HOME}/.config/git/credentials": "x", f"{HOME}/.config/gh/hosts.yml": "x",
    f"{HOME}/.nvm": "-> /data/nvm", "/data/nvm/versions/node": "elf",
    f"{HOME}/.local/bin/tool": "-> ../share/uv/tools/t/bin/tool", f"{HOME}/.local/share/uv/tools/t/bin/tool": "elf",
    f"{HOME}/.claude/settings.json": "x", f"{HOME}/.claude.json": "x", f"{HOME}/.codex/config.toml": "x",
    f"{HOME}/.pipelock/ca/key.pem": "x", f"{HOME}/.pipelock/trust/ca.pem": "x", f"{HOME}/.pipelock/run/control.sock": "socket",
    f"{HOME}/proj/.git/hooks/pre-commit": "x", f"{HOME}/proj/.git/config": "x", f"{HOME}/proj/.git/HEAD": "x",
    f"{HOME}/proj/.git/objects/x": "x", f"{HOME}/proj/src/a.py": "x", f"{HOME}/proj/.envrc": "x", f"{HOME}/proj/.vscode/tasks.json": "x",
    f"{HOME}/notes/n.txt": "x", "/srv/data/d": "x", "/work/alone/f": "x",
}  # fmt: skip
"""A machine as many are."""
