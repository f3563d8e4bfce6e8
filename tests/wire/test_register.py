"""What a registration and a UUID answer may hold."""

import base64

import pytest
from wire import golden

from eaves.errors import EavesError
from eaves.evapi.errors import MalformedMessage, UnreadableCertificate
from eaves.evapi.register import ZRegisterMsg, device_certificate_of, registration
from eaves.evapi.uuid import UuidResponse, device_id_of, hardware_model

CERT = base64.b64encode(golden.pem("device.cert"))


@pytest.mark.parametrize(
    ("message", "error"),
    [
        pytest.param(ZRegisterMsg(), MalformedMessage, id="empty"),
        pytest.param(ZRegisterMsg(pem_cert=b"A" * 99), MalformedMessage, id="too-short"),
        pytest.param(ZRegisterMsg(pem_cert=b"A" * 10_241), MalformedMessage, id="too-long"),
        pytest.param(ZRegisterMsg(pem_cert=CERT, serial="a\0"), MalformedMessage, id="zero-byte"),
        pytest.param(ZRegisterMsg(pem_cert=b"%" * 200), MalformedMessage, id="no-base64"),
        pytest.param(ZRegisterMsg(pem_cert=b"A" * 200), UnreadableCertificate, id="no-certificate"),
        pytest.param(
            ZRegisterMsg(pem_cert=CERT, serial="s" * 257), MalformedMessage, id="long-serial"
        ),
        pytest.param(
            ZRegisterMsg(pem_cert=CERT, soft_serial="s" * 257), MalformedMessage, id="long-soft"
        ),
        pytest.param(
            ZRegisterMsg(pem_cert=CERT, soft_serial="a b"), MalformedMessage, id="soft-signs"
        ),
    ],
)
def test_a_registration_that_breaks_a_constraint_is_refused(
    message: ZRegisterMsg, error: type[EavesError]
) -> None:
    with pytest.raises(error):
        device_certificate_of(message)


def test_serials_are_trimmed_and_may_be_long() -> None:
    message = registration(golden.pem("device.cert"), f" {'s' * 256}\n", " soft-1_ ")
    assert (len(message.serial), message.soft_serial) == (256, "soft-1_")
    assert device_certificate_of(message) == golden.pem("device.cert")


@pytest.mark.parametrize("text", ["", "x", "3f1d8c0a-6a5e-4b87-9f0e-2c6a1de4b0011"])
def test_an_answer_that_is_no_uuid_is_refused(text: str) -> None:
    with pytest.raises(MalformedMessage):
        device_id_of(UuidResponse(uuid=text))


def test_the_model_is_replaced_only_by_both_its_parts() -> None:
    assert device_id_of(UuidResponse(uuid=golden.DEVICE_ID.upper())) == golden.DEVICE_ID
    assert hardware_model(UuidResponse(manufacturer="Acme", product_name="Box/1")) == "Acme.Box_1"
    assert hardware_model(UuidResponse(manufacturer="Acme")) is None
