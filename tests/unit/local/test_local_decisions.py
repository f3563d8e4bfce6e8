"""What may be decided on the spot, and what an app's configuration is by it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eaves.evapi.config import (
    AppInstanceConfig,
    EdgeDevConfig,
    InstanceOpsCmd,
    UUIDandVersion,
    Volume,
    VolumeRef,
)
from eaves.evapi.profile import AppCommand, AppCommandKind, DevCommandKind, LocalDevCmd
from eaves.ids import AppInstanceId
from eaves.node.local.client import Server
from eaves.node.local.overlay import current_profile, localised
from eaves.node.local.state import (
    AppOrders,
    LocalState,
    complete,
    decode_local_state,
    encode_local_state,
    forget,
    take_app_commands,
    take_device_command,
)

A = AppInstanceId("00000000-0000-4000-8000-00000000000a")
B = AppInstanceId("00000000-0000-4000-8000-00000000000b")
NAMES = {A: "a", B: "b"}
ROOT = "00000000-0000-4000-8000-0000000000aa"
SHARED = "00000000-0000-4000-8000-0000000000bb"
RESTART, PURGE = AppCommandKind.COMMAND_RESTART, AppCommandKind.COMMAND_PURGE


def app(
    name: AppInstanceId, *profiles: str, volumes: tuple[str, ...] = (), restart: int = 5
) -> AppInstanceConfig:
    return AppInstanceConfig(
        uuidandversion=UUIDandVersion(uuid=name, version="1"),
        displayname=NAMES[name],
        activate=True,
        profile_list=profiles,
        restart=InstanceOpsCmd(counter=restart),
        volume_ref_list=tuple(VolumeRef(uuid=v, generation_count=3) for v in volumes),
    )


def order(kind: AppCommandKind, at: int, app_id: str = A, name: str = "") -> AppCommand:
    return AppCommand(id=app_id, displayname=name, timestamp=at, command=kind)


@pytest.mark.parametrize(
    ("server", "local", "wanted", "active"),
    [
        ("", "", "", (True, True)),
        ("", "", "night", (True, False)),
        ("lps", "", "night", (True, False)),
        ("lps", "day", "night", (True, True)),
        ("lps", "neither", "day", (True, False)),
        ("", "day", "night", (True, False)),  # nobody may say so any more
    ],
)
def test_an_app_runs_in_the_profiles_that_it_lists(
    server: str, local: str, wanted: str, active: tuple[bool, bool]
) -> None:
    config = EdgeDevConfig(
        apps=(app(A), app(B, "day", "weekend")),
        local_profile_server=server,
        global_profile=wanted,
    )
    seen = localised(config, LocalState(profile=local))
    assert tuple(a.activate for a in seen.apps) == active


def test_without_a_decision_the_configuration_is_the_controllers() -> None:
    config = EdgeDevConfig(apps=(app(A), app(B)), local_profile_server="lps")
    assert localised(config, LocalState()) is config
    assert current_profile(config, LocalState(profile="p")) == "p"


def test_a_restart_on_the_spot_is_added_to_the_controllers_counter() -> None:
    config = EdgeDevConfig(apps=(app(A, restart=2**32 - 1), app(B)))
    state = take_app_commands(LocalState(), [order(RESTART, 17)], NAMES)
    first, second = localised(config, state).apps
    assert first.restart is not None
    assert first.restart.counter == 0  # it is 32 bits wide
    assert second == config.apps[1]


def test_a_purge_takes_new_generations_and_leaves_those_of_other_apps() -> None:
    config = EdgeDevConfig(
        apps=(app(A, volumes=(ROOT, SHARED)), app(B, volumes=(SHARED,))),
        volumes=(
            Volume(uuid=ROOT, generation_count=3, maxsizebytes=7),
            Volume(uuid=SHARED, generation_count=3),
            Volume(uuid="nobody's", generation_count=1),
        ),
    )
    state = take_app_commands(LocalState(), [order(PURGE, 17)], NAMES)
    seen = localised(config, state)
    assert [r.generation_count for a in seen.apps for r in a.volume_ref_list] == [4, 4, 3]
    assert {(v.uuid, v.generation_count) for v in seen.volumes} == {
        (ROOT, 4),
        (SHARED, 4),
        (SHARED, 3),
        ("nobody's", 1),
    }
    assert next(v for v in seen.volumes if v.uuid == ROOT).maxsizebytes == 7
    purge = seen.apps[0].purge
    assert purge is not None
    assert purge.counter == 1


def test_a_command_runs_once_and_the_next_waits_for_its_end() -> None:
    state = take_app_commands(LocalState(), [order(RESTART, 10)], NAMES)
    assert state.apps[A] == AppOrders(taken=10, done=0, restarts=1)
    assert take_app_commands(state, [order(RESTART, 10)], NAMES) == state
    assert take_app_commands(state, [order(PURGE, 11)], NAMES) == state  # one after the other
    state = complete(state, [A, B])
    assert state.apps[A].done == 10
    assert take_app_commands(state, [order(RESTART, 10)], NAMES) == state
    again = take_app_commands(state, [order(RESTART, 9)], NAMES)  # another, not only a later one
    assert again.apps[A] == AppOrders(taken=9, done=10, restarts=2)


def test_an_app_may_be_named_and_an_unknown_one_is_nobody() -> None:
    by_name = order(RESTART, 4, app_id="", name="b")
    assert set(take_app_commands(LocalState(), [by_name], NAMES).apps) == {B}
    strange = [
        order(RESTART, 4, app_id="c"),
        order(RESTART, 4, app_id="", name="c"),
        order(AppCommandKind.COMMAND_UNSPECIFIED, 4),
        order(AppCommandKind(77), 4),
        order(RESTART, 0),
    ]
    assert take_app_commands(LocalState(), strange, NAMES) == LocalState()


def test_orders_of_an_app_go_with_it_and_not_with_the_server() -> None:
    state = complete(take_app_commands(LocalState(profile="p"), [order(RESTART, 4)], NAMES), [A])
    left = forget(state)
    assert left.profile == ""
    assert left.apps[A].restarts == 1  # a smaller counter would be another command
    assert take_app_commands(state, (), {B: "b"}).apps == {}


@given(
    st.lists(
        st.one_of(
            st.builds(
                order,
                st.sampled_from((RESTART, PURGE)),
                st.integers(0, 2**64 - 1) | st.sampled_from((1, 2)),
            ),
            st.just("done"),
            st.just("power cut"),
        ),
        max_size=12,
    )
)
@settings(max_examples=50, deadline=None)
def test_counters_grow_by_one_for_each_command_that_is_taken(steps: list[AppCommand | str]) -> None:
    state = LocalState()
    for step in steps:
        before = state.apps.get(A, AppOrders())
        if step == "power cut":
            state = decode_local_state([b"half writ", encode_local_state(state)])
        elif isinstance(step, str):
            state = complete(state, [A])
        else:
            state = take_app_commands(state, [step], NAMES)
        after = state.apps.get(A, AppOrders())
        grown = after.restarts + after.purges - before.restarts - before.purges
        assert grown == (1 if after.taken != before.taken else 0)


def test_a_command_for_the_device_is_taken_once() -> None:
    reboot = LocalDevCmd(timestamp=5, command=DevCommandKind.COMMAND_GRACEFUL_REBOOT)
    state, kind = take_device_command(LocalState(), reboot)
    assert (state.device_taken, state.device_done) == (5, 0)
    assert kind == DevCommandKind.COMMAND_GRACEFUL_REBOOT
    assert take_device_command(state, reboot) == (state, None)
    later = LocalDevCmd(timestamp=6, command=DevCommandKind.COMMAND_SHUTDOWN)
    assert take_device_command(state, later) == (state, None)  # one is under way
    ended = LocalState(device_taken=5, device_done=5)
    assert take_device_command(ended, reboot) == (ended, None)
    assert take_device_command(ended, later)[1] == DevCommandKind.COMMAND_SHUTDOWN
    assert take_device_command(ended, LocalDevCmd(timestamp=7)) == (ended, None)
    cannot = LocalDevCmd(timestamp=8, command=DevCommandKind.COMMAND_COLLECT_INFO)
    assert take_device_command(ended, cannot) == (ended, None)  # so it is not told to be done


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("10.1.0.2", "http://10.1.0.2:8888"),
        ("10.1.0.2:9000", "http://10.1.0.2:9000"),
        ("lps.site", "http://lps.site:8888"),
        ("http://lps.site:80/", "http://lps.site:80"),
        ("fd00::1", "http://[fd00::1]:8888"),
        ("[fd00::1]:9000", "http://[fd00::1]:9000"),
    ],
)
def test_a_server_is_named_by_its_host(address: str, url: str) -> None:
    assert Server(address, "secret").base_url == url
    assert "secret" not in repr(Server(address, "secret"))


@pytest.mark.parametrize("address", ["", "a/b", "http://u:p@host", "host:port", "http://"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"no address|Port could not"):
        _ = Server(address, "").base_url
