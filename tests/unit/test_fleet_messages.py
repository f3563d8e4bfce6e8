"""What simulated devices say and sign: filled into forms that many share, yet each its own."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from eaves.evapi.codec import Unencodable
from eaves.evapi.config import PhyIoMemberUsage, PhyIoType
from eaves.evapi.envelope import SHA256_16, Sender, parse_envelope, seal
from eaves.evapi.forms import Form
from eaves.evapi.info import BootReason, ZSwState, decode_z_info_msg
from eaves.evapi.keys import KeySigner, signature_fits
from eaves.evapi.logs import decode_log_file
from eaves.evapi.metrics import Z_METRIC_MSG, DeviceMetric, ZMetricMsg, decode_z_metric_msg
from eaves.evapi.pb.auth import auth_pb2
from eaves.evapi.poll import PollRequest, decode_poll_request, encode_poll_request
from eaves.fleet.apps import App
from eaves.fleet.facts import MEMORY_MIB, Facts
from eaves.fleet.messages import Templates, log_file
from eaves.fleet.plan import AppWish, Named, Plan, Port
from eaves.fleet.signing import ManySigner, shared_nonces, signer_of

NOW = datetime(2026, 3, 4, 5, 6, 7, 891_234, tzinfo=UTC)
_PORTS = tuple(
    Port(f"eth{n}", f"enp{n}", "", PhyIoType.PhyIoNetEth, PhyIoMemberUsage.PhyIoUsageMgmtAndApps)
    for n in range(3)
)
_WISH = AppWish("a" * 36, "web", "7", True, 0, 0, (), (("eth0", "n"), ("eth1", "n")), 512)
RICH = Plan(
    timestamp=NOW - timedelta(hours=1),
    names={"device_name": "first", "project_id": "p"},
    ports=_PORTS,
    management=frozenset({"eth0", "eth2"}),
    items={"timer.config.interval": "30"},
    apps=(_WISH,),
    networks=(Named("n1", "apps", "3", 4),),
    volumes=(Named("v1", "disk", size_bytes=1 << 30),),
)
APPS = {_WISH.app_id: App(_WISH, ZSwState.RUNNING, None, NOW)}


def templates() -> Templates:
    return Templates(Random(1), NOW)  # noqa: S311 - the same every time


def facts(number: int) -> Facts:
    since = NOW - timedelta(seconds=90.5)
    first = BootReason.BOOT_REASON_FIRST
    return Facts(number, f"device-{number}", f'SN "{number}"', since, first, 2, 1)


def test_metrics_of_devices_that_share_a_form_are_those_of_each() -> None:
    made = templates()
    told = [
        decode_z_metric_msg(made.metrics(facts(n), plan, apps, 5 + n, NOW))
        for n, (plan, apps) in enumerate(((RICH, APPS), (Plan(), {}), (RICH, APPS), (Plan(), {})))
    ]
    assert [m.dev_id for m in told] == [f"device-{n}" for n in range(4)]
    assert {m.at_time_stamp for m in told} == {NOW}
    for count, message in enumerate(told, 5):
        assert message.dm is not None
        assert message.dm.memory is not None
        assert message.dm.memory.used_mem + message.dm.memory.avail_mem == MEMORY_MIB
        assert message.dm.disk[0].write_bytes == 2 * count
        assert message.pr
    for count, message in ((5, told[0]), (7, told[2])):
        assert message.dm is not None
        assert message.dm.last_received_config == RICH.timestamp
        assert [(p.i_name, p.local_name, p.tx_bytes) for p in message.dm.network] == [
            ("eth0", "enp0", count * 12_345),
            ("eth2", "enp2", (count + 1) * 12_345),
        ]
        app, network, volume = message.am[0], message.nm[0], message.vm[0]
        assert (app.app_id, app.app_name, len(app.network)) == (_WISH.app_id, "web", 2)
        assert (network.network_id, network.network[0].i_name) == ("n1", "apps")
        assert (volume.uuid, volume.total_bytes, volume.read_bytes) == ("v1", 1 << 30, count * 4096)
    assert (told[1].am, told[1].nm, told[1].vm) == ((), (), ())
    assert told[3].dm is not None
    assert (told[3].dm.network, told[3].dm.last_received_config) == ((), None)


def test_device_info_of_devices_that_share_a_form_is_that_of_each() -> None:
    made = templates()
    other = replace(RICH, names={"device_name": "second"})
    told = [
        decode_z_info_msg(made.device(facts(n), plan, apps.values(), NOW)).dinfo
        for n, (plan, apps) in enumerate(((RICH, APPS), (Plan(), {}), (other, APPS)))
    ]
    first, bare, second = told
    assert first is not None
    assert bare is not None
    assert second is not None
    assert (first.device_name, bare.device_name, second.device_name) == ("first", "", "second")
    assert (first.project_id, second.project_id) == ("p", "")
    assert first.boot_time == facts(0).booted_at
    assert first.minfo is not None
    assert first.minfo.serial_number == 'SN "0"'
    assert [app.name for app in second.app_instances] == ["web"]
    assert second.system_adapter is not None
    ports = second.system_adapter.status[0].ports
    assert [(p.ifname, p.mac_addr, p.ip_addrs) for p in ports] == [
        ("enp0", "02:00:00:00:00:02", ("10.0.0.3",)),
        ("enp2", "02:00:01:00:00:02", ("10.0.0.3",)),
    ]
    assert second.config_item_status is not None
    assert second.config_item_status.config_items["timer.config.interval"].value == "30"
    assert bare.app_instances == ()


def test_a_log_file_is_read_back_line_by_line() -> None:
    made = log_file(facts(3), 4, 20, NOW)
    entries = decode_log_file(made.data).entries
    assert len(entries) == made.lines == 20
    assert entries[19].content.startswith('message 4019 of SN "3": cycle done in ')
    assert entries[19].timestamp == NOW - timedelta(milliseconds=50)
    assert {entry.function for entry in entries} == {"main.run"}
    of_app = decode_log_file(log_file(facts(3), 4, 1, NOW, APPS[_WISH.app_id]).data)
    assert of_app.entries[0].source == _WISH.app_id


def test_a_form_tells_what_it_cannot_hold() -> None:
    form = Form(Z_METRIC_MSG, ZMetricMsg(dm=DeviceMetric()), ("dev_id", "dm.memory.used_mem"))
    assert decode_z_metric_msg(form.encode(("one", 3))).dev_id == "one"
    with pytest.raises(Unencodable, match="usedMem"):
        form.encode(("one", "many"))
    with pytest.raises(KeyError):
        Form(Z_METRIC_MSG, ZMetricMsg(), ("dm.nothing",))


def test_signatures_of_many_keys_fit_each_its_own() -> None:
    nonces = shared_nonces()
    if nonces is None:
        pytest.skip("the OpenSSL of this Python has no ECDSA_sign_setup")
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    data = [f"message {n}".encode() for n in range(20)]
    made = [
        ManySigner(keys[n % 2], nonces).sign_digest(hashlib.sha256(one).digest())
        for n, one in enumerate(data)
    ]
    for n, (one, signature) in enumerate(zip(data, made, strict=True)):
        assert signature_fits(keys[n % 2].public_key(), signature, one)
        assert not signature_fits(keys[1 - n % 2].public_key(), signature, one)
    assert len({signature[:32] for signature in made}) == len(made)  # no nonce twice


def test_a_key_on_another_curve_signs_as_it_did() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    signer = signer_of(key)
    assert isinstance(signer, KeySigner)
    assert signature_fits(key.public_key(), signer.sign_digest(hashlib.sha256(b"a").digest()), b"a")


@pytest.mark.parametrize("payload", [b"", b"p", b"p" * 300, b"p" * 70_000])
@pytest.mark.parametrize("certificate", [b"", b"c" * 500])
def test_an_envelope_is_what_the_message_would_be(payload: bytes, certificate: bytes) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    sender = Sender(KeySigner(key), b"h" * 16, SHA256_16, certificate)
    data = seal(payload, sender)
    sealed = parse_envelope(data)
    assert sealed.verify(key.public_key()) == payload
    assert (sealed.sender_hash, sealed.algo, sealed.sender_cert) == (
        b"h" * 16,
        SHA256_16,
        certificate,
    )
    assert auth_pb2.AuthContainer.FromString(data).SerializeToString() == data


@pytest.mark.parametrize("config_hash", ["", "x" * 64, "y" * 200])
@pytest.mark.parametrize("token", [b"", b"t" * 32])
def test_a_poll_request_is_read_back(config_hash: str, token: bytes) -> None:
    request = PollRequest(config_hash=config_hash, integrity_token=token)
    assert decode_poll_request(encode_poll_request(request)) == request
