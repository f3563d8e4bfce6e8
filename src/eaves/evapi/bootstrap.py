"""The signed first configuration that an installer carries.  EVE API v2, section 11.

Its envelope holds an EdgeDevConfig, unlike that of a poll; the certificates to check it come with
it and lead to the root that the device was given.
"""

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Final

from eaves.evapi.certs import ZCert, ZCertType, decode_z_cert, verify_chain
from eaves.evapi.config import EdgeDevConfig, decode_bootstrap_config, decode_edge_dev_config
from eaves.evapi.envelope import open_known
from eaves.evapi.errors import CertificateListRefused
from eaves.evapi.pem import certificate_key, load_certificate, load_certificates

PARTS: Final = (
    "networks",
    "config_items",
    "system_adapter_list",
    "device_io_list",
    "vlans",
    "bonds",
    "config_timestamp",
)
"""The parts of a configuration that a device reads before it knows a controller."""
_SIGNING = "bootstrap signing certificate"


def open_bootstrap(data: bytes, roots_pem: bytes, now: datetime) -> EdgeDevConfig:
    """Only its `PARTS`.

    Raises EavesError; CertificateTimeInvalid when nothing but the clock stands against it.
    """
    bootstrap = decode_bootstrap_config(data)
    listed = [decode_z_cert(one) for one in bootstrap.controller_certs]
    signing = _of_type(listed, ZCertType.CERT_TYPE_CONTROLLER_SIGNING)
    if len(signing) != 1:
        raise CertificateListRefused(f"{len(signing)} signing certificates, exactly 1 is needed")
    leaf = load_certificate(signing[0].cert, _SIGNING)
    between = _of_type(listed, ZCertType.CERT_TYPE_CONTROLLER_INTERMEDIATE)
    verify_chain(
        leaf,
        [load_certificate(one.cert, "bootstrap intermediate certificate") for one in between],
        load_certificates(roots_pem, "root-certificate.pem"),
        now,
    )
    key = certificate_key(leaf, _SIGNING)
    signer = hashlib.sha256(signing[0].cert).digest()
    return first_parts(
        decode_edge_dev_config(open_known(bootstrap.signed_config or b"", signer, key))
    )


def first_parts(config: EdgeDevConfig) -> EdgeDevConfig:
    return replace(EdgeDevConfig(), **{name: getattr(config, name) for name in PARTS})


def _of_type(listed: list[ZCert], kind: ZCertType) -> list[ZCert]:
    return [one for one in listed if one.type == kind]
