"""Profiles to write sandboxes of, and a macOS that resolves their paths."""

from __future__ import annotations

from pipelock.contain.profile import Access, Grant, Limits, Network, Profile, Source
from pipelock_macos.sbpl import Setting

HOME = "/Users/u"
PORT = 51234
SETTING = Setting(temporary="/private/tmp/pipelock-abc", tag="pipelock:0123456789ab", terminal="/dev/ttys004")


def resolve(path: str) -> str:
    """As the kernel sees it."""
    if path.split("/")[1] in {"tmp", "etc", "var"}:
        return f"/private{path}"
    return path


def grant(path: str, access: Access, why: str = "a test", **more) -> Grant:
    return Grant(path=path, access=access, why=why, **more)


def profile(*grants: Grant, **more) -> Profile:
    """Of an agent in ~/p."""
    more.setdefault("network", Network(proxy_port=PORT))
    return Profile(
        agent="a",
        command=("sh", "-c", "true"),
        folder=f"{HOME}/p",
        workspace=f"{HOME}/p",
        home=HOME,
        grants=grants,
        environment=(("HOME", HOME),),
        **more,
    )


AGENT = profile(
    grant(HOME, Access.PRIVATE, "the home folder"),
    grant(f"{HOME}/.claude", Access.WRITE, "the agent's own"),
    grant(f"{HOME}/.gitconfig", Access.READ, "settings of git", is_folder=False),
    grant(f"{HOME}/.npm", Access.COPY, "packages of npm", upper=f"{HOME}/.pipelock/caches/1/npm"),
    grant(f"{HOME}/.nvm", Access.READ, "Node"),
    grant(f"{HOME}/.pipelock", Access.MASK, "Pipelock's own"),
    grant(f"{HOME}/.pipelock/ca.pem", Access.READ, "certificates", is_folder=False),
    grant(f"{HOME}/p", Access.WRITE, "the workspace", source=Source.COMMAND),
    grant(f"{HOME}/p/.env", Access.MASK, "secrets", is_folder=False),
    grant(f"{HOME}/p/.git/hooks", Access.READ, "runs outside"),
    grant(f'{HOME}/p/a "quoted\\ folder', Access.MASK, "awkward\nname"),
    grant("/etc", Access.READ, "settings of the system"),
    grant("/etc/ssl/private", Access.MASK, "private keys"),
    grant("/tmp", Access.PRIVATE, "temporary files"),
    network=Network(proxy_port=PORT, host_ports=(5432,)),
    limits=Limits(files=1024),
)
"""What a plan for a coding agent looks like."""

STRICT = profile(
    grant(HOME, Access.PRIVATE, "the home folder"),
    grant(f"{HOME}/p", Access.READ, "the workspace"),
    unix_sockets=False,
    services=("com.apple.trustd.agent",),
)
"""Reads one folder; checks certificates by the system."""
