"""Status and why: what was reported, how old it is, and where a person looks next."""

from datetime import timedelta

import pytest
from unit.controller.worlds import APPS_NET, CONTAINER, DATA, DEVICE, NOW, WEB

from eaves.controller.domain.app_status import (
    AppReports,
    Holder,
    app_status,
    missing_of,
    netinst_status,
    volume_status,
)
from eaves.controller.domain.contract.device_status import (
    DeviceBootReason,
    DeviceSWStatus,
    DeviceSWSubStatus,
)
from eaves.controller.domain.contract.devices import AdminState
from eaves.controller.domain.contract.statuses import RunState, SWState
from eaves.controller.domain.status.devices import DeviceReports, device_status
from eaves.controller.domain.status.liveness import Contact, Liveness, in_words, liveness
from eaves.controller.domain.why import (
    Denied,
    DeviceFacts,
    Why,
    why_app,
    why_device,
    why_netinst,
    why_volume,
)
from eaves.evapi.info import (
    DevicePort,
    DevicePortStatus,
    ErrorInfo,
    Severity,
    SystemAdapterInfo,
    ZDeviceState,
    ZInfoApp,
    ZInfoContentTree,
    ZInfoDevice,
    ZInfoNetworkInstance,
    ZInfoVolume,
    ZNetworkInstanceState,
    ZSwState,
)
from eaves.evapi.info.device import BaseOsStatus, BaseOsSubStatus, BootReason, ZInfoDevSW

BOUND = NOW - timedelta(days=9)


def seen(ago: timedelta) -> Liveness:
    return liveness(BOUND, NOW - ago, NOW)


ALIVE = seen(timedelta(seconds=20))
HOLDER = Holder(DEVICE, ALIVE)
ONLINE = ZInfoDevice(state=ZDeviceState.ZDEVICE_STATE_ONLINE, memory=4096)
RUNNING = ZInfoApp(app_id=WEB.id, state=ZSwState.RUNNING)


@pytest.mark.parametrize(
    ("alive", "state", "app_state"),
    [
        (liveness(None, None, NOW), RunState.UNPROVISIONED, RunState.UNKNOWN),
        (liveness(BOUND, None, NOW), RunState.PROVISIONED, RunState.UNKNOWN),
        (ALIVE, RunState.ONLINE, RunState.ONLINE),
        (seen(timedelta(minutes=4)), RunState.SUSPECT, RunState.SUSPECT),
        (seen(timedelta(minutes=11)), RunState.OFFLINE, RunState.UNKNOWN),
        (seen(-timedelta(minutes=5)), RunState.ONLINE, RunState.ONLINE),
    ],
    ids=["never registered", "never heard", "alive", "suspect", "silent", "clock went back"],
)
def test_online_never_outlives_the_contact(
    alive: Liveness, state: RunState, app_state: RunState
) -> None:
    assert device_status(DEVICE, alive, DeviceReports(ONLINE)).run_state is state
    status = app_status(WEB, CONTAINER, Holder(DEVICE, alive), AppReports(RUNNING))
    assert status.run_state is app_state


@pytest.mark.parametrize("state", list(ZSwState))
def test_every_state_of_the_device_api_has_a_word(state: ZSwState) -> None:
    status = app_status(WEB, CONTAINER, HOLDER, AppReports(ZInfoApp(state=state)))
    assert (status.run_state is RunState.UNKNOWN) == (state is ZSwState.INVALID)


@pytest.mark.parametrize("sub", list(BaseOsSubStatus))
def test_where_an_update_stands_is_told_by_its_word(sub: BaseOsSubStatus) -> None:
    info = ZInfoDevice(sw_list=(ZInfoDevSW(sub_status=sub, sub_status_str="so far"),))
    (told,) = device_status(DEVICE, ALIVE, DeviceReports(info)).sw_info
    assert told.sw_sub_status_str == "so far"
    assert (told.sw_sub_status is DeviceSWSubStatus.UNSPECIFIED) == (not sub)
    assert sub.name.replace("_", "") in "NONESUBSTATUS" + told.sw_sub_status.name.replace("_", "")


@pytest.mark.parametrize("number", [-1, -100, 99])
def test_numbers_that_stand_for_no_word_say_nothing(number: int) -> None:
    software = ZInfoDevSW(user_status=BaseOsStatus(number), sub_status=BaseOsSubStatus(number))
    info = ZInfoDevice(sw_list=(software,), last_boot_reason=BootReason(number))
    status = device_status(DEVICE, ALIVE, DeviceReports(info))
    assert status.device_reboot_reason is DeviceBootReason.UNSPECIFIED
    assert status.sw_info[0].sw_status is DeviceSWStatus.UNSPECIFIED
    assert status.sw_info[0].sw_sub_status is DeviceSWSubStatus.UNSPECIFIED


def test_progress_and_errors_of_images_stand_in_the_status_of_the_app() -> None:
    error = ErrorInfo(description="403 from depot", severity=Severity.SEVERITY_ERROR)
    tree = ZInfoContentTree(
        display_name="web",
        state=ZSwState.DOWNLOAD_STARTED,
        progress_percentage=42,
        err=error,
    )
    info = ZInfoApp(state=ZSwState.DOWNLOAD_STARTED)
    status = app_status(WEB, CONTAINER, HOLDER, AppReports(info, content_trees=(tree,)))
    assert [(s.image_name, s.download_progress) for s in status.sw_info] == [("web", 42)]
    assert status.sw_state is SWState.DOWNLOAD_IN_PROGRESS
    assert [e.description for e in status.err_info] == ["403 from depot"]
    assert status.run_state is RunState.ERROR


def test_a_retry_under_way_is_no_error_state() -> None:
    warning = ErrorInfo(description="timeout", severity=Severity.SEVERITY_WARNING)
    info = ZInfoApp(state=ZSwState.DOWNLOAD_STARTED, app_err=(warning,))
    status = app_status(WEB, CONTAINER, HOLDER, AppReports(info))
    assert status.run_state is RunState.DOWNLOADING


def test_a_network_instance_and_a_volume_say_what_the_device_says() -> None:
    online = ZInfoNetworkInstance(
        state=ZNetworkInstanceState.ZNETINST_STATE_ONLINE, ports=("eth0",), bridge_name="bn1"
    )
    assert netinst_status(APPS_NET, HOLDER, None).run_state is RunState.INIT
    status = netinst_status(APPS_NET, HOLDER, online)
    assert (status.run_state, status.uplink_intf) == (RunState.ONLINE, "eth0")
    created = ZInfoVolume(uuid=DATA.id, state=ZSwState.CREATED_VOLUME)
    assert volume_status(DATA, HOLDER, created).run_state is RunState.ONLINE
    silent = Holder(DEVICE, seen(timedelta(hours=1)))
    assert volume_status(DATA, silent, created).run_state is RunState.UNKNOWN


def test_ports_of_the_device_are_those_of_the_configuration_in_force() -> None:
    ports = (DevicePort(name="eth0", up=True, ip_addrs=("192.0.2.7",)),)
    info = ZInfoDevice(
        system_adapter=SystemAdapterInfo(
            current_index=1, status=(DevicePortStatus(), DevicePortStatus(ports=ports))
        )
    )
    (port,) = device_status(DEVICE, ALIVE, DeviceReports(info)).net_status_list
    assert (port.if_name, port.ip_addrs, port.up) == ("eth0", ("192.0.2.7",), True)


def causes(why: Why) -> str:
    return " | ".join(cause.what for cause in why.causes)


def test_why_tells_of_a_device_that_never_came() -> None:
    never = liveness(None, None, NOW)
    why = why_device(DEVICE, never, None, DeviceFacts(unclaimed=("serial-l",)))
    assert not why.met
    assert "no device with serial 'serial-1' has registered yet" in causes(why)
    assert "serial-l" in causes(why)
    assert "power it on" in why.causes[0].then


def test_why_ends_with_a_device_that_is_not_heard() -> None:
    """Nothing else goes on before it is."""
    never = liveness(None, None, NOW)
    of_device = why_device(DEVICE, never, None, DeviceFacts(missing=("web-1 waits for user data",)))
    assert [c.what.split()[0] for c in of_device.causes] == ["web-1", "no"]
    off = WEB.model_copy(update={"activate": False})
    error = ErrorInfo(description="no route")
    tree = ZInfoContentTree(display_name="web", state=ZSwState.VERIFYING, err=error)
    silent = Holder(DEVICE, seen(timedelta(minutes=25)))
    broken = ZInfoNetworkInstance(network_err=(error,))
    for why in (
        why_app(off, silent, AppReports(content_trees=(tree,))),
        why_netinst(APPS_NET, silent, broken),
        why_volume(DATA, silent, None, tree),
    ):
        assert len(why.causes) > 1
        assert "silent for 25 min" in why.causes[-1].what


def test_why_tells_of_silence_and_of_what_was_never_asked_for() -> None:
    silent = Holder(DEVICE, seen(timedelta(minutes=25)))
    assert "silent for 25 min" in causes(why_app(WEB, silent, AppReports(RUNNING)))
    off = WEB.model_copy(update={"activate": False})
    assert "web-1 is not activated" in causes(why_app(off, HOLDER, AppReports()))
    inactive = Holder(DEVICE.model_copy(update={"admin_state": AdminState.INACTIVE}), ALIVE)
    assert "device edge-1 is not activated" in causes(why_app(WEB, inactive, AppReports()))


def test_why_follows_an_app_down_to_its_image() -> None:
    error = ErrorInfo(description="sha256 aa, config asks for bb", retry_condition="in 10 min")
    tree = ZInfoContentTree(display_name="web", state=ZSwState.VERIFYING, err=error)
    info = ZInfoApp(state=ZSwState.VERIFYING)
    why = why_app(WEB, HOLDER, AppReports(info, content_trees=(tree,)))
    assert causes(why) == "image web is verifying | image web: sha256 aa, config asks for bb"
    assert why.causes[-1].then == "in 10 min"


def test_why_names_what_rendering_lacked() -> None:
    texts = ("app instance 'web-1': no image", "app instance 'web-12': other", "datastore x")
    missing = missing_of(WEB, texts)
    assert missing == ("app instance 'web-1': no image",)
    assert "no image" in causes(why_app(WEB, HOLDER, AppReports(missing=missing)))


def test_why_tells_what_the_rules_of_a_running_app_denied() -> None:
    denied = (Denied(7, "no-ssh", 3, "203.0.113.9", 22), Denied(0, "", 1, "198.51.100.1", 53))
    why = why_app(WEB, HOLDER, AppReports(RUNNING), denied)
    assert why.met
    by_rule, by_none = [cause.what for cause in why.causes][1:]
    assert by_rule.startswith("rule 7 (no-ssh) denied 3 connections within the last hour, most of ")
    assert by_none.endswith("most of them with 198.51.100.1, to port 53")
    assert by_none.startswith("no rule allowed 1 connection within")


def test_why_says_that_all_is_well() -> None:
    assert why_app(WEB, HOLDER, AppReports(RUNNING)).met
    assert why_device(DEVICE, ALIVE, ONLINE, DeviceFacts()).met
    online = ZInfoNetworkInstance(state=ZNetworkInstanceState.ZNETINST_STATE_ONLINE)
    assert why_netinst(APPS_NET, HOLDER, online).met
    assert not why_netinst(APPS_NET, HOLDER, None).met
    created = ZInfoVolume(state=ZSwState.CREATED_VOLUME)
    assert why_volume(DATA, HOLDER, created, None).met
    assert not why_volume(DATA, HOLDER, None, None).met


def test_why_tells_of_attestation_that_withholds_the_configuration() -> None:
    facts = DeviceFacts(attestation_required=True, attestation_detail="quote failed")
    assert "enforces attestation: quote failed" in causes(why_device(DEVICE, ALIVE, ONLINE, facts))


@pytest.mark.parametrize(
    ("span", "words"),
    [(45, "45 s"), (600, "10 min"), (10_800, "3 h"), (864_000, "10 days")],
)
def test_spans_read_well(span: int, words: str) -> None:
    assert in_words(timedelta(seconds=span)) == words


def test_contact_is_current_only_while_alive() -> None:
    assert ALIVE.current
    assert not seen(timedelta(minutes=4)).current
    assert ALIVE.contact is Contact.ALIVE
