"""Attacks on the way between node and controller: real TLS, real keys, the code of both sides.

Of each: it is refused, the refusal says what it was, and the honest side goes on as before.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs
from support.controller import InProcess, Reply, WireDevice, in_process
from support.malleable import FORMS, envelopes
from support.middle_box import MiddleBox, Talker, between, payload_of, sealed_by
from support.telemetry import stored_lines, stored_samples
from wire.peer import NOW, issue

from eaves.controller.settings import Bounds
from eaves.controller.store.files import open_telemetry
from eaves.controller.store.unit import attachable, snapshot
from eaves.evapi.certs import (
    ZCert,
    ZCertType,
    ZControllerCert,
    decode_z_controller_cert,
    encode_z_controller_cert,
    published,
)
from eaves.evapi.config import EdgeDevConfig, UUIDandVersion, encode_edge_dev_config
from eaves.evapi.envelope import parse_envelope
from eaves.evapi.flowlog import FlowMessage, FlowRecord, IpFlow, encode_flow_message
from eaves.evapi.flows.steps import Received
from eaves.evapi.flows.steps import Reply as Answer
from eaves.evapi.hardwarehealth import ZHardwareHealth, encode_z_hardware_health
from eaves.evapi.info import ZInfoApp, ZInfoMsg, ZInfoTypes, ZSwState, encode_z_info_msg
from eaves.evapi.logs import DeviceLogOrigin, LogEntry, encode_log_file
from eaves.evapi.metrics import DeviceMetric, MemoryMetric, ZMetricMsg, encode_z_metric_msg
from eaves.evapi.paths import PROTOBUF, Endpoint, endpoint_path
from eaves.evapi.pb.flowlog import flowlog_pb2
from eaves.evapi.pb.hardwarehealth import hardware_health_pb2
from eaves.evapi.pb.info import info_pb2
from eaves.evapi.pb.metrics import metrics_pb2
from eaves.evapi.poll import PollResponse, encode_poll_response

pytestmark = pytest.mark.system

SIGNING = ZCertType.CERT_TYPE_CONTROLLER_SIGNING
ECDH = ZCertType.CERT_TYPE_CONTROLLER_ECDH_EXCHANGE
OTHER = "00000000-0000-4000-8000-00000000beef"


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Talker]:
    """Follows version 1; a middle box stands between it and its controller."""
    async with between(tmp_path) as talker:
        yield talker


async def refused(node: Talker, *told: str) -> None:
    """The node says why, follows nothing new, keeps what it had, and hears the honest side again.

    `told`: words of what it says.
    """
    before, trusted = list(node.followed), node.link.trust
    node.box.offer("2", NOW + timedelta(minutes=1))
    why = await node.poll()
    for words in told:
        assert words in why
    assert node.followed == before
    assert node.saved() == before[-1]
    assert node.link.trust == trusted
    node.box.meddle = None
    assert await node.poll() == ""
    assert node.followed == [*before, "2"]


def forged_config(box: MiddleBox, uuid: str = "") -> bytes:
    """What the attacker would like the node to carry out."""
    config = EdgeDevConfig(
        id=UUIDandVersion(uuid=uuid or box.device_id, version="evil"),
        config_timestamp=NOW + timedelta(days=1),
    )
    return encode_poll_response(
        PollResponse(config=encode_edge_dev_config(config), config_hash="hash of the attacker")
    )


def listed(*certs: ZCert) -> bytes:
    return encode_z_controller_cert(ZControllerCert(certs=certs))


# --- who signs


async def test_a_config_signed_by_a_foreign_chain_is_refused(node: Talker) -> None:
    """Its signer is not published, and publishing it takes the root that the node was given."""
    foreign_root = issue("test root", ca=True)  # by the name of the real one
    signing, ecdh = issue("signing", foreign_root), issue("ecdh", foreign_root)

    def foreign(endpoint: Endpoint, reply: Answer) -> Answer:
        if endpoint is Endpoint.CERTS:
            return sealed_by(
                signing, listed(published(signing.pem, SIGNING), published(ecdh.pem, ECDH))
            )
        return sealed_by(signing, forged_config(node.box)) if endpoint is Endpoint.CONFIG else reply

    node.box.meddle = foreign
    await refused(node, "unknown certificate", "no chain leads to a trusted root")


async def test_a_foreign_signer_whose_certificate_nobody_publishes_is_refused(
    node: Talker,
) -> None:
    """Not even one that the real root issued for something else."""
    other_leaf = issue("another service", node.box.root)
    node.box.meddle = lambda endpoint, reply: (
        sealed_by(other_leaf, forged_config(node.box)) if endpoint is Endpoint.CONFIG else reply
    )
    await refused(node, "certificate that the controller does not publish")


@pytest.mark.parametrize("posing", [False, True], ids=["own-name", "controllers-name"])
async def test_a_proxy_that_signs_again_is_refused(tmp_path: Path, *, posing: bool) -> None:
    """A middle box whose TLS the node trusts reads everything and changes nothing."""
    authority = issue("proxy authority", ca=True)
    own = issue("proxy signing", authority)
    inside = issue("proxy", authority)
    async with between(tmp_path, server=inside, tls_roots=authority.pem) as node:
        name = node.box.signing.pem if posing else own.pem
        node.box.meddle = lambda endpoint, reply: (
            sealed_by(own, payload_of(reply), name) if endpoint is Endpoint.CONFIG else reply
        )
        await refused(node, "signature" if posing else "does not publish")


async def test_a_proxy_that_the_node_was_not_told_of_is_not_talked_to(tmp_path: Path) -> None:
    authority = issue("proxy authority", ca=True)
    async with between(tmp_path, server=issue("proxy", authority), tls_roots=authority.pem) as node:
        heard = len(node.box.seen)
        node.tls_roots = node.box.root.pem
        await node.reboot()
        why = await node.poll()
        assert "TLS certificate is not trusted" in why
        assert "root-certificate.pem" in why
        assert len(node.box.seen) == heard
        assert node.saved() == "1"


# --- what was signed once


async def test_an_old_config_that_is_replayed_is_refused(node: Talker) -> None:
    """Signed by the real controller, for this device; also after a reboot."""
    old = node.box.said_last(Endpoint.CONFIG)
    node.box.offer("1b", NOW + timedelta(seconds=1))
    assert await node.poll() == ""
    assert node.saved() == "1b"
    node.box.meddle = lambda endpoint, reply: old if endpoint is Endpoint.CONFIG else reply
    assert "older than the one in force" in await node.poll()
    await node.reboot()
    await refused(node, "older than the one in force", "not applied")


async def test_a_config_of_another_device_is_refused(node: Talker) -> None:
    """Signed by the real controller, and newer than what is in force."""
    node.box.meddle = lambda endpoint, reply: (
        node.box.reply(forged_config(node.box, OTHER)) if endpoint is Endpoint.CONFIG else reply
    )
    await refused(node, f"a config for {OTHER}", "not applied")


async def test_the_answer_to_another_question_is_refused(node: Talker) -> None:
    """All of them are envelopes of the same controller."""
    for endpoint in (Endpoint.UUID, Endpoint.CERTS):
        other = node.box.said_last(endpoint)
        node.box.meddle = lambda asked, reply, other=other: (
            other if asked is Endpoint.CONFIG else reply
        )
        assert await node.poll() != ""
        assert node.followed == ["1"]
    await refused(node)


async def test_a_truncated_envelope_is_refused(node: Talker) -> None:
    node.box.offer("1b", NOW + timedelta(seconds=1))
    whole = node.box.reply(forged_config(node.box)).body
    cut = 0
    node.box.meddle = lambda endpoint, reply: (
        Received(200, PROTOBUF, whole[:cut]) if endpoint is Endpoint.CONFIG else reply
    )
    for cut in range(1, len(whole), 9):
        assert await node.poll() != "", cut
        assert node.followed == ["1"], cut
    cut = len(whole) - 1
    await refused(node, "config")


# --- the keys of the controller


def _attackers(node: Talker) -> dict[str, ZCert]:
    """Certificates for the key exchange that the attacker could read what is encrypted to."""
    honest = next(c for c in decode_z_controller_cert(node.box.listed()).certs if c.type == ECDH)
    posing = issue("ecdh", issue("test root", ca=True))
    own = published(posing.pem, ECDH)
    return {
        "by a foreign root of the same name": own,
        "in the name of the honest one": replace(own, cert_hash=honest.cert_hash),
        "by itself": published(issue("ecdh").pem, ECDH),
        "by a leaf": published(issue("ecdh", node.box.signing).pem, ECDH),
    }


async def test_a_substituted_ecdh_key_of_the_controller_is_refused(node: Talker) -> None:
    """One certificate that does not chain to the root takes the whole list with it."""
    signing = published(node.box.signing.pem, SIGNING)
    honest = published(node.box.ecdh.pem, ECDH)
    trusted = node.link.trust
    assert trusted is not None
    for name, evil in _attackers(node).items():
        for certs in ((signing, evil), (signing, honest, evil), (signing, evil, honest)):
            node.box.meddle = lambda endpoint, reply, certs=certs: (
                sealed_by(node.box.signing, listed(*certs)) if endpoint is Endpoint.CERTS else reply
            )
            failed = await node.link.refresh_certs()
            assert "certs: " in getattr(failed, "reason", ""), name
            assert node.link.trust == trusted, name
    assert {e.pem for e in trusted.current.ecdh} == {node.box.ecdh.pem}


# --- time


async def test_a_clock_that_was_set_back_revives_no_expired_certificate(node: Talker) -> None:
    """The attacker has the key of a certificate that the real root issued, and that has expired."""
    box = node.box
    begin, end = NOW - timedelta(days=900), NOW - timedelta(days=170)
    expired = issue("signing", box.root, begin=begin, end=end)
    ecdh = issue("ecdh", box.root, begin=begin, end=end)

    def stolen(endpoint: Endpoint, reply: Answer) -> Answer:
        if endpoint is Endpoint.CERTS:
            return sealed_by(
                expired, listed(published(expired.pem, SIGNING), published(ecdh.pem, ECDH))
            )
        return sealed_by(expired, forged_config(box)) if endpoint is Endpoint.CONFIG else reply

    box.meddle = stolen
    node.time = end - timedelta(days=1)
    told = ("unknown certificate", f"to {end.isoformat()}", "correct the clock")
    with capture_logs() as logs:
        why = await node.poll()
    assert all(words in why for words in told), why
    assert "clock_behind" in {line["event"] for line in logs}
    await node.reboot()
    failed = await node.link.refresh_certs()
    assert all(words in getattr(failed, "reason", "") for words in told[1:]), failed
    assert node.followed == ["1"]
    box.meddle = None
    await node.onboard()  # the honest ones are believed, although the clock is behind
    box.offer("2", NOW + timedelta(minutes=1))
    assert await node.poll() == ""
    assert node.followed == ["1", "2"]


# --- a device towards its controller


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[InProcess]:
    async with in_process(tmp_path / "state", bounds=Bounds(waiters=2, wait_s=0.5)) as running:
        yield running


async def test_a_truncated_envelope_of_a_device_has_no_effect(controller: InProcess) -> None:
    device = await controller.registered()
    whole = device.sealed(_app_message())
    for cut in range(1, len(whole), 7):
        reply = await controller.post(device.path(Endpoint.INFO), whole[:cut])
        assert reply.status in (400, 401), cut
    assert await _counts(controller) == dict.fromkeys(COUNTED, 0)
    assert (await controller.post(device.path(Endpoint.INFO), whole)).status == 201


def _app_message() -> bytes:
    app = ZInfoApp(app_id="app-1", app_name="web", state=ZSwState.RUNNING)
    return encode_z_info_msg(ZInfoMsg(ztype=ZInfoTypes.ZiApp, ainfo=app, at_time_stamp=NOW))


COUNTED = ("device_events", "info_latest", "flow_chunks", "health_reports")


async def _counts(controller: InProcess) -> dict[str, int]:
    async with controller.database() as engine, snapshot(engine) as db:
        return {
            table: (await db.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()  # noqa: S608 - constants
            for table in COUNTED
        }


async def test_the_same_report_in_other_bytes_has_no_second_effect(controller: InProcess) -> None:
    """ECDSA signatures have a mirror image; protobuf fields an order and a last word."""
    device = await controller.registered()
    now = controller.clock()
    flow = FlowRecord(flow=IpFlow(src="10.1.0.2", dest="192.0.2.1", protocol=6), tx_bytes=7)
    metrics = ZMetricMsg(at_time_stamp=now, dm=DeviceMetric(memory=MemoryMetric(used_mem=5)))
    reports = (
        (Endpoint.INFO, info_pb2.ZInfoMsg, _app_message()),
        (Endpoint.METRICS, metrics_pb2.ZMetricMsg, encode_z_metric_msg(metrics)),
        (
            Endpoint.FLOWLOG,
            flowlog_pb2.FlowMessage,
            encode_flow_message(FlowMessage(dev_id=device.device_id, flows=(flow,))),
        ),
        (
            Endpoint.HARDWAREHEALTH,
            hardware_health_pb2.ZHardwareHealth,
            encode_z_hardware_health(ZHardwareHealth(dev_id=device.device_id, at_time_stamp=now)),
        ),
    )
    for endpoint, of, payload in reports:
        for form in FORMS.values():
            await _sent(controller, device, endpoint, form(of, payload))
        await _sent(controller, device, endpoint, payload)
    line = LogEntry(content="once", timestamp=now, iid="1", msgid=1)
    file = encode_log_file(DeviceLogOrigin(device.device_id, "IMGA", "1"), now, [line])
    await _sent(controller, device, Endpoint.NEWLOGS, file)
    assert await _counts(controller) == dict.fromkeys(COUNTED, 1)
    async with controller.database() as engine, snapshot(engine) as db:
        assert [one.content for one in await stored_lines(db)] == ["once"]
        files = attachable(engine.url)
    with open_telemetry(files["metrics"]).connect() as connection:
        assert len(stored_samples(connection, device.device_id)) == 1


async def _sent(
    controller: InProcess, device: WireDevice, endpoint: Endpoint, payload: bytes
) -> None:
    """In every form of its envelope; each is acknowledged."""
    for name, envelope in envelopes(device.sealed(payload)).items():
        reply = await controller.post(device.path(endpoint), envelope)
        assert reply.status == 201, (endpoint, name)


async def test_a_registration_or_poll_in_other_bytes_is_the_same_one(
    controller: InProcess,
) -> None:
    device = WireDevice(serial="SN-7")
    device.device_id = await controller.add_record("SN-7")
    identity = controller.onboarding()
    body = device.registration(identity.certificate_pem, identity.key_pem)
    path = endpoint_path(Endpoint.REGISTER)
    answers = [await controller.post(path, one) for one in envelopes(body).values()]
    assert [a.status for a in answers] == [201, *[200] * (len(answers) - 1)]
    polls = [
        await controller.post(device.path(Endpoint.CONFIG), one)
        for one in envelopes(device.poll()).values()
    ]
    assert {(p.status, _hash(controller, p)) for p in polls} == {(200, _hash(controller, polls[0]))}


def _hash(controller: InProcess, reply: Reply) -> str:
    return controller.controller_key.poll_response(reply.body).config_hash


async def test_a_config_in_other_bytes_is_followed_once_and_kept(node: Talker) -> None:
    """What a node keeps must open at its next boot, too."""
    box = node.box
    for number, form in enumerate(("the other signature", "reordered", "doubled"), 2):
        box.offer(str(number), NOW + timedelta(minutes=number))
        box.meddle = lambda endpoint, reply, form=form: (
            Received(200, PROTOBUF, envelopes(_body(reply))[form])
            if endpoint is Endpoint.CONFIG and _body(reply)
            else reply
        )
        assert await node.poll() == ""
        assert await node.poll() == ""  # 304 now
        assert node.followed[-1] == str(number)
        assert node.saved() == str(number)
    assert node.followed == ["1", "2", "3", "4"]


def _body(reply: Answer) -> bytes:
    return reply.body if isinstance(reply, Received) else b""


def test_the_envelopes_of_these_tests_differ_from_each_other() -> None:
    device = WireDevice()
    forms = envelopes(device.sealed(_app_message()))
    assert len(set(forms.values())) == len(forms)
    assert {parse_envelope(form).payload for form in forms.values()} == {_app_message()}
