"""The conversations of a device, driven with values: what is asked, waited for, concluded."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from wire.peer import NOW, Controller, Played, clock, issue, play

from eaves.evapi.attest import (
    AttestVolumeKey,
    ZAttestResponse,
    ZAttestResponseCode,
    ZAttestRespType,
    decode_z_attest_req,
    encode_z_attest_response,
)
from eaves.evapi.envelope import parse_envelope
from eaves.evapi.flows.attest import Attested, NotKnown
from eaves.evapi.flows.onboard import Onboarded, back_off
from eaves.evapi.flows.poll import (
    AttestFirst,
    DeviceUnknown,
    NewConfig,
    NothingNew,
    NotServed,
    PollNow,
    Unchanged,
    Unreachable,
    is_obsolete,
)
from eaves.evapi.flows.report import Delivered, Dropped, Kept, fate
from eaves.evapi.flows.steps import Cause, NoConnection, Received, Reply, Send
from eaves.evapi.paths import PROTOBUF, Endpoint
from eaves.evapi.poll import PollResponse, decode_poll_request, encode_poll_response
from eaves.evapi.register import decode_z_register_msg
from eaves.fleet.device import Identity, Onboarding, SoftDevice, new_identity


@pytest.fixture(scope="module")
def identity() -> Identity:
    return new_identity("SN-1", NOW, os.urandom, "soft-1")


@pytest.fixture
def controller() -> Controller:
    return Controller()


@pytest.fixture
def device(identity: Identity, controller: Controller) -> SoftDevice:
    folder = Onboarding(controller.root.pem, controller.onboard.pem, controller.onboard.key_pem)
    return SoftDevice(identity, folder, clock, lambda: 0.0)


def ask(controller: Controller, send: Send) -> Reply:
    return controller.answer(send.path, send.body)


def onboarded(device: SoftDevice, controller: Controller) -> tuple[Onboarded, Played]:
    played = Played()
    return play(device.onboarded(), lambda s: ask(controller, s), played), played


# --- onboarding


def test_onboarding_is_certs_then_register_then_uuid(
    device: SoftDevice, controller: Controller
) -> None:
    done, played = onboarded(device, controller)
    assert done.device_id == controller.device_id
    assert played.endpoints == ["certs", "register", "uuid"]
    register = parse_envelope(controller.seen[1][1])
    message = decode_z_register_msg(register.payload)
    assert (message.serial, message.soft_serial) == ("SN-1", "soft-1")
    for step in played.steps:
        assert isinstance(step, Send)
        assert dict(step.headers) == {"X-Serial-Number": "SN-1", "X-Soft-Serial": "soft-1"}


def test_a_refused_registration_does_not_matter_when_the_uuid_is_known(
    device: SoftDevice, controller: Controller, identity: Identity
) -> None:
    controller.device_pem = identity.device_cert_pem
    controller.refuse[Endpoint.REGISTER] = [Received(409)]
    _, played = onboarded(device, controller)
    assert played.endpoints == ["certs", "register", "uuid"]


def test_onboarding_waits_longer_each_time_and_says_why(
    device: SoftDevice, controller: Controller
) -> None:
    refused = NoConnection("connection refused", Cause.REFUSED)
    controller.refuse[Endpoint.CERTS] = [refused, Received(404), Received(503)]
    controller.refuse[Endpoint.REGISTER] = [Received(403), Received(403)]
    _, played = onboarded(device, controller)
    assert [w.seconds for w in played.waits] == [1, 2, 4, 1, 2]
    assert "connection refused" in played.waits[0].because
    assert "being upgraded" in played.waits[2].because
    assert "register: status 403" in played.waits[3].because
    assert played.endpoints[-2:] == ["register", "uuid"]


def test_the_wait_grows_from_one_second_to_ten_minutes_and_is_jittered() -> None:
    plain, jittered = back_off(lambda: 0.0), back_off(lambda: 0.5)
    assert [next(plain) for _ in range(12)][-3:] == [512, 600, 600]
    assert next(jittered) == 0.95


def test_certificates_are_not_believed_by_a_clock_that_is_thirty_years_off(
    identity: Identity, controller: Controller
) -> None:
    now = [NOW - timedelta(days=30 * 365)]
    folder = Onboarding(controller.root.pem, controller.onboard.pem, controller.onboard.key_pem)
    device = SoftDevice(identity, folder, lambda: now[0], lambda: 0.0)
    played = Played()

    def answer(send: Send) -> Reply:
        if len(played.waits) == 2:
            now[0] = NOW
        return ask(controller, send)

    play(device.onboarded(), answer, played)
    assert len(played.waits) == 2
    assert "correct the clock" in played.waits[0].because


@pytest.mark.parametrize(
    ("content_type", "accepted"),
    [
        (PROTOBUF, True),
        (f"{PROTOBUF}; charset=binary", True),
        ("text/plain", True),
        ("application/json", True),
        ("text/html", False),
        (None, False),
    ],
)
def test_the_onboarding_client_takes_three_content_types(
    device: SoftDevice, controller: Controller, content_type: str | None, *, accepted: bool
) -> None:
    certs = controller.reply(controller.listed())
    controller.refuse[Endpoint.CERTS] = [Received(200, content_type, certs.body)]
    _, played = onboarded(device, controller)
    assert bool(played.waits) is not accepted


# --- polling


def poll(device: SoftDevice, controller: Controller) -> tuple[object, Played]:
    played = Played()
    done = play(device.polled(), lambda s: ask(controller, s), played)
    return done.answer, played


def test_a_first_poll_has_no_hash_and_brings_the_configuration(
    device: SoftDevice, controller: Controller
) -> None:
    onboarded(device, controller)
    answer, _ = poll(device, controller)
    assert isinstance(answer, NewConfig)
    assert (answer.config, answer.config_hash) == (controller.config, "hash-1")
    assert parse_envelope(answer.container).payload
    first = decode_poll_request(parse_envelope(controller.seen[-1][1]).payload)
    assert first.config_hash == ""
    assert poll(device, controller)[0] == Unchanged()
    again = decode_poll_request(parse_envelope(controller.seen[-1][1]).payload)
    assert again.config_hash == "hash-1"


def test_an_answer_with_the_hash_in_force_is_no_change(
    device: SoftDevice, controller: Controller
) -> None:
    onboarded(device, controller)
    poll(device, controller)
    same = encode_poll_response(PollResponse(config_hash="hash-1"))
    controller.refuse[Endpoint.CONFIG] = [controller.reply(same)]
    assert poll(device, controller)[0] == Unchanged()


def test_an_empty_hash_equals_the_one_after_a_start_and_is_ignored(
    device: SoftDevice, controller: Controller
) -> None:
    onboarded(device, controller)
    empty = encode_poll_response(PollResponse(config=b"\x0a\x00"))
    controller.refuse[Endpoint.CONFIG] = [controller.reply(empty)]
    assert poll(device, controller)[0] == Unchanged()
    assert device.standing.config == b""


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        pytest.param(Received(403), AttestFirst, id="403"),
        pytest.param(Received(400), DeviceUnknown, id="400"),
        pytest.param(Received(404), DeviceUnknown, id="404"),
        pytest.param(Received(401), Unreachable, id="401"),
        pytest.param(Received(204), Unreachable, id="204-is-an-error"),
        pytest.param(Received(200, PROTOBUF), Unreachable, id="no-body"),
        pytest.param(Received(200, PROTOBUF, b"\x0a\x00"), Unreachable, id="unwrapped"),
        pytest.param(Received(200, "text/plain", b"x"), Unreachable, id="content-type"),
        pytest.param(Received(500), Unreachable, id="500"),
    ],
)
def test_each_answer_to_a_poll_has_one_meaning(
    device: SoftDevice, controller: Controller, reply: Reply, wanted: type[object]
) -> None:
    onboarded(device, controller)
    controller.refuse[Endpoint.CONFIG] = [reply]
    answer, played = poll(device, controller)
    assert isinstance(answer, wanted)
    assert played.endpoints == ["config"]


@pytest.mark.parametrize(
    ("reply", "temporary"),
    [
        (Received(503), True),
        (NoConnection("no", Cause.REFUSED), True),
        (NoConnection("no", Cause.TIME_INVALID), True),
        (NoConnection("no", Cause.UNKNOWN_CA), False),
        (Received(500), False),
    ],
)
def test_a_device_under_test_knows_which_failures_pass(
    device: SoftDevice, controller: Controller, reply: Reply, *, temporary: bool
) -> None:
    onboarded(device, controller)
    controller.refuse[Endpoint.CONFIG] = [reply]
    answer, _ = poll(device, controller)
    assert isinstance(answer, Unreachable)
    assert answer.temporary is temporary


def test_an_unknown_signing_certificate_is_fetched_once_and_the_poll_repeated(
    device: SoftDevice, controller: Controller
) -> None:
    onboarded(device, controller)
    before = device.standing.trust
    controller.rotate()
    answer, played = poll(device, controller)
    assert isinstance(answer, NewConfig)
    assert played.endpoints == ["config", "certs", "config"]
    assert device.standing.trust.previous == before.current


def test_an_answer_under_the_previous_certificate_is_still_believed(
    device: SoftDevice, controller: Controller
) -> None:
    onboarded(device, controller)
    old = controller.signing
    controller.rotate()
    poll(device, controller)
    controller.signing = old
    controller.config_hash = "hash-2"
    answer, played = poll(device, controller)
    assert isinstance(answer, NewConfig)
    assert played.endpoints == ["config"]


def test_a_foreign_signer_is_never_believed(device: SoftDevice, controller: Controller) -> None:
    onboarded(device, controller)
    honest, foreign = controller.signing, issue("signing", controller.root)

    def answer(send: Send) -> Reply:
        controller.signing = honest if send.endpoint is Endpoint.CERTS else foreign
        return ask(controller, send)

    done = play(device.polled(), answer, Played())
    assert isinstance(done.answer, Unreachable)
    assert "does not publish" in done.answer.reason
    assert device.standing.config == b""


def test_a_changed_payload_is_never_believed(device: SoftDevice, controller: Controller) -> None:
    onboarded(device, controller)
    body = controller.reply(
        encode_poll_response(PollResponse(config=b"\x0a\x00", config_hash="hash-1"))
    ).body
    forged = body.replace(b"hash-1", b"hash-2")
    controller.refuse[Endpoint.CONFIG] = [Received(200, PROTOBUF, forged)]
    answer, _ = poll(device, controller)
    assert isinstance(answer, Unreachable)
    assert "signature" in answer.reason


def test_an_older_configuration_is_obsolete_only_when_both_times_are_known() -> None:
    older, newer = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC)
    assert is_obsolete(older, newer)
    assert not is_obsolete(newer, older)
    assert not is_obsolete(newer, newer)
    assert not is_obsolete(None, newer)
    assert not is_obsolete(older, None)


def test_a_wait_that_breaks_off_is_asked_again_soon(
    device: SoftDevice, controller: Controller
) -> None:
    """A controller that is restarted must not make its devices deaf for the long pause of a 404."""
    onboarded(device, controller)
    for reply, soon in (
        (NoConnection("gone"), True),
        (Received(503), True),
        (Received(404), False),
    ):
        controller.refuse[Endpoint.WAIT] = [reply]
        done = play(device.change(), lambda s: ask(controller, s), Played())
        assert isinstance(done, NotServed)
        assert done.temporary is soon


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        (Received(200, PROTOBUF), PollNow),
        (Received(304), NothingNew),
        (Received(403), AttestFirst),
        (Received(503), NotServed),
        (Received(404), NotServed),
        (NoConnection("gone"), NotServed),
    ],
)
def test_waiting_for_a_change_ends_in_one_of_four_ways(
    device: SoftDevice, controller: Controller, reply: Reply, wanted: type[object]
) -> None:
    onboarded(device, controller)
    controller.refuse[Endpoint.WAIT] = [reply]
    played = Played()
    done = play(device.change(), lambda s: ask(controller, s), played)
    assert isinstance(done, wanted)
    step = played.steps[0]
    assert isinstance(step, Send)
    assert step.path == f"/api/v2/edgedevice/id/{controller.device_id}/ext/wait"


# --- attestation


def kinds(played: Played) -> list[str]:
    names: list[str] = []
    for step in played.steps:
        if isinstance(step, Send) and step.endpoint is Endpoint.ATTEST:
            request = decode_z_attest_req(parse_envelope(step.body).payload)
            names.append(("none", "cert", "nonce", "quote", "escrow")[request.req_type])
        else:
            names.append("wait" if not isinstance(step, Send) else str(step.endpoint))
    return names


def attested(
    device: SoftDevice, controller: Controller, escrow: tuple[AttestVolumeKey, ...] = ()
) -> tuple[Attested | NotKnown, Played]:
    played = Played()
    return play(device.attested(escrow), lambda s: ask(controller, s), played), played


def test_attestation_without_a_tpm_brings_a_token_that_the_poll_carries(
    device: SoftDevice, controller: Controller
) -> None:
    onboarded(device, controller)
    controller.token = b"token-of-sixteen"
    assert isinstance(poll(device, controller)[0], AttestFirst)
    done, played = attested(device, controller)
    assert isinstance(done, Attested)
    assert kinds(played) == ["cert", "nonce", "quote"]
    assert isinstance(poll(device, controller)[0], NewConfig)
    sent = [s for s in played.steps if isinstance(s, Send)]
    assert [s.stop_on_refusal for s in sent] == [False, True, True]
    quote = decode_z_attest_req(parse_envelope(sent[2].body).payload).quote
    assert quote is not None
    assert (quote.attest_data, quote.signature, quote.pcr_values) == (b"", b"", ())
    assert quote.versions


def test_with_a_tpm_the_keys_are_escrowed_under_the_fresh_token(
    device: SoftDevice, controller: Controller
) -> None:
    onboarded(device, controller)
    key = AttestVolumeKey(key=b"opaque")
    done, played = attested(device, controller, (key,))
    assert isinstance(done, Attested)
    assert kinds(played) == ["cert", "nonce", "quote", "escrow"]
    assert controller.stored == (key,)
    again, _ = attested(device, controller, (key,))
    assert isinstance(again, Attested)
    assert again.keys == (key,)


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        (ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_NONCE_MISMATCH, ["wait", "nonce", "quote"]),
        (ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_NO_CERT_FOUND, ["wait", "nonce", "quote"]),
        (ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_QUOTE_FAILED, ["wait", "nonce", "quote"]),
        (ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_INVALID, ["wait", "quote"]),
        (ZAttestResponseCode(77), ["wait", "quote"]),
    ],
)
def test_the_verdict_on_a_quote_says_where_to_go_on(
    device: SoftDevice,
    controller: Controller,
    code: ZAttestResponseCode,
    wanted: list[str],
) -> None:
    onboarded(device, controller)
    controller.quote_codes = [code]
    _, played = attested(device, controller)
    assert kinds(played) == ["cert", "nonce", "quote", *wanted]
    assert [w.seconds for w in played.waits] == [15]


def test_an_upload_that_fails_is_repeated_after_ten_seconds(
    device: SoftDevice, controller: Controller
) -> None:
    onboarded(device, controller)
    controller.refuse[Endpoint.ATTEST] = [Received(503), NoConnection("gone")]
    _, played = attested(device, controller)
    assert [w.seconds for w in played.waits] == [10, 10]


@pytest.mark.parametrize("status", [400, 404])
def test_an_upload_that_is_told_unknown_asks_for_the_uuid_again(
    device: SoftDevice, controller: Controller, status: int
) -> None:
    onboarded(device, controller)
    controller.refuse[Endpoint.ATTEST] = [Received(status)]
    done, played = attested(device, controller)
    assert isinstance(done, NotKnown)
    assert kinds(played) == ["cert"]


def test_an_answer_of_another_type_is_asked_again_after_fifteen_seconds(
    device: SoftDevice, controller: Controller
) -> None:
    onboarded(device, controller)
    uploaded = ZAttestResponse(resp_type=ZAttestRespType.ATTEST_RESP_CERT)
    reply = controller.reply(encode_z_attest_response(uploaded), 201)
    controller.refuse[Endpoint.ATTEST] = [reply, reply]  # right for the upload, wrong for a nonce
    _, played = attested(device, controller)
    assert kinds(played) == ["cert", "nonce", "wait", "nonce", "quote"]
    assert played.waits[0].seconds == 15


# --- reports


DELIVERED, DROPPED, KEPT = Delivered, Dropped, Kept
GONE = NoConnection("gone")


@pytest.mark.parametrize(
    ("endpoint", "reply", "wanted"),
    [
        *((Endpoint.INFO, Received(s), DELIVERED) for s in (200, 201, 204, 304)),
        *((Endpoint.INFO, Received(s), DROPPED) for s in (400, 404, 409, 413, 422)),
        *((Endpoint.INFO, Received(s), KEPT) for s in (401, 403, 407, 408, 429, 500, 503)),
        (Endpoint.INFO, GONE, KEPT),
        *((Endpoint.METRICS, Received(s), DELIVERED) for s in (200, 201, 204, 304)),
        *((Endpoint.METRICS, Received(s), DROPPED) for s in (400, 401, 503)),
        (Endpoint.METRICS, GONE, DROPPED),
        *((Endpoint.NEWLOGS, Received(s), DELIVERED) for s in (200, 201)),
        *((Endpoint.NEWLOGS, Received(s), KEPT) for s in (204, 304, 400, 401, 429, 500, 503)),
        *((Endpoint.APP_NEWLOGS, r, KEPT) for r in (Received(404), GONE)),
        *((Endpoint.FLOWLOG, r, KEPT) for r in (Received(400), Received(503), GONE)),
        (Endpoint.HARDWAREHEALTH, Received(200), DELIVERED),
        (Endpoint.HARDWAREHEALTH, Received(503), KEPT),
    ],
)
def test_each_reply_to_a_report_has_one_fate(
    endpoint: Endpoint, reply: Reply, wanted: type[object]
) -> None:
    assert isinstance(fate(endpoint, reply), wanted)


def test_a_log_upload_tells_refused_from_unavailable_and_slows_down() -> None:
    assert fate(Endpoint.NEWLOGS, Received(400)) == Kept(
        "newlogs: status 400, the controller does not know this device, or could not read the"
        " request",
        refused=True,
    )
    unavailable, limited = (fate(Endpoint.NEWLOGS, Received(s)) for s in (503, 429))
    assert isinstance(unavailable, Kept)
    assert not unavailable.refused
    assert isinstance(limited, Kept)
    assert limited.slow_down


def test_a_report_is_sealed_by_the_device(device: SoftDevice, controller: Controller) -> None:
    onboarded(device, controller)
    played = Played()
    flow = device.reported(Endpoint.INFO, b"\x08\x01")
    assert play(flow, lambda s: ask(controller, s), played) == Delivered()
    step = played.steps[0]
    assert isinstance(step, Send)
    assert parse_envelope(step.body).payload == b"\x08\x01"
    assert step.path == f"/api/v2/edgedevice/id/{controller.device_id}/info"
    assert step.stop_on_refusal
