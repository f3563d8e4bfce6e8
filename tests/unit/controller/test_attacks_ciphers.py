"""Secrets on their way to devices: only as cipher blocks, and worth nothing anywhere else."""

import base64
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from unit.controller.worlds import (
    CONTROLLER_KEY,
    DEVICE_KEY,
    ECDH_PEM,
    FACTS,
    NOW,
    UPLINK,
    WORLD,
    clear,
    secret,
)

from eaves.controller.domain.contract.networks import NetConfig
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.render import render_device
from eaves.controller.northbound.resources.networking import without_passwords
from eaves.evapi.certs import ControllerCerts, EcdhCert
from eaves.evapi.cipher import cipher_key, decrypt
from eaves.evapi.config import EdgeDevConfig, encode_edge_dev_config
from eaves.evapi.device_certs import Chance, device_certificate
from eaves.evapi.errors import BadCipherBlock
from eaves.evapi.evecommon import CipherBlock
from eaves.evapi.keys import SoftKeyAgreement
from eaves.ids import AppInstanceId
from eaves.node.comms.secrets import CipherContextUnknown, Decryptor, contexts_of
from eaves.node.compose import datastore_secret
from eaves.node.refs import AppInForce
from eaves.node.runtime.wish import open_user_data

WIFI, LTE = "air of the plant", "the account of the SIM"
POINT = {
    "simSlot": 1,
    "apn": "internet",
    "authProtocol": "CELLULAR_AUTH_PROTOCOL_CHAP",
    "ipType": "CELLULAR_IP_TYPE_IPV4",
    "preferredRats": ["RADIO_ACCESS_TECHNOLOGY_LTE"],
    "secrets": {"username": "sim", "password": LTE},
    "attachSecrets": {"username": "attach", "password": LTE + "!"},
}


def network(wireless: dict[str, object]) -> NetConfig:
    told = {"name": "uplink-net", "kind": "NETWORK_KIND_V4", "wireless": wireless}
    return NetConfig.from_json(told).model_copy(update={"id": UPLINK.id})


def world(wireless: dict[str, object]) -> DeviceInputs:
    """As the controller stores it: what is secret is taken out of the object and sealed."""
    public, taken = without_passwords(network(wireless))
    sealed = dict(secret(public.id, field, text) for field, text in taken.items())
    return replace(
        WORLD, networks={public.id: public}, secrets={**WORLD.secrets, **sealed}, memo={}
    )


MOBILE = world({"type": "NETWORK_WIRELESS_TYPE_CELLULAR", "cellularCfg": {"accessPoints": [POINT]}})
RADIO = world(
    {
        "type": "NETWORK_WIRELESS_TYPE_WIFI",
        "wifiCfg": {"wifiSSID": "plant", "keyScheme": "WPAPSK", "secret": {"WiFiPasswd": WIFI}},
    }
)
CONFIG = render_device(MOBILE, FACTS).config


def blocks(value: object) -> Iterator[CipherBlock]:
    if isinstance(value, CipherBlock):
        yield value
    elif isinstance(value, tuple):
        for one in cast("tuple[object, ...]", value):
            yield from blocks(one)
    elif is_dataclass(value):
        for field in fields(value):
            yield from blocks(getattr(value, field.name))


def test_accounts_of_access_points_and_wifi_keys_are_sent_as_cipher_blocks() -> None:
    (config,) = [n for n in CONFIG.networks if n.wireless is not None]
    assert config.wireless is not None
    (point,) = config.wireless.cellular_cfg[0].access_points
    opened = clear(point.cipher_data)
    assert (opened.cellular_net_username, opened.cellular_net_password) == ("sim", LTE)
    assert opened.cellular_net_attach_password == LTE + "!"
    assert (point.sim_slot, point.apn, point.auth_protocol.name[-4:]) == (1, "internet", "CHAP")
    (wifi,) = [n.wireless for n in render_device(RADIO, FACTS).config.networks if n.wireless]
    assert clear(wifi.wifi_cfg[0].cipher_data).wifi_password == WIFI


@pytest.mark.parametrize("inputs", [MOBILE, RADIO], ids=["cellular", "wifi"])
def test_no_secret_stands_in_a_configuration_in_clear(inputs: DeviceInputs) -> None:
    encoded = encode_edge_dev_config(render_device(inputs, FACTS).config)
    for text in (WIFI, LTE, "open sesame", "s3cr3t"):
        assert text.encode() not in encoded
        assert base64.b64encode(text.encode()) not in encoded
    for net in inputs.networks.values():
        assert WIFI not in net.to_json_text()
        assert LTE not in net.to_json_text()


@pytest.mark.parametrize("inputs", [MOBILE, RADIO], ids=["cellular", "wifi"])
def test_a_device_without_an_ecdh_certificate_gets_no_secret_and_the_reason_is_told(
    inputs: DeviceInputs,
) -> None:
    rendered = render_device(replace(inputs, ecdh_pem=b"", ecdh_hash=b"", memo={}), FACTS)
    assert not list(blocks(rendered.config))
    assert any("ECDH certificate" in one for one in rendered.missing)


CONTROLLER = ControllerCerts(
    signing_hash=bytes(32),
    signing_key=CONTROLLER_KEY.public_key(),
    signing_not_before=NOW,
    ecdh=(EcdhCert(FACTS.ecdh_hash, b"", CONTROLLER_KEY.public_key()),),
    cert_hashes=frozenset({FACTS.ecdh_hash}),
)


def decryptor(key: ec.EllipticCurvePrivateKey, config: EdgeDevConfig = CONFIG) -> Decryptor:
    """As the node makes it."""
    own = frozenset({WORLD.ecdh_hash})
    return Decryptor(contexts_of(config), lambda: (CONTROLLER,), SoftKeyAgreement(key), own)


def test_a_device_without_the_right_key_gets_nothing() -> None:
    found = list(blocks(CONFIG))
    assert len(found) >= 3
    stranger = ec.generate_private_key(ec.SECP256R1())
    for block in found:
        decryptor(DEVICE_KEY).open(block)
        with pytest.raises(BadCipherBlock):
            decryptor(stranger).open(block)


def test_ecdh_key_substitution_makes_blocks_that_only_the_substitute_opens() -> None:
    """A certificate in the place of the device's: the device itself notices at once.

    That the controller takes no substitute, and the device none of the controller's, is tested
    where certificates come in.
    """
    other = ec.generate_private_key(ec.SECP256R1())
    pem = device_certificate(other, Chance(NOW, lambda count: b"\x02" * count))
    assert pem != ECDH_PEM
    swapped = render_device(
        replace(MOBILE, ecdh_pem=pem, ecdh_hash=b"x" * 16, memo={}), FACTS
    ).config
    assert {c.context_id for c in swapped.cipher_contexts}.isdisjoint(
        c.context_id for c in CONFIG.cipher_contexts
    )
    for block in blocks(swapped):
        with pytest.raises(CipherContextUnknown, match="another certificate"):
            decryptor(DEVICE_KEY, swapped).open(block)
        with pytest.raises(CipherContextUnknown):
            decryptor(DEVICE_KEY).open(block)


def test_a_cipher_block_moved_between_objects_is_useless() -> None:
    """A block holds the fields of its own use and no others: elsewhere it is an empty secret."""
    app = next(a for a in CONFIG.apps if a.cipher_data is not None)
    (store,) = [s for s in CONFIG.datastores if s.cipher_data is not None]
    assert app.cipher_data is not None
    moved = replace(store, cipher_data=app.cipher_data)
    there = replace(CONFIG, datastores=(moved,))
    got = datastore_secret(f"datastore/{store.id}", there, decryptor(DEVICE_KEY))
    assert got is not None
    assert (got.username, got.password) == ("", "")
    swapped = AppInForce(
        replace(app, cipher_data=store.cipher_data), AppInstanceId("a"), 1, True, 0
    )
    opened, locked = open_user_data((swapped,), decryptor(DEVICE_KEY).open)
    assert list(opened.values()) in ([""], [])
    assert "open sesame" not in str(opened) + str(locked)


def test_a_cipher_block_moved_to_another_device_does_not_open() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    key = cipher_key(SoftKeyAgreement(other), CONTROLLER_KEY.public_key())
    for block in blocks(CONFIG):
        with pytest.raises(BadCipherBlock):
            decrypt(block, key)


def test_a_changed_byte_of_a_cipher_block_is_noticed() -> None:
    block = next(blocks(CONFIG))
    data = block.cipher_data
    changed = replace(block, cipher_data=data[:-1] + bytes((data[-1] ^ 1,)))
    with pytest.raises(BadCipherBlock):
        decryptor(DEVICE_KEY).open(changed)
