"""802.1X: which ports authenticate themselves, and what the device enrols for it."""

import base64
from dataclasses import replace

from unit.controller.worlds import FACTS, WORLD, clear, secret

from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.enrolment import SCEPProfile
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.render import render_device
from eaves.evapi.config import EAPMethod, KeyType, ScepHashAlgorithm

PEM = "-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n"
PROFILE = SCEPProfile.from_json(
    {
        "id": "cep1",
        "name": "plant-certificates",
        "scepUrl": "https://scep.example/scep",
        "caCertPem": [PEM, base64.b64encode(PEM.encode()).decode()],
        "csrProfile": {
            "commonName": "edge",
            "organization": "Plant",
            "sanUri": ["urn:edge"],
            "renewPeriodPercent": 80,
            "keyType": "KEY_TYPE_RSA_3072",
            "hashAlgorithm": "HASH_ALGORITHM_SHA384",
        },
    }
)


def project(**policy: object) -> Tag:
    body = {"eapMethod": "EAP_METHOD_TLS", "eapIdentity": "edge@plant", **policy}
    whole = {"name": "access", "portBasedNetworkAccessControlPolicy": body}
    return Tag.from_json(
        {"id": "p1", "name": "plant", "portBasedNetworkAccessControlPolicy": whole}
    )


def world(asked: Tag, *, taking_part: bool = True) -> DeviceInputs:
    device = WORLD.device.to_json()
    device["interfaces"][0]["enablePortBasedNetworkAccessControl"] = taking_part
    device["interfaces"][1]["enablePortBasedNetworkAccessControl"] = True  # direct: not ours
    return replace(
        WORLD,
        device=DeviceConfig.from_json(device),
        project=asked,
        enrolments={"cep1": PROFILE},
        secrets={**WORLD.secrets, **dict([secret("cep1", "challengePassword", "let me in")])},
    )


ENABLED = project(enablePortBasedNetworkAccessControl=True, certificateEnrollmentId="cep1")


def test_a_port_that_takes_part_authenticates_with_a_certificate_of_the_profile() -> None:
    rendered = render_device(world(ENABLED), FACTS)
    assert rendered.missing == ()
    (port,) = rendered.config.pnacs
    assert (port.logicallabel, port.eap_identity) == ("eth0", "edge@plant")
    assert port.eap_method is EAPMethod.EAP_METHOD_TLS
    (profile,) = rendered.config.scep_profiles
    assert port.cert_enrollment_profile_name == profile.profile_name == "plant-certificates"
    assert profile.scep_url == "https://scep.example/scep"
    assert profile.ca_cert_pem == (PEM.encode(), PEM.encode())
    assert clear(profile.scep_challenge_password).scep_challenge_password == "let me in"
    asked = profile.csr_profile
    assert asked is not None
    assert (asked.common_name, asked.organization) == ("edge", "Plant")
    assert (asked.san_uri, asked.renew_period_percent) == (("urn:edge",), 80)
    assert asked.key_type is KeyType.KEY_TYPE_RSA_3072
    assert asked.hash_algorithm is ScepHashAlgorithm.HASH_ALGORITHM_SHA384


def test_without_a_port_that_takes_part_nothing_is_delivered() -> None:
    config = render_device(world(ENABLED, taking_part=False), FACTS).config
    assert (config.pnacs, config.scep_profiles) == ((), ())


def test_a_port_that_takes_part_without_a_policy_is_told() -> None:
    rendered = render_device(world(project()), FACTS)
    assert rendered.config.pnacs == ()
    (why,) = rendered.missing
    assert "ports eth0 ask for 802.1X, and project 'plant' has no policy" in why


def test_what_cannot_be_delivered_is_left_out_and_told() -> None:
    rendered = render_device(replace(world(ENABLED), ecdh_pem=b""), FACTS)
    (profile,) = rendered.config.scep_profiles
    assert profile.scep_challenge_password is None
    assert "'plant-certificates' goes without its password" in "\n".join(rendered.missing)


def test_a_device_is_told_to_ask_by_way_of_the_controller() -> None:
    by_controller = PROFILE.model_copy(update={"use_controller_proxy": True})
    asked = replace(world(ENABLED), enrolments={"cep1": by_controller})
    rendered = render_device(asked, FACTS)
    assert rendered.missing == ()
    assert [one.use_controller_proxy for one in rendered.config.scep_profiles] == [True]
    (direct,) = render_device(world(ENABLED), FACTS).config.scep_profiles
    assert not direct.use_controller_proxy
