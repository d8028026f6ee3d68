"""A program that probes this machine, then the same one with something missing; prints what came of each as JSON."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from unittest import mock

import msgspec

from pipelock_linux import (
    cgroup,
    landlock,
    libc,
    mount_calls,
    mounts,
    netlink,
    network,
    nftables,
    privileges,
    probe,
    seccomp,
)

Patch = Callable[[], ExitStack]


def refusing(target: object, name: str, number: int, when: Callable[..., bool] = lambda *_: True) -> Patch:
    """`name` of `target` raises this error for the arguments that `when` takes."""
    real = getattr(target, name)

    def refuse(*args: object, **options: object) -> object:
        if when(*args):
            raise OSError(number, os.strerror(number))
        return real(*args, **options)

    return instead(target, name, refuse)


def instead(target: object, name: str, other: object) -> Patch:
    """`name` of `target` is `other`."""

    def enter() -> ExitStack:
        stack = ExitStack()
        stack.enter_context(mock.patch.object(target, name, other))
        return stack

    return enter


def both(*patches: Patch) -> Patch:
    """All of them."""

    def enter() -> ExitStack:
        stack = ExitStack()
        for one in patches:
            stack.enter_context(one())
        return stack

    return enter


real_loopback_up = network.loopback_up


def loopback_without_ipv6() -> int:
    """As where an administrator has switched it off."""
    with suppress(FileNotFoundError):
        Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
    return real_loopback_up()


NO_UNSHARE = refusing(libc, "call", errno.EPERM, lambda name, *_: name == "unshare")
HOSTS: dict[str, Patch] = {
    "this one": ExitStack,
    "no namespaces": NO_UNSHARE,
    "no namespaces, no Landlock": both(NO_UNSHARE, instead(landlock, "abi", lambda: 0)),
    "no namespaces, old Landlock": both(NO_UNSHARE, instead(landlock, "abi", lambda: 3)),
    "namespaces without capabilities": refusing(network.fcntl, "ioctl", errno.EPERM),
    "no redirection": refusing(netlink, "exchange", errno.EOPNOTSUPP, lambda kind, _: kind == nftables.NETFILTER),
    "no IPv6": instead(network, "loopback_up", loopback_without_ipv6),
    "no overlay": refusing(mount_calls, "new", errno.ENODEV, lambda kind, *_: kind == "overlay"),
    "masked proc": refusing(mount_calls, "new", errno.EPERM, lambda kind, *_: kind == "proc"),
    "old mount calls": refusing(libc, "call", errno.ENOSYS, lambda name, *_: name == "mount_setattr"),
    "no seccomp": refusing(seccomp, "load", errno.EINVAL),
    "no groups": instead(cgroup, "create", lambda *_: None),
    "a crash": instead(mounts, "build_root", lambda *_, **__: 1 // 0),
}


def main() -> None:
    """Probe all of them; the last one is real: a filter around this process forbids namespaces, as containers' do."""
    found: dict[str, object] = {}
    for name, patched in HOSTS.items():
        with patched():
            found[name] = msgspec.to_builtins(probe.probe())
    privileges.no_new_privileges()
    machine = os.uname().machine
    seccomp.load(
        seccomp.program(unix_sockets=True, inet=seccomp.InetUse.ALL, notify=False, machine=machine), notify=False
    )
    found["filtered"] = msgspec.to_builtins(probe.probe())
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
