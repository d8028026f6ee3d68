"""The writer: its text beside stored ones, and what it allows by our own evaluator."""

from __future__ import annotations

from pathlib import PurePosixPath

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipelock.contain.profile import Access, Network
from pipelock.contain.profile import holding as granted
from pipelock_macos import system
from pipelock_macos.check import faults
from pipelock_macos.evaluate import Evaluator, Question
from pipelock_macos.parse import Verb, parse
from pipelock_macos.reader import SandboxTextError
from pipelock_macos.sbpl import ground, held_folders, holding, quoted, write
from tests.macos.golden_files import differs
from tests.macos.profiles import AGENT, HOME, PORT, SETTING, STRICT, grant, profile, resolve


@pytest.fixture(scope="module")
def agent():
    return Evaluator(parse(write(AGENT, SETTING, resolve)))


@pytest.fixture(scope="module")
def strict():
    return Evaluator(parse(write(STRICT, SETTING, resolve)))


@pytest.mark.parametrize(("name", "chosen"), [("agent.sb", AGENT), ("strict.sb", STRICT)])
def test_the_text_is_the_stored_one(name, chosen) -> None:
    assert not differs(name, write(chosen, SETTING, resolve))


READ, WRITE, UNLINK, LINK, RUN = "file-read-data", "file-write-data", "file-write-unlink", "file-link", "process-exec"


@pytest.mark.parametrize(
    ("operations", "path", "answer"),
    [
        # the workspace
        ((READ, WRITE, UNLINK, LINK, RUN, "file-write-create"), f"{HOME}/p/src/a.py", True),
        ((WRITE, LINK, UNLINK, "file-write-create"), f"{HOME}/p/.git/hooks/pre-commit", False),
        ((READ, RUN), f"{HOME}/p/.git/hooks/pre-commit", True),
        ((READ, WRITE, RUN, LINK, UNLINK, "file-read-metadata", "file-clone"), f"{HOME}/p/.env", False),
        ((READ, WRITE), f"{HOME}/p/.env.example", True),
        ((READ, WRITE), f'{HOME}/p/a "quoted\\ folder/x', False),
        # its folders can't be moved away with what is kept in them
        ((UNLINK,), f"{HOME}/p/.git", False),
        ((UNLINK,), f"{HOME}/p", False),
        ((UNLINK,), f"{HOME}/p/src", True),
        # the home folder
        ((READ, WRITE), f"{HOME}/.ssh/id_ed25519", False),
        ((READ,), HOME, False),
        (("file-read-metadata",), HOME, True),
        (("file-read-metadata",), "/Users", True),
        ((READ,), "/Users", False),
        ((READ, WRITE), f"{HOME}/.claude/settings.json", True),
        ((READ,), f"{HOME}/.gitconfig", True),
        ((WRITE, LINK), f"{HOME}/.gitconfig", False),
        ((READ,), f"{HOME}/.gitconfig2", False),
        # caches: the host's are read, changes go elsewhere
        ((READ,), f"{HOME}/.npm/_cacache/x", True),
        ((WRITE, LINK), f"{HOME}/.npm/_cacache/x", False),
        ((READ, WRITE, LINK), f"{HOME}/.pipelock/caches/1/npm/x", True),
        # ours
        ((READ, WRITE), f"{HOME}/.pipelock/ca.key", False),
        ((READ, WRITE), f"{HOME}/.pipelock/caches/2/npm/x", False),
        ((READ,), f"{HOME}/.pipelock/ca.pem", True),
        ((WRITE,), f"{HOME}/.pipelock/ca.pem", False),
        # the system
        ((READ, RUN), "/usr/bin/env", True),
        ((WRITE,), "/usr/local/bin/x", False),
        ((READ,), "/private/etc/hosts", True),
        ((READ,), "/private/etc/ssl/private/key.pem", False),
        ((READ,), "/private/etc/ssh/ssh_host_rsa_key", False),
        ((READ,), "/private/etc/ssh/ssh_config", True),
        ((READ,), "/opt/homebrew/bin/git", True),
        ((READ,), "/opt/homebrew/var/postgresql@16/base/1/1", False),
        (("file-read-metadata",), "/etc", True),
        ((READ,), "/System/Library/Frameworks/x", True),
        ((READ,), f"/System/Volumes/Data{HOME}/.ssh/id_ed25519", False),
        ((READ,), "/Library/Keychains/System.keychain", False),
        ((READ,), "/private/var/db/dslocal/x", False),
        ((READ,), "/private/tmp/x", False),
        ((READ, WRITE), "/private/tmp/pipelock-abc/x", True),
        ((READ, WRITE), "/private/tmp/pipelock-abcd/x", False),
        ((READ, WRITE), "/dev/null", True),
        ((READ, WRITE, "file-ioctl"), "/dev/ttys004", True),
        ((READ, WRITE, "file-ioctl"), "/dev/ttys005", False),
        ((READ,), "/dev/rdisk0", False),
        (("file-mount", "file-mknod"), f"{HOME}/p/x", False),
    ],
)
def test_files(agent, operations, path, answer) -> None:
    for operation in operations:
        assert agent.allows(Question(operation=operation, path=path)) is answer, operation


def test_terminals_of_its_own_can_be_used(agent) -> None:
    assert agent.allows(Question(operation="file-ioctl", path="/dev/ttys009", extension="com.apple.sandbox.pty"))
    assert agent.allows(Question(operation="pseudo-tty"))


def out(address, port, protocol="tcp"):
    return Question(operation="network-outbound", protocol=protocol, remote=(address, port))


def test_the_network_is_the_proxy(agent) -> None:
    assert agent.allows(out("127.0.0.1", PORT))
    assert agent.allows(out("127.0.0.1", 5432))
    for address, port in (("127.0.0.1", 8888), ("127.0.0.1", 22), ("10.0.0.1", PORT), ("1.1.1.1", 53), ("::2", PORT)):
        for protocol in ("tcp", "udp"):
            assert not agent.allows(out(address, port, protocol))
    assert agent.allows(Question(operation="network-bind", protocol="tcp", local=("127.0.0.1", 3000)))
    assert not agent.allows(Question(operation="network-inbound", protocol="tcp", local=("0.0.0.0", 3000)))


def test_sockets_of_the_file_system(agent, strict) -> None:
    for operation in ("network-outbound", "network-bind"):
        assert agent.allows(Question(operation=operation, path=f"{HOME}/p/dev.sock"))
        for path in ("/private/var/run/mDNSResponder", f"{HOME}/.pipelock/run/control.sock", f"{HOME}/p/.env/s"):
            assert not agent.allows(Question(operation=operation, path=path))
        assert not strict.allows(Question(operation=operation, path=f"{SETTING.temporary}/s"))
    assert agent.allows(Question(operation="system-socket", domain="AF_UNIX"))
    assert not strict.allows(Question(operation="system-socket", domain="AF_UNIX"))


def test_services(agent, strict) -> None:
    for service in system.SERVICES:
        assert agent.allows(Question(operation="mach-lookup", name=service.name))
    for service in system.KEPT_FROM:
        asked = Question(operation="mach-lookup", name=service.name)
        assert not agent.allows(asked)
        assert strict.allows(asked) is (service.name in STRICT.services)
    for operation in ("appleevent-send", "lsopen", "job-creation", "mach-register", "iokit-open"):
        assert not agent.allows(Question(operation=operation, name="com.example.x"))


def test_processes(agent) -> None:
    assert agent.allows(Question(operation="process-fork"))
    assert agent.allows(Question(operation="signal", target="same-sandbox"))
    assert not agent.allows(Question(operation="signal", target="others"))
    assert not agent.allows(Question(operation="process-info-pidinfo", target="others"))
    for name, answer in (("kern.version", True), ("kern.procargs2", False), ("kern.proc.all", False), ("net.x", False)):
        assert agent.allows(Question(operation="sysctl-read", name=name)) is answer


def test_denials_carry_the_tag() -> None:
    text = write(AGENT, SETTING, resolve)
    assert f'(deny default (with message "{SETTING.tag}"))' in text
    for rule in parse(text).rules:
        if rule.verb is Verb.DENY and "sysctl-read" not in rule.operations:
            assert rule.message == SETTING.tag


def test_what_can_t_be_named_is_refused() -> None:
    for bad in ("\n", "\x00", "\x1b", "\x7f", "\x85", "\udcff"):
        with pytest.raises(SandboxTextError, match="can't name"):
            write(profile(grant(f"/a{bad}b", Access.READ)), SETTING, resolve)
    with pytest.raises(SandboxTextError, match="allowed"):
        write(profile(*(grant(f"/{'x' * 3000}{number}", Access.READ) for number in range(100))), SETTING, resolve)


def test_the_spelling_on_disk_is_what_counts() -> None:
    text = write(
        profile(grant("/users/U/P", Access.WRITE)), SETTING, lambda path: path.replace("/users/U/P", f"{HOME}/p")
    )
    assert Evaluator(parse(text)).allows(Question(operation=WRITE, path=f"{HOME}/p/x"))


def test_pipelock_s_own_is_hidden_wherever_it_is() -> None:
    hidden = ("/usr/local/pipelock", f"{HOME}/.pipelock")
    chosen = profile(grant(f"{HOME}/.PIPELOCK", Access.WRITE), hidden=hidden)
    text = write(chosen, SETTING, lambda path: path.replace("PIPELOCK", "pipelock"))
    asker = Evaluator(parse(text))
    for path in hidden:
        assert not asker.allows(Question(operation=READ, path=f"{path}/key"))


NAMES = st.sampled_from(["a", "b", "a b", 'q"', "\\", "ä", ";", "(", "#"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/x/" + "/".join(names))
GRANTS = st.lists(st.builds(grant, PATHS, st.sampled_from(Access), st.text(max_size=5)), max_size=8)
PORTS = st.lists(st.integers(1, 65_535), max_size=3).map(tuple)


@settings(max_examples=25, deadline=None)
@given(GRANTS, PORTS, st.booleans(), st.lists(PATHS, max_size=5))
def test_any_profile_holds(grants, ports, unix_sockets, asked) -> None:
    chosen = profile(*grants, network=Network(proxy_port=PORT, host_ports=ports), unix_sockets=unix_sockets)
    places = ground(chosen, SETTING, resolve)
    text = write(chosen, SETTING, resolve)
    assert list(faults(text, chosen, places)) == []
    assert "(allow network*" not in text
    rules = parse(text)
    assert rules.default is Verb.DENY
    asker = Evaluator(rules)
    for place in places:
        # Nothing that is kept from the agent can be carried away with a folder around it, however far up.
        if holding(places, place.path).access is not Access.WRITE:
            for parent in PurePosixPath(place.path).parents:
                assert not asker.allows(Question(operation=UNLINK, path=str(parent)))
    for path in (*asked, *(one.path for one in grants)):
        holder = holding(places, path)
        access = holder.access if holder is not None else Access.MASK
        assert asker.allows(Question(operation=READ, path=path)) is (access not in {Access.MASK, Access.PRIVATE})
        assert asker.allows(Question(operation=WRITE, path=path)) is (access is Access.WRITE)
        moved = asker.allows(Question(operation=UNLINK, path=path))
        assert moved is (access is Access.WRITE and path not in held_folders(places))


@settings(max_examples=40, deadline=None)
@given(GRANTS, st.lists(PATHS, max_size=5))
def test_what_holds_is_what_the_plan_means(grants, asked) -> None:
    assume(len({one.path for one in grants}) == len(grants))
    places = ground(profile(*grants), SETTING, resolve)
    for path in asked:
        meant, held = granted(tuple(grants), path), holding(places, path)
        assert (held and held.path) == (meant and meant.path)


@settings(max_examples=30, deadline=None)
@given(st.permutations([Access.WRITE, Access.READ, Access.COPY, Access.PRIVATE, Access.MASK]))
def test_of_two_that_mean_the_same_path_the_lesser_holds(order) -> None:
    grants = [grant("/etc/x" if number % 2 else "/private/etc/x", access) for number, access in enumerate(order)]
    places = ground(profile(*grants), SETTING, resolve)
    assert holding(places, "/private/etc/x").access is Access.MASK
    assert places == ground(profile(*reversed(grants)), SETTING, resolve)


def test_a_tag_is_quoted() -> None:
    setting = msgspec.structs.replace(SETTING, tag='a"b')
    assert f"(with message {quoted(setting.tag)})" in write(STRICT, setting, resolve)
