"""Plans as a table: who asks for what on which machine, and what is granted; and what must hold of all of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipelock.contain.claims import is_inside
from pipelock.contain.environment import is_refused
from pipelock.contain.host import Host
from pipelock.contain.plan import PlanError, Wish, plan
from pipelock.contain.profile import Access, Profile, holding
from pipelock.model import CacheUse, ContainmentFacts, ContainmentMode, ContainmentSettings
from tests.contain.fake_host import HOME, SYSTEM, fake_host

HIDDEN = (f"{HOME}/.pipelock",)
TRUST = (f"{HOME}/.pipelock/trust/ca.pem", "", "/etc/passwd")
MACHINE = fake_host(SYSTEM)


def planned(
    host: Host = MACHINE, settings: dict[str, Any] | None = None, facts: dict[str, Any] | None = None, **wish: Any
) -> Profile:
    known = ContainmentFacts(settings=ContainmentSettings(**settings or {}), hidden=HIDDEN, trust=TRUST)
    basis = {"command": ("git", "status"), "folder": f"{HOME}/proj/src"}
    return plan(Wish(**{**basis, **wish}), msgspec.structs.replace(known, **facts or {}), host)


def access(profile: Profile, path: str) -> str:
    grant = holding(profile.grants, path)
    return grant.access.value if grant is not None else ""


PLAIN = planned()


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/usr/bin/git", "read"),
        ("/etc/passwd", "read"),
        ("/etc/shadow", "mask"),
        ("/run/systemd/resolve/stub-resolv.conf", "read"),
        ("/run/docker.sock", ""),
        ("/run/user/1000/bus", "private"),
        ("/tmp/x", "private"),
        ("/srv/data/d", ""),
        (f"{HOME}/proj/src/a.py", "write"),
        (f"{HOME}/proj/.git/HEAD", "write"),
        (f"{HOME}/proj/.git/hooks/pre-commit", "read"),
        (f"{HOME}/proj/.git/config", "read"),
        (f"{HOME}/proj/.envrc", "read"),
        (f"{HOME}/proj/.vscode/tasks.json", "read"),
        (f"{HOME}/.ssh/id_ed25519", "private"),
        (f"{HOME}/.gitconfig", "read"),
        (f"{HOME}/.config/git/config", "read"),
        (f"{HOME}/.config/git/credentials", "mask"),
        (f"{HOME}/.npm/_cacache/x", "copy"),
        (f"{HOME}/.npmrc", "private"),
        (f"{HOME}/.claude/settings.json", "private"),
        (f"{HOME}/notes/n.txt", "private"),
        (f"{HOME}/.pipelock/ca/key.pem", "private"),
        (f"{HOME}/.pipelock/trust/ca.pem", "read"),
        ("/data/nvm/versions/node", "read"),
        ("/opt/t/bin/t", "read"),
    ],
)
def test_what_holds_where_nobody_asks_for_anything(path: str, wanted: str) -> None:
    assert access(PLAIN, path) == wanted


def test_a_plain_plan_is_about_the_repository_it_is_asked_in() -> None:
    assert (PLAIN.workspace, PLAIN.folder) == (f"{HOME}/proj", f"{HOME}/proj/src")
    assert (PLAIN.agent, PLAIN.mode, PLAIN.unix_sockets) == ("git", ContainmentMode.NORMAL, True)
    assert PLAIN.links == (
        ("/bin", "/usr/bin"),
        (f"{HOME}/.nvm", "/data/nvm"),
        ("/lib", "/usr/lib"),
        ("/var/run", "/run"),
    )
    assert PLAIN.notes == ()
    assert [grant.path for grant in PLAIN.grants] == sorted(grant.path for grant in PLAIN.grants)
    (npm,) = (grant for grant in PLAIN.grants if grant.access is Access.COPY)
    assert npm.upper == f"{HOME}/.cache/pipelock/caches/proj/.npm"


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"command": ()}, "there is no command"),
        ({"command": ("nope",)}, "nope: there is no such program on PATH"),
        ({"command": ("./nope",)}, "./nope: there is no such program"),
        ({"folder": "/gone"}, "/gone is no folder"),
        ({"folder": HOME}, "it is your home"),
        ({"folder": "/home"}, "your home is inside it"),
        ({"folder": "/"}, "your home is inside it"),
        ({"folder": "/tmp"}, "it belongs to the system"),
        ({"folder": "/etc"}, "it belongs to the system"),
        ({"folder": "/proc/1"}, "the kernel shows itself there"),
        ({"folder": f"{HOME}/.ssh"}, "it holds private SSH keys"),
        ({"folder": f"{HOME}/.pipelock/ca"}, "it belongs to Pipelock"),
        ({"workspace": "../gone"}, f"workspace {HOME}/proj/gone: there is no such folder"),
        ({"workspace": "~"}, "it is your home"),
        ({"preset": "claud"}, "did you mean 'claude'?"),
        ({"preset": "xyzzy"}, "there are aider, amp, claude"),
        ({"allow_read": ("/gone",)}, "--allow-read /gone: there is nothing; make it first"),
        ({"allow_read": ("~/.pipelock",)}, "belongs to Pipelock"),
        ({"allow_read": ("~/.pipelock/trust",)}, "belongs to Pipelock"),
        ({"allow_write": ("~/.pipelock/run/control.sock",)}, "belongs to Pipelock"),
        ({"unix_sockets": ("~/.pipelock/run/control.sock",)}, "belongs to Pipelock"),
        ({"unix_sockets": ("/etc/passwd",)}, "is no socket; write --allow-read /etc/passwd"),
        ({"unix_sockets": ("/gone.sock",)}, "there is nothing"),
        ({"allow_read": ("/run/docker.sock",)}, "is a socket; write --unix-socket /run/docker.sock"),
        ({"allow_read": ("/",)}, "never granted as a whole"),
        ({"allow_read": ("/proc",)}, "never granted as a whole"),
        ({"allow_read": ("/proc/1/environ",)}, "never granted as a whole"),
        ({"allow_read": ("/dev",)}, "never granted as a whole"),
        ({"allow_read": ("/dev/shm/x",)}, "never granted as a whole"),
        ({"allow_write": ("/dev/sda",)}, "is a disk"),
        ({"allow_write": ("/sys/class/net",)}, "settings of the kernel are never the agent's"),
        ({"allow_write": ("~",)}, "too much to be written to"),
        ({"allow_write": ("/usr",)}, "too much to be written to"),
        ({"allow_write": ("/home",)}, "too much to be written to"),
        ({"mask": ("~/proj",)}, "--mask ~/proj would hide the workspace"),
        ({"mask": (".evn",)}, "--mask .evn: there is nothing"),
        ({"command": ("git", "\udcff")}, "'\\udcff' is not UTF-8"),
        ({"mask": ("~",)}, "would hide the workspace"),
        ({"env": ("LD_PRELOAD=/x.so",)}, "-- env LD_PRELOAD=… COMMAND"),
        ({"env": ("PIPELOCK_HOME",)}, "--env PIPELOCK_HOME: is never set"),
        ({"env": ("*",)}, "a pattern is PREFIX*"),
        ({"rules": ("hots=example.com",)}, "--allow: 'hots=example.com': a rule has no condition 'hots' (did you mean 'host=example.com'?)"),
        ({"rules": ("foo=x",)}, "a rule has no condition 'foo': there are host, method"),
        ({"host_ports": (5432,)}, "only who may decide"),
        ({"ports": (0,)}, "0 is no port"),
        ({"mode": ContainmentMode.STRICT, "caches": CacheUse.SHARED}, "use --caches copy"),
        ({"command": (f"{HOME}/.ssh/id_ed25519",)}, "private SSH keys"),
        ({"command": (f"{HOME}/.pipelock/ca/key.pem",)}, "belongs to Pipelock"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_a_way_out(wish: dict[str, Any], said: str) -> None:
    with pytest.raises(PlanError) as caught:
        planned(**wish)
    assert said in str(caught.value)


def test_ports_of_the_machine_are_opened_by_who_may_decide_and_never_our_own() -> None:
    allowed = {"may_relay": True, "refused_ports": (8888, 9000)}
    network = planned(facts=allowed, host_ports=(5432,), ports=(6379,)).network
    assert (network.host_ports, network.ports, network.proxy_port) == ((5432,), (80, 443, 6379), 8888)
    assert planned(settings={"host_ports": (5432,)}).network.host_ports == (5432,), "config's are the operator's"
    assert planned(settings={"host_ports": (8888,)}).network.proxy_port == 8889
    for wish, said in (
        ({"host_ports": (9000,)}, "is Pipelock's own"),
        ({"host_ports": (443,)}, "can't lead to this machine and be caught at once"),
        ({"host_ports": tuple(range(2000, 2025))}, "a launch takes 24 ports"),
    ):
        with pytest.raises(PlanError, match=said):
            planned(facts=allowed, **wish)


def test_what_is_asked_for_holds_and_is_told() -> None:
    profile = planned(
        allow_read=("~/.ssh/id_ed25519", "~/notes"),
        allow_write=("../.git/config", "/srv/data"),
        unix_sockets=("/var/run/docker.sock",),
        mask=("a.py",),
        settings={"allow_read": ("/gone", "/etc/shadow")},
    )
    for path, wanted in (
        (f"{HOME}/.ssh/id_ed25519", "read"),
        (f"{HOME}/notes/n.txt", "read"),
        (f"{HOME}/proj/.git/config", "write"),
        (f"{HOME}/proj/.git/hooks/pre-commit", "read"),
        ("/srv/data/d", "write"),
        ("/run/docker.sock", "write"),
        (f"{HOME}/proj/src/a.py", "mask"),
        ("/etc/shadow", "read"),
    ):
        assert access(profile, path) == wanted, path
    assert profile.notes == (
        "sandbox.filesystem.allow_read: /gone: there is nothing",
        "sandbox.filesystem.allow_read: /etc/shadow: the agent can read password hashes",
        "--allow-read ~/.ssh/id_ed25519: in a place of private SSH keys; the agent can read it",
        "--unix-socket /var/run/docker.sock: the agent can use Docker's socket: root on this machine",
        "--unix-socket /var/run/docker.sock: the agent can ask of it whatever you can",
    )


def test_a_device_and_what_the_kernel_tells_are_granted_by_name() -> None:
    profile = planned(allow_write=("/dev/kvm",), allow_read=("/sys/class/net",))
    assert (access(profile, "/dev/kvm"), access(profile, "/sys/class/net/x")) == ("write", "read")
    assert profile.notes == ("--allow-write /dev/kvm: the agent can use this device as you can",)


def test_a_wide_grant_shows_no_secret_inside_it() -> None:
    profile = planned(allow_read=("~", "/run"))
    for path, wanted in (
        (f"{HOME}/notes/n.txt", "read"),
        (f"{HOME}/.ssh/id_ed25519", "mask"),
        (f"{HOME}/.config/gh/hosts.yml", "mask"),
        (f"{HOME}/.npmrc", "mask"),
        (f"{HOME}/.claude.json", "mask"),
        (f"{HOME}/.pipelock/ca/key.pem", "mask"),
        (f"{HOME}/.pipelock/trust/ca.pem", "read"),
        ("/run/docker.sock", "mask"),
        ("/run/user/1000/bus", "private"),
    ):
        assert access(profile, path) == wanted, path
    (ours,) = (grant for grant in profile.grants if grant.is_fixed)
    assert ours.path == HIDDEN[0]


def test_the_command_line_has_the_last_word_but_a_mask_beats_what_is_said_in_the_same_place() -> None:
    config = {"mask": ("/srv/data",), "allow_read": ("~/notes",)}
    assert access(planned(settings=config), "/srv/data/d") == ""
    assert access(planned(settings=config, allow_read=("/srv/data",)), "/srv/data/d") == "read"
    assert access(planned(settings=config, mask=("~/notes",)), f"{HOME}/notes/n.txt") == "private"
    assert access(planned(mask=("/srv/data",), allow_read=("/srv",)), "/srv/data/d") == "mask"
    assert access(planned(allow_read=("~/proj",)), f"{HOME}/proj/src/a.py") == "read", "to look and not to touch"


def test_a_preset_brings_the_agents_own_folders_its_keys_and_nobody_elses() -> None:
    host = fake_host(
        SYSTEM,
        {"ANTHROPIC_API_KEY": "sk-ant-x", "OPENAI_API_KEY": "sk-y", "ANTHROPIC_MODEL": "m", "CLAUDE_SECRET": "s"},
    )
    profile = planned(host, command=("claude",))
    assert access(profile, f"{HOME}/.claude/projects/x") == "write"
    assert access(profile, f"{HOME}/.claude/settings.json") == "read"
    assert access(profile, f"{HOME}/.codex/config.toml") == "private"
    assert profile.seeds == ((f"{HOME}/.claude.json", f"{HOME}/.claude/.claude.json"),)
    assert dict(profile.watch)[f"{HOME}/.claude/hooks"] == "what claude does outside of the sandbox, too"
    inside = dict(profile.environment)
    assert inside["CLAUDE_CONFIG_DIR"] == f"{HOME}/.claude"
    assert (inside["ANTHROPIC_API_KEY"], inside["ANTHROPIC_MODEL"]) == ("sk-ant-x", "m")
    assert not {"OPENAI_API_KEY", "CLAUDE_SECRET"} & set(inside)
    assert "ANTHROPIC_API_KEY" not in dict(planned(host).environment), "git is no agent"
    assert "ANTHROPIC_API_KEY" not in dict(planned(host, command=("claude",), preset="none").environment)
    assert planned(host, command=("claude",), allow_read=("~/.claude/settings.json",)).notes == (
        "--allow-read ~/.claude/settings.json: in a place of Claude Code's login and records; the agent can read it",
    )
    assert planned(preset="gemini").notes == (
        f"{HOME}/.gemini isn't there, so what gemini keeps in it is gone at the end; make it first",
    )


def test_a_preset_follows_its_folder_but_not_into_the_home() -> None:
    moved = fake_host({**SYSTEM, "/srv/claude/x": "x"}, {"CLAUDE_CONFIG_DIR": "/srv/claude"})
    profile = planned(moved, command=("claude",))
    assert access(profile, "/srv/claude/x") == "write"
    assert dict(profile.environment)["CLAUDE_CONFIG_DIR"] == "/srv/claude"
    assert profile.seeds == ()
    with pytest.raises(PlanError, match="is too much to be claude's own"):
        planned(fake_host(SYSTEM, {"CLAUDE_CONFIG_DIR": HOME}), command=("claude",))


def test_strict_makes_no_sockets_unless_one_is_granted() -> None:
    assert not planned(mode=ContainmentMode.STRICT).unix_sockets
    assert planned(mode=ContainmentMode.STRICT, unix_sockets=("/run/docker.sock",)).unix_sockets
    assert planned(settings={"mode": ContainmentMode.STRICT}).mode is ContainmentMode.STRICT


@pytest.mark.parametrize(
    ("use", "wanted"), [(CacheUse.COPY, "copy"), (CacheUse.SHARED, "write"), (CacheUse.PRIVATE, "private")]
)
def test_caches_are_used_as_said(use: CacheUse, wanted: str) -> None:
    assert access(planned(caches=use), f"{HOME}/.npm/x") == wanted
    assert access(planned(settings={"caches": use}), f"{HOME}/.npm/x") == wanted


def test_each_workspace_keeps_the_changes_to_its_caches_by_itself() -> None:
    folders = [
        "/proj",
        f"{HOME}/proj",
        "/a/_b",
        "/a_/b",
        "/a__b",
        f"{HOME}/a%5Fb",
        f"{HOME}/a_b",
        f"/{'x' * 250}/a",
        f"/{'x' * 250}/b",
    ]
    host = fake_host({**SYSTEM, **{f"{folder}/f": "x" for folder in folders}})
    kept = [one.upper for folder in folders for one in planned(host, folder=folder).grants if one.upper]
    assert len(set(kept)) == len(folders)
    assert kept[:2] == [f"{HOME}/.cache/pipelock/caches/_proj/.npm", f"{HOME}/.cache/pipelock/caches/proj/.npm"]
    assert all(len(name) < 256 for upper in kept for name in upper.split("/"))


def test_a_worktree_gets_its_repository_only_where_that_knows_it() -> None:
    entry = f"{HOME}/main/.git/worktrees/w"
    files = {
        f"{HOME}/w/.git": f"gitdir: {entry}\n", f"{entry}/gitdir": f"{HOME}/w/.git\n", f"{entry}/commondir": "../..\n",
        f"{HOME}/main/.git/objects/x": "x", f"{HOME}/main/.git/hooks/h": "x", f"{HOME}/main/.git/config": "x",
    }  # fmt: skip
    profile = planned(fake_host({**SYSTEM, **files}), folder=f"{HOME}/w")
    assert access(profile, f"{HOME}/main/.git/objects/x") == "write"
    assert access(profile, f"{HOME}/main/.git/hooks/h") == access(profile, f"{HOME}/main/.git/config") == "read"
    assert access(profile, f"{HOME}/main/README") == "private"
    for lie in (
        {f"{entry}/gitdir": f"{HOME}/other/.git\n"},
        {f"{HOME}/w/.git": f"gitdir: {HOME}/.ssh\n"},
        {
            f"{HOME}/w/.git": f"gitdir: {HOME}/main/.git/modules/w\n",
            f"{HOME}/main/.git/modules/w/gitdir": f"{HOME}/w/.git",
        },
        {f"{HOME}/w/.git": f"gitdir: {entry}\nx"},
        {
            f"{HOME}/w/.git": f"gitdir: {HOME}/notes/worktrees/w",
            f"{HOME}/notes/worktrees/w/gitdir": f"{HOME}/w/.git",
            f"{HOME}/notes/objects/x": "x",
        },
    ):
        profile = planned(fake_host({**SYSTEM, **files, **lie}), folder=f"{HOME}/w")
        assert access(profile, f"{HOME}/main/.git/objects/x") == "private", lie
        assert access(profile, f"{HOME}/notes/n.txt") == "private", lie


def test_what_agents_left_is_not_believed() -> None:
    ws, ssh = f"{HOME}/proj", f"{HOME}/.ssh"
    traps = {
        f"{ws}/.vscode": f"-> {ssh}", f"{ws}/.cursor": f"-> {HOME}/notes", f"{ws}/.idea": "-> src", f"{ws}/data": "-> /srv/data",
        f"{HOME}/.claude/hooks": f"-> {ssh}", f"{HOME}/.claude/commands": f"-> {HOME}/notes", f"{HOME}/.claude/agents": "-> skills",
        f"{HOME}/.claude/skills/s": "x", f"{HOME}/.claude/.claude.json": f"-> {HOME}/.bashrc",
        f"{ws}/bin/claude": "elf", f"{ws}/bin/git2": "-> /srv/data/d", f"{HOME}/keys": "-> .ssh",
        f"{HOME}/.pyenv": "-> .ssh", f"{HOME}/.rbenv": "-> proj/rb", f"{ws}/rb": "-> ../notes",
    }  # fmt: skip
    machine = {path: what for path, what in SYSTEM.items() if not path.startswith(f"{ws}/.vscode")}
    host = fake_host({**machine, **traps}, {"PATH": f"{ws}/bin:/usr/bin"})
    for command in (("git",), ("/usr/bin/claude",)):
        profile = planned(host, command=command)
        assert access(profile, f"{ssh}/id_ed25519") == "private"
        assert access(profile, f"{HOME}/notes/n.txt") == "private"
        assert access(profile, f"{ws}/src/a.py") == "read", "where .idea leads is protected"
    assert access(profile, f"{HOME}/.claude/skills/s") == "read"
    assert profile.seeds == (), "it would be written where a link leads"
    assert "ANTHROPIC_API_KEY" not in dict(
        planned(replace(host, environ={**host.environ, "ANTHROPIC_API_KEY": "x"}), command=("claude",)).environment
    )
    assert planned(host, command=("claude",)).notes == (
        f"{ws}/bin/claude is in the workspace: if it is claude, say --preset claude",
    )
    assert access(planned(host, command=("claude",), preset="claude"), f"{HOME}/.claude/x") == "write"
    for wish, said in (
        ({"allow_read": ("../data",)}, f"{ws}/data leads to /srv/data by {ws}/data, which an agent may have made"),
        (
            {"allow_read": ("~/keys",)},
            "leads to /home/u/.ssh, where there is private SSH keys; if that is meant, name that",
        ),
        ({"command": ("git2",)}, "which an agent may have made; start /srv/data/d itself"),
        ({"settings": {"allow_read": ("~/proj/data",)}}, "name /srv/data itself"),
    ):
        with pytest.raises(PlanError) as caught:
            planned(host, **wish)
        assert said in str(caught.value)


def test_repositories_inside_the_repository_are_protected_too() -> None:
    git, main = f"{HOME}/proj/.git", f"{HOME}/main/.git"
    inside = {
        f"{git}/modules/a/HEAD": "x", f"{git}/modules/a/config": "x", f"{git}/modules/a/hooks/h": "x", f"{git}/modules/a/objects/x": "x",
        f"{git}/modules/b/c/HEAD": "x", f"{git}/modules/b/c/config": "x", f"{git}/modules/b/c/modules/d/HEAD": "x",
        f"{git}/modules/b/c/modules/d/config": "x", f"{git}/worktrees/w/commondir": "../..", f"{git}/worktrees/w/HEAD": "x",
    }  # fmt: skip
    profile = planned(fake_host({**SYSTEM, **inside}))
    for path in (
        "modules/a/config",
        "modules/a/hooks/h",
        "modules/b/c/config",
        "modules/b/c/modules/d/config",
        "worktrees/w/commondir",
    ):
        assert access(profile, f"{git}/{path}") == "read", path
    for path in ("modules/a/HEAD", "modules/a/objects/x", "modules/b/c/x", "worktrees/w/HEAD"):
        assert access(profile, f"{git}/{path}") == "write", path
    tree = {
        f"{HOME}/w/.git": f"gitdir: {main}/worktrees/w", f"{main}/worktrees/w/gitdir": f"{HOME}/w/.git",
        f"{main}/worktrees/w/commondir": "../..", f"{main}/worktrees/w/HEAD": "x", f"{main}/objects/x": "x",
    }  # fmt: skip
    profile = planned(fake_host({**SYSTEM, **tree}), folder=f"{HOME}/w")
    for path in (f"{HOME}/w/.git", f"{main}/worktrees/w/commondir", f"{main}/worktrees/w/gitdir"):
        assert access(profile, path) == "read", path
    assert access(profile, f"{main}/worktrees/w/HEAD") == "write"


def test_links_lead_where_they_do_outside() -> None:
    host = fake_host({
        **SYSTEM,
        "/data/home/p/f": "x", f"{HOME}/p": "-> ../../data/home/p", f"{HOME}/dot/gitconfig": "x",
        f"{HOME}/.gitconfig": "-> dot/gitconfig", f"{HOME}/round": "-> round",
    })  # fmt: skip
    profile = planned(host, folder=f"{HOME}/p")
    assert profile.workspace == profile.folder == "/data/home/p"
    assert {(f"{HOME}/p", "/data/home/p"), (f"{HOME}/.gitconfig", f"{HOME}/dot/gitconfig")} < set(profile.links)
    assert access(profile, f"{HOME}/dot/gitconfig") == "read"
    with pytest.raises(PlanError, match="there is nothing"):
        planned(host, allow_read=("~/round",))


def test_a_program_that_nothing_shows_is_shown_alone() -> None:
    host = fake_host({**SYSTEM, "/srv/tools/t": "elf"}, {"PATH": "/srv/tools:/usr/bin"})
    profile = planned(host, command=("t", "-v"))
    assert profile.command == ("/srv/tools/t", "-v")
    assert access(profile, "/srv/tools/t") == "read"
    assert access(profile, "/srv/tools/u") == ""
    assert profile.notes == ("/srv/tools/t is shown alone; what else it needs beside it takes --allow-read FOLDER",)
    assert dict(profile.environment)["PATH"] == "/usr/bin"
    assert planned(host, command=("git",)).command == ("git",)


@pytest.mark.parametrize("home", ["/nonexistent", "/", "/var/tmp"])
def test_homes_that_are_none(home: str) -> None:
    profile = planned(fake_host(SYSTEM, home=home), folder="/work/alone")
    assert access(profile, "/work/alone/f") == "write"
    assert access(profile, "/usr/bin/git") == "read"
    assert access(profile, "/srv/data/d") == access(profile, "/nonexistent") == ""
    assert dict(profile.environment)["HOME"] == profile.home == home


def test_root_sees_in_etc_what_everybody_sees() -> None:
    files = {**SYSTEM, "/etc/app/key": "x", "/etc/app/conf": "x"}
    root = fake_host(files, uid=0, closed=lambda path: (f"{path}/app/key",))
    assert (access(planned(root), "/etc/app/key"), access(planned(root), "/etc/app/conf")) == ("mask", "read")
    assert access(planned(root, allow_read=("/etc/app/key",)), "/etc/app/key") == "read"
    user = fake_host(files, closed=lambda path: (f"{path}/app/key",))
    assert access(planned(user), "/etc/app/key") == "read", "the kernel says no"


def test_our_own_program_can_be_run_and_not_changed_even_where_it_is_worked_on() -> None:
    files = {**SYSTEM, "/work/alone/pipelock/x": "x", "/opt/py/bin/python": "x"}
    host = fake_host(files, installation=("/work/alone/pipelock", "/opt/py", HOME, "/usr"))
    profile = planned(host, folder="/work/alone")
    assert access(profile, "/work/alone/f") == "write"
    assert access(profile, "/work/alone/pipelock/x") == "read"
    assert (
        access(planned(host, folder="/work/alone", allow_write=("/work/alone/pipelock",)), "/work/alone/pipelock/x")
        == "read"
    )
    assert access(profile, f"{HOME}/notes") == "private"


def test_what_is_ours_and_not_there_yet_is_not_the_agents_to_make() -> None:
    with pytest.raises(PlanError, match="must not be the agent's to make"):
        planned(facts={"hidden": (f"{HOME}/proj/pipelock.yaml",)})
    assert planned(facts={"hidden": (f"{HOME}/.pipelock2",)})


def test_names_of_agents_are_made_of_what_names_may_hold() -> None:
    assert planned(name="my agent/é").agent == "my_agent__"
    assert planned(facts={"profile": "research"}).agent == "research"
    assert len(planned(name="x" * 200).agent) == 64


def test_a_row_that_a_variable_moves_is_found_there_but_never_takes_the_home() -> None:
    host = fake_host(
        {**SYSTEM, "/big/cargo/bin/cargo": "elf", "/big/cargo/registry/x": "x", "/x/git/config": "x"},
        {"CARGO_HOME": "/big/cargo", "GOPATH": "/", "NVM_DIR": HOME, "PNPM_HOME": "/home", "XDG_CONFIG_HOME": "/x"},
    )
    profile = planned(host)
    assert access(profile, "/big/cargo/bin/cargo") == "read"
    assert access(profile, "/big/cargo/registry/x") == "copy"
    assert access(profile, "/big/cargo/credentials") == ""
    assert access(profile, "/x/git/config") == "read"
    assert access(profile, f"{HOME}/notes/n.txt") == "private"
    assert access(profile, "/srv/data/d") == ""


PATHS = sorted({
    *SYSTEM, "/", "/home", HOME, "/run", "/etc", "/usr", "/var", "/tmp", "/srv", "/work", "/work/alone", "/opt", "/data",
    f"{HOME}/.ssh", f"{HOME}/.config", f"{HOME}/.pipelock", f"{HOME}/.pipelock/trust", f"{HOME}/proj", f"{HOME}/.claude",
})  # fmt: skip
NEVER = {"/", "/proc/1/environ", "/dev/null", *HIDDEN, f"{HOME}/.pipelock/trust"}
READABLE = [
    path for path in PATHS if path not in NEVER and not path.startswith(HIDDEN[0]) and SYSTEM.get(path) != "socket"
]
SOME = st.lists(st.sampled_from(READABLE), max_size=4).map(tuple)
WRITABLE = st.lists(st.sampled_from([path for path in READABLE if path.count("/") > 2]), max_size=3).map(tuple)
MASKS = st.lists(st.sampled_from([path for path in PATHS if path.count("/") > 3]), max_size=4).map(tuple)
SOCKETS = st.lists(st.sampled_from(["/run/docker.sock", "/var/run/docker.sock", "/run/user/1000/bus"]), max_size=1).map(
    tuple
)
FOLDERS = [f"{HOME}/proj", f"{HOME}/proj/src", "/work/alone", "/srv/data", "/opt/t", f"{HOME}/notes", f"{HOME}/.config"]
NAMES = st.sampled_from(
    ["LD*", "PIPELOCK*", "BASH_*", "AWS_SECRET_ACCESS_KEY", "NODE_OPTIONS", "LANG", "A", "A*", "L*", "*_KEY", "PY*"]
)
ENVIRON = st.dictionaries(
    st.sampled_from(["LD_PRELOAD", "LD_AUDIT", "PIPELOCK_X", "BASH_ENV", "AWS_SECRET_ACCESS_KEY", "LANG", "A_KEY", "AB", "PYTHONPATH", "SSH_AUTH_SOCK"]),
    st.sampled_from(["x", "/tmp/x", "sk-abc", "/run/docker.sock"]),
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(SOME, WRITABLE, MASKS, SOME, SOCKETS, st.lists(NAMES, max_size=3).map(tuple), ENVIRON, st.sampled_from(["git", "claude", "codex"]),
       st.sampled_from(list(ContainmentMode)), st.sampled_from(FOLDERS))  # fmt: skip
def test_of_every_plan(
    read: tuple[str, ...], write: tuple[str, ...], mask: tuple[str, ...], config_read: tuple[str, ...],
    sockets: tuple[str, ...], env: tuple[str, ...], environ: dict[str, str], program: str, mode: ContainmentMode, folder: str,
) -> None:  # fmt: skip
    host = replace(MACHINE, environ={"PATH": "/usr/bin", **environ})
    wish: dict[str, Any] = {
        "allow_read": read, "allow_write": write, "mask": mask, "unix_sockets": sockets, "env": env,
        "command": (program,), "mode": mode, "folder": folder,
    }  # fmt: skip
    try:
        profile = planned(host, {"allow_read": config_read}, **wish)
    except PlanError as error:
        assert str(error)  # noqa: PT017 - most wishes of chance are refused; what they say is in the table above
        return
    real = host.realpath
    for path in PATHS:
        grant = holding(profile.grants, real(path))
        shown = grant is not None and grant.access in (Access.READ, Access.WRITE, Access.COPY)
        if is_inside(real(path), HIDDEN[0]) and real(path) != TRUST[0]:
            assert not shown, (path, grant)
        for one in mask:
            if is_inside(real(path), real(one)) and shown and grant is not None:
                assert is_inside(grant.path, real(one)), (path, one, grant)
    for grant in profile.grants:
        assert grant.path == real(grant.path)
        assert host.exists(grant.path)
        if grant.access is Access.WRITE:
            assert not is_inside(HOME, grant.path)
            assert not is_inside(real("/usr/bin"), grant.path)
    assert len({grant.path for grant in profile.grants}) == len(profile.grants)
    inside = dict(profile.environment)
    assert not [name for name in inside if is_refused(name)]
    assert "AWS_SECRET_ACCESS_KEY" not in inside or "AWS_SECRET_ACCESS_KEY" in env
    assert "A_KEY" not in inside
    turned = {
        **wish,
        "allow_read": read[::-1],
        "allow_write": write[::-1],
        "mask": mask[::-1],
        "unix_sockets": sockets[::-1],
        "env": env[::-1],
    }
    again = planned(host, {"allow_read": config_read[::-1]}, **turned)
    assert msgspec.structs.replace(again, notes=()) == msgspec.structs.replace(profile, notes=())
    assert set(again.notes) == set(profile.notes)
