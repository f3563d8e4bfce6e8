"""A small world to render: one device with a container and a VM."""

import base64
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec

from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.contract.catalogue import SysModel
from eaves.controller.domain.contract.datastores import DatastoreInfo, ImageConfig
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.networks import NetConfig
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.inputs import ControllerFacts, DeviceInputs
from eaves.controller.domain.secrets import SecretName, variable_field
from eaves.evapi.cipher import cipher_key, decrypt
from eaves.evapi.config import decode_encryption_block
from eaves.evapi.device_certs import Chance, device_certificate
from eaves.evapi.evecommon import CipherBlock, EncryptionBlock
from eaves.evapi.keys import SoftKeyAgreement

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
DEVICE_KEY = ec.derive_private_key(1234567, ec.SECP256R1())
CONTROLLER_KEY = ec.derive_private_key(7654321, ec.SECP256R1())
ECDH_PEM = device_certificate(DEVICE_KEY, Chance(NOW, lambda count: b"\x01" * count))


def open_secret(purpose: str, sealed: bytes) -> bytes:
    """The test's seal: the purpose stands in front of the value."""
    head = f"{purpose}:".encode()
    assert sealed.startswith(head)
    return sealed.removeprefix(head)


FACTS = ControllerFacts(
    controllercert_confighash="certs-1",
    ecdh_hash=b"c" * 16,
    ecdh_key=SoftKeyAgreement(CONTROLLER_KEY),
    open_secret=open_secret,
)


def secret(object_id: str, field: str, value: str) -> tuple[SecretName, bytes]:
    name = SecretName(object_id, field)
    return name, f"{name.purpose}:{value}".encode()


def clear(block: CipherBlock | None) -> EncryptionBlock:
    """What the device reads from a cipher block."""
    assert block is not None
    agreement = SoftKeyAgreement(DEVICE_KEY)
    key = cipher_key(agreement, CONTROLLER_KEY.public_key())
    return decode_encryption_block(decrypt(block, key))


DEVICE = DeviceConfig.from_json(
    {
        "id": "11111111-1111-4111-8111-111111111111",
        "name": "edge-1",
        "adminState": "ADMIN_STATE_ACTIVE",
        "projectId": "p1",
        "serialno": "serial-1",
        "resetCounter": 3,
        "interfaces": [
            {
                "intfname": "eth0",
                "intfUsage": "ADAPTER_USAGE_MANAGEMENT",
                "netname": "uplink-net",
                "sharedLabels": ["wan", "fast"],
            },
            {"intfname": "eth1", "intfUsage": "ADAPTER_USAGE_APP_DIRECT"},
        ],
        "configItem": [
            {"key": "timer.config.interval", "valueType": "INT", "uint64Value": "30"},
            {"key": "debug.enable.console", "boolValue": True},
        ],
    }
)
MODEL = SysModel.from_json(
    {
        "id": "m1",
        "name": "QEMU",
        "brandName": "Maker",
        "ioMemberList": [
            {
                "ztype": "IO_TYPE_ETH",
                "phylabel": "eth0",
                "logicallabel": "eth0",
                "assigngrp": "group0",
                "phyaddrs": {"Ifname": "eth0"},
                "usage": "ADAPTER_USAGE_MANAGEMENT",
            },
            {
                "ztype": "IO_TYPE_ETH",
                "phylabel": "eth1",
                "logicallabel": "eth1",
                "assigngrp": "group1",
                "phyaddrs": {"Ifname": "eth1", "PciLong": "0000:02:00.0"},
                "usage": "ADAPTER_USAGE_APP_SHARED",
            },
        ],
    }
)
UPLINK = NetConfig.from_json(
    {
        "id": "22222222-2222-4222-8222-222222222222",
        "name": "uplink-net",
        "kind": "NETWORK_KIND_V4",
        "ip": {"dhcp": "NETWORK_DHCP_TYPE_CLIENT"},
    }
)
APPS_NET = NetInstConfig.from_json(
    {
        "id": "33333333-3333-4333-8333-333333333333",
        "name": "apps-net",
        "kind": "NETWORK_INSTANCE_KIND_LOCAL",
        "type": "NETWORK_INSTANCE_DHCP_TYPE_V4",
        "port": "eth0",
        "deviceId": DEVICE.id,
        "deviceDefault": True,
    }
)
DEPOT = DatastoreInfo.from_json(
    {"id": "ds1", "name": "depot", "dsType": "DATASTORE_TYPE_HTTP", "dsFQDN": "depot.example"}
)
UNUSED = DatastoreInfo.from_json({"id": "ds2", "name": "unused"})
DISK = ImageConfig.from_json(
    {
        "id": "image-disk",
        "name": "debian",
        "datastoreIdList": ["ds1"],
        "imageFormat": "QCOW2",
        "imageRelUrl": "debian.qcow2",
        "imageSha256": "AB" * 32,
        "imageSizeBytes": "1000000",
    }
)
OCI = ImageConfig.from_json(
    {
        "id": "image-oci",
        "name": "web",
        "datastoreId": "ds1",
        "imageFormat": "CONTAINER",
        "imageRelUrl": "web:1",
    }
)
CONTAINER = App.from_json(
    {
        "id": "bundle-web",
        "name": "web",
        "manifestJSON": {
            "appType": "APP_TYPE_CONTAINER",
            "vmmode": "HV_NOHYPER",
            "images": [{"imagename": "web"}],
            "resources": [{"name": "cpus", "value": "1"}, {"name": "memory", "value": "262144"}],
            "interfaces": [
                {
                    "name": "eth0",
                    "acls": [
                        {
                            "matches": [
                                {"type": "protocol", "value": "tcp"},
                                {"type": "lport", "value": "8080"},
                            ],
                            "actions": [{"portmap": True, "portmapto": {"appPort": 80}}],
                        }
                    ],
                }
            ],
            "configuration": {
                "customConfig": {
                    "fieldDelimiter": "###",
                    "template": base64.b64encode(
                        b"GREETING=###WORD###\nTOKEN=###KEY###\n"
                    ).decode(),
                    "variableGroups": [
                        {
                            "name": "g",
                            "variables": [
                                {"name": "WORD", "default": "hello", "required": True},
                                {"name": "KEY", "format": "VARIABLE_FORMAT_PASSWORD"},
                            ],
                        }
                    ],
                }
            },
        },
    }
)
MACHINE = App.from_json(
    {
        "id": "bundle-vm",
        "name": "vm",
        "manifestJSON": {
            "appType": "APP_TYPE_VM",
            "vmmode": "HV_HVM",
            "images": [{"imagename": "debian"}, {"drvtype": "HDD_EMPTY", "maxsize": "1024"}],
        },
    }
)
WEB = AppInstance.from_json(
    {
        "id": "44444444-4444-4444-8444-444444444444",
        "name": "web-1",
        "appId": "bundle-web",
        "deviceId": DEVICE.id,
        "activate": True,
        "interfaces": [{"intfname": "eth0", "netinstname": "apps-net"}],
    }
)
VM = AppInstance.from_json(
    {
        "id": "55555555-5555-4555-8555-555555555555",
        "name": "vm-1",
        "appId": "bundle-vm",
        "deviceId": DEVICE.id,
        "activate": True,
        "vminfo": {"cpus": 2, "memory": 1048576, "mode": "HV_HVM"},
        "purge": {"counter": 4, "opsTime": "2026-05-01T00:00:00Z"},
        "drives": [
            {"imagename": "debian", "maxsize": "2048", "target": "Disk"},
            {"drvtype": "HDD_EMPTY", "maxsize": "1024"},
            {"mvolname": "data"},
        ],
        "interfaces": [
            {
                "intfname": "eth0",
                "netinstid": APPS_NET.id,
                "acls": [
                    {
                        "matches": [{"type": "host", "value": ""}],
                        "actions": [{"limit": True, "limitrate": 5, "limitunit": "s"}],
                    },
                    {"matches": [{"type": "ip", "value": "0.0.0.0/0"}]},
                ],
            },
            {"intfname": "eth1", "directattach": True, "io": {"name": "eth1"}},
        ],
    }
)
DATA = VolInstConfig.from_json(
    {
        "id": "66666666-6666-4666-8666-666666666666",
        "name": "data",
        "type": "VOLUME_INSTANCE_TYPE_BLOCKSTORAGE",
        "sizeBytes": "4096",
        "deviceId": DEVICE.id,
        "purge": {"counter": 2},
    }
)
WORLD = DeviceInputs(
    device=DEVICE,
    enterprise_id="acme",
    enterprise_name="Acme",
    project=Tag.from_json({"id": "p1", "name": "shop"}),
    model=MODEL,
    networks={UPLINK.id: UPLINK},
    netinsts=(APPS_NET,),
    volumes=(DATA,),
    instances=(WEB, VM),
    bundles={CONTAINER.id: CONTAINER, MACHINE.id: MACHINE},
    images={key: image for image in (DISK, OCI) for key in (image.id, image.name)},
    datastores={DEPOT.id: DEPOT, UNUSED.id: UNUSED},
    secrets=dict(
        (
            secret("ds1", "apiKey", "reader"),
            secret("ds1", "apiPasswd", "open sesame"),
            secret(WEB.id, variable_field("KEY"), "s3cr3t"),
        )
    ),
    ecdh_pem=ECDH_PEM,
    ecdh_hash=b"d" * 16,
)
