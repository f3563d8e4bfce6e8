"""The folds read from the wire what the codecs read into dataclasses."""

from datetime import UTC, datetime

import pytest

from eaves.evapi.device_text import KEY_BYTES
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.info import (
    ErrorInfo,
    ZInfoApp,
    ZInfoContentTree,
    ZInfoDevice,
    ZInfoMsg,
    ZInfoNetworkInstance,
    ZInfoTypes,
    ZInfoVolume,
    ZNetworkInstanceState,
    ZSwState,
    encode_z_info_msg,
)
from eaves.evapi.info.device import BootReason, ZDeviceState
from eaves.evapi.info.fold import fold_info
from eaves.evapi.info_said import Said
from eaves.evapi.metrics import (
    AppCpuMetric,
    AppMetric,
    DeviceMetric,
    DiskMetric,
    MemoryMetric,
    NetworkMetric,
    ZMetricMsg,
    encode_z_metric_msg,
)
from eaves.evapi.metrics_fold import KINDS, fold_metrics, samples

WHEN = datetime(2026, 5, 1, 12, 0, 0, 250000, tzinfo=UTC)
WRONG = ErrorInfo(description="no route")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            ZInfoMsg(
                ztype=ZInfoTypes.ZiDevice,
                dinfo=ZInfoDevice(
                    state=ZDeviceState.ZDEVICE_STATE_ONLINE,
                    restart_counter=7,
                    last_boot_reason=BootReason.BOOT_REASON_POWER_FAIL,
                ),
            ),
            Said(1, "", "", "ONLINE", boots=7, boot_reason="BOOT_REASON_POWER_FAIL"),
        ),
        (
            ZInfoMsg(
                ztype=ZInfoTypes.ZiApp,
                ainfo=ZInfoApp(
                    app_id="a", app_name="web", state=ZSwState.RUNNING, app_err=(WRONG,)
                ),
            ),
            Said(3, "a", "web", "RUNNING", ("no route",)),
        ),
        (
            ZInfoMsg(
                ztype=ZInfoTypes.ZiNetworkInstance,
                niinfo=ZInfoNetworkInstance(
                    network_id="n",
                    displayname="lan",
                    state=ZNetworkInstanceState.ZNETINST_STATE_ONLINE,
                ),
            ),
            Said(6, "n", "lan", "ONLINE"),
        ),
        (
            ZInfoMsg(ztype=ZInfoTypes.ZiVolume, vinfo=ZInfoVolume(uuid="v", volume_err=WRONG)),
            Said(7, "v", "", ZSwState(0).name, ("no route",), gone=True),
        ),
        (
            ZInfoMsg(
                ztype=ZInfoTypes.ZiContentTree,
                cinfo=ZInfoContentTree(uuid="c", display_name="img", state=ZSwState.LOADED),
            ),
            Said(8, "c", "img", "LOADED"),
        ),
    ],
    ids=lambda value: value.ztype.name if isinstance(value, ZInfoMsg) else "",
)
def test_what_an_info_message_says_is_read_without_dataclasses(
    message: ZInfoMsg, said: Said
) -> None:
    fold = fold_info(encode_z_info_msg(message))
    assert fold.said == Said(
        **{name: getattr(said, name) for name in Said.__slots__ if name != "kind"},
        kind=int(message.ztype),
    )
    assert (fold.kind, fold.object_id) == (int(message.ztype), said.object_id)


def test_an_identifier_of_any_length_is_a_short_key_of_its_own() -> None:
    def key(object_id: str) -> str:
        fold = fold_info(encode_z_info_msg(_app(object_id)))
        assert fold.said is not None
        assert fold.said.object_id == fold.object_id
        assert len(fold.object_id.encode()) <= KEY_BYTES
        return fold.object_id

    longest = "\N{SNOWMAN}" * (KEY_BYTES // 3)
    assert [key(text) for text in ("", "a" * KEY_BYTES, longest)] == ["", "a" * KEY_BYTES, longest]
    long = [f"{longest}{tail}" for tail in ("a", "aa", "b", "b" * 9600)]
    assert len({key(text) for text in long}) == len(long)
    assert key(long[0]) == key(long[0])
    assert key(long[0]).startswith("\N{SNOWMAN}" * 60)


def _app(app_id: str) -> ZInfoMsg:
    return ZInfoMsg(ztype=ZInfoTypes.ZiApp, ainfo=ZInfoApp(app_id=app_id, state=ZSwState.RUNNING))


def test_times_and_garbage() -> None:
    message = ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dev_id="d", at_time_stamp=WHEN)
    fold = fold_info(encode_z_info_msg(message))
    assert (fold.dev_id, fold.said, fold.at) == ("d", None, int(WHEN.timestamp() * 1e6))
    for read in (fold_info, fold_metrics):
        with pytest.raises(MalformedMessage):
            read(b"\xff\xff\xff")


def test_every_number_of_a_metrics_message_is_named() -> None:
    message = ZMetricMsg(
        dev_id="d",
        at_time_stamp=WHEN,
        dm=DeviceMetric(
            memory=MemoryMetric(used_mem=5, avail_mem=6),
            cpu_metric=AppCpuMetric(total_ns=1 << 50),
            network=(NetworkMetric(i_name="eth0", rx_bytes=9),),
            disk=(DiskMetric(mount_path="/persist\n", used=3, total=10),),
        ),
        am=(AppMetric(app_id="a", memory=MemoryMetric(used_mem=4)),),
    )
    fold = fold_metrics(encode_z_metric_msg(message))
    read = {(k, i, f): v for k, i, f, v in samples(fold.objects, fold.values)}
    assert len(read) == len(fold.values) // 8
    assert read["device", "", "cpu_ns"] == 1 << 50
    assert read["device", "", "used_mem"] == 5
    assert read["port", "eth0", "rx_bytes"] == 9
    assert read["disk", "/persist ", "used"] == 3
    assert read["app", "a", "used_mem"] == 4
    wanted = ("device", "port", "disk", "app")
    assert len(read) == sum(len(k.fields) for k in KINDS.values() if k.name in wanted)
