from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.contain.profile import Access, Grant, Profile, holding
from pipelock_linux import devices
from pipelock_linux.arrangement import MAX_MOUNTS, OPEN, Place, arrange, sockets_to_mask
from pipelock_linux.namespaces import WallError

R, W, C, P, M = Access.READ, Access.WRITE, Access.COPY, Access.PRIVATE, Access.MASK


def grants(**places: Access) -> tuple[Grant, ...]:
    """`_a_b=R` is `/a/b` to be read."""
    return tuple(
        Grant(path=name.replace("_", "/"), access=access, why="test", is_folder=True) for name, access in places.items()
    )


def told(places: tuple[Place, ...]) -> list[tuple[str, Access, Access | None, bool]]:
    return [(one.grant.path, one.grant.access, one.around, one.holds_others) for one in places]


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ({}, []),
        ({"_b_c": R, "_a": W}, [("/a", W, None, False), ("/b/c", R, None, False)]),
        # What adds nothing is left out, however deep.
        ({"_a": W, "_a_b": W, "_a_b_c": W}, [("/a", W, None, False)]),
        ({"_a": R, "_a_b": R, "_ab": R}, [("/a", R, None, False), ("/ab", R, None, False)]),
        # An empty folder in an empty folder has a size of its own.
        ({"_a": P, "_a_b": P}, [("/a", P, None, True), ("/a/b", P, P, False)]),
        # Masks where nothing would be seen anyway.
        ({"_a": M, "_b": P, "_b_c": M}, [("/b", P, None, False)]),
        ({"_a": R, "_a_b": M, "_a_b_c": M}, [("/a", R, None, True), ("/a/b", M, R, False)]),
        ({"_a": R, "_a_b": M, "_a_b_c": R}, [("/a", R, None, True), ("/a/b", M, R, True), ("/a/b/c", R, M, False)]),
        ({"_a": M, "_a_b": R}, [("/a/b", R, None, False)]),
        # What lies between a folder that may be changed and a part that may not can't be renamed away.
        (
            {"_w": W, "_w_x_y_z": R},
            [("/w", W, None, True), ("/w/x", W, W, True), ("/w/x/y", W, W, True), ("/w/x/y/z", R, W, False)],
        ),
        ({"_w": W, "_w_x_y": M}, [("/w", W, None, True), ("/w/x/y", M, W, False)]),
        ({"_w": C, "_w_x_y": R}, [("/w", C, None, True), ("/w/x/y", R, C, False)]),
        # What is made here is nobody's to grant.
        ({"_proc": W, "_proc_sys": W, "_dev": W, "_dev_pts": W, "_dev_null": R}, []),
        ({"_dev_kvm": W, "_dev_shm": P}, [("/dev/kvm", W, None, False), ("/dev/shm", P, None, False)]),
    ],
)
def test_places_are_made_from_the_outside_in_and_only_where_they_add_something(wanted, places) -> None:
    assert told(arrange(grants(**wanted))) == places
    assert told(arrange(reversed(grants(**wanted)))) == places


def test_sockets_are_masked_unless_they_are_granted_by_name() -> None:
    wanted = (*grants(_w=W), Grant(path="/w/given", access=W, why="test", is_folder=False))
    places = arrange(wanted, ("/w/x/agent", "/w/given", "/elsewhere/agent"))
    assert told(places) == [("/w", W, None, True), ("/w/x/agent", M, W, False)]


def test_the_whole_file_system_and_too_many_places_are_refused() -> None:
    with pytest.raises(WallError, match="whole file system"):
        arrange([Grant(path="/", access=R, why="test")])
    many = [Grant(path=f"/x{number}", access=R, why="test") for number in range(MAX_MOUNTS + 1)]
    with pytest.raises(WallError, match="1025 places"):
        arrange(many)


paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
some_grants = st.lists(st.builds(Grant, path=paths, access=st.sampled_from(Access), why=st.just("test")), max_size=8)


@given(some_grants, paths)
def test_what_is_seen_at_a_path_is_what_the_profile_grants_there(wanted: list[Grant], path: str) -> None:
    wanted = list({one.path: one for one in wanted}.values())
    expected = holding(tuple(wanted), path)
    placed = holding(tuple(one.grant for one in arrange(wanted)), path)
    is_shown = expected is not None and expected.access in OPEN
    assert (placed is not None and placed.access in OPEN) is is_shown
    if is_shown:
        assert expected is not None
        assert placed is not None
        assert placed.access is expected.access


@given(some_grants)
def test_larger_places_come_first_and_are_told_to_hold_others(wanted: list[Grant]) -> None:
    places = arrange(wanted)
    seen: dict[str, Place] = {}
    for place in places:
        above = [path for path in seen if place.grant.path.startswith(f"{path}/")]
        nearest = max(above, key=len, default=None)
        assert place.around == (seen[nearest].grant.access if nearest else None)
        assert nearest is None or seen[nearest].holds_others
        seen[place.grant.path] = place


def profile(*wanted: Grant) -> Profile:
    return Profile(agent="a", command=("x",), folder="/", workspace="/", home="/", grants=wanted, environment=())


LISTED = """Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/docker.sock
0000000000000000: 00000003 00000000 00000000 0001 03 12346
0000000000000000: 00000002 00000000 00010000 0001 01 12347 @/tmp/.X11-unix/X0
0000000000000000: 00000002 00000000 00010000 0001 01 12348 /home/u/w/with two  spaces
0000000000000000: 00000002 00000000 00000000 0002 01 12349 /home/u/w/datagrams
ffff888100000000: 00000002 00000000 00010000 0001 01 12350 /home/u/w/line
break: 00000002
0000000000000000: 00000002 00000000 00010000 0001 01 12351 relative
0000000000000000: 00000002 00000000 00010000 0001 01 12352 /home/u/w/secret/agent
0000000000000000: 00000002 00000000 00010000 0001 01 12353 /home/u/tmp/agent
0000000000000000: 00000002 00000000 00010000 0001 01 12354 /link/agent
0000000000000000: 00000002 00000000 00010000 0001 01 12355 /home/u/w/given
"""


def test_sockets_that_would_be_seen_are_found_by_the_kernels_list() -> None:
    wanted = (
        Grant(path="/home/u/w", access=W, why="test"),
        Grant(path="/home/u/w/secret", access=M, why="test"),
        Grant(path="/home/u/tmp", access=P, why="test"),
        Grant(path="/home/u/w/given", access=W, why="test", is_folder=False),
    )
    resolve = {"/link": "/home/u/w/far"}
    assert sockets_to_mask(profile(*wanted), LISTED, lambda path: resolve.get(path, path)) == (
        "/home/u/w/datagrams",
        "/home/u/w/far/agent",
        "/home/u/w/line\nbreak: 00000002",
        "/home/u/w/with two  spaces",
    )
    everything = sockets_to_mask(profile(Grant(path="/run", access=R, why="test")), LISTED, lambda path: path)
    assert everything == ("/run/docker.sock",)


def test_no_sockets_at_all() -> None:
    assert sockets_to_mask(profile(), "") == ()
    assert sockets_to_mask(profile(), LISTED, lambda path: path) == ()


@given(st.text(max_size=300))
def test_no_list_is_too_odd(text: str) -> None:
    wanted = profile(Grant(path="/w", access=W, why="test"))
    assert all(path.startswith("/w/") for path in sockets_to_mask(wanted, text, lambda path: path))


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [
        ("/dev", True),
        ("/dev/null", True),
        ("/dev/pts/3", True),
        ("/dev/console", True),
        ("/dev/stdin", True),
        ("/dev/shm", False),
        ("/dev/kvm", False),
        ("/devices", False),
        ("/home/null", False),
        ("null", False),
    ],
)
def test_devices_that_are_made_inside(path, is_ours) -> None:
    assert devices.is_ours(path) is is_ours
