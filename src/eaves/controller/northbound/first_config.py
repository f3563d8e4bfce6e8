"""What a device is told of its ports before it has a controller: a signed file of its installer."""

from typing import NamedTuple

from eaves.controller.keys import KeyStore
from eaves.controller.keys.published import signing_list
from eaves.evapi.bootstrap import first_parts
from eaves.evapi.certs import encode_z_cert
from eaves.evapi.config import (
    BootstrapConfig,
    decode_edge_dev_config,
    encode_bootstrap_config,
    encode_edge_dev_config,
)
from eaves.evapi.envelope import seal


class FirstConfig(NamedTuple):
    config: bytes  # EdgeDevConfig
    file: bytes  # bootstrap-config.pb, which holds it


def first_config(config: bytes, keys: KeyStore) -> FirstConfig:
    """Of the configuration that the device would get from its controller."""
    encoded = encode_edge_dev_config(first_parts(decode_edge_dev_config(config)))
    signed = BootstrapConfig(
        signed_config=seal(encoded, keys.sender),
        controller_certs=tuple(encode_z_cert(one) for one in signing_list(keys.ring)),
    )
    return FirstConfig(encoded, encode_bootstrap_config(signed))
