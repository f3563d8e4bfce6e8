"""What a device is told of each kind of datastore, and that a node knows where to fetch from."""

import base64

import pytest
from unit.controller.worlds import FACTS, WORLD

from eaves.controller.domain.contract.datastores import DatastoreInfo, DatastoreType
from eaves.controller.domain.render.secrets import Secrets
from eaves.controller.domain.render.storage import DATASTORE_TYPES, datastore
from eaves.evapi.config import DatastoreConfig, DsType
from eaves.node.storage.addresses import object_url
from eaves.node.storage.intent import source

PEM = b"-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n"
PACKED = base64.b64encode(PEM).decode()

# dsType, dsFQDN, dsPath, region -> type on the wire, URL of the object "a/disk.img"
ROWS = [
    ("HTTP", "files.lan", "images", "", DsType.DsHttp, "http://files.lan/images/a/disk.img"),
    ("HTTPS", "files.lan", "images", "", DsType.DsHttps, "https://files.lan/images/a/disk.img"),
    (
        *("AWSS3", "s3.amazonaws.com", "bucket/p", "eu-west-1", DsType.DsS3),
        "https://bucket.s3.eu-west-1.amazonaws.com/p/a/disk.img",
    ),
    ("ZEDEDAS3", "https://s3.lan", "bucket", "x", DsType.DsS3, "https://s3.lan/bucket/a/disk.img"),
    (
        *("AZUREBLOB", "https://acc.blob.core.windows.net", "box", "", DsType.DsAzureBlob),
        "https://acc.blob.core.windows.net/box/a/disk.img",
    ),
    (
        *("ZEDEDABLOB", "acc.blob.core.windows.net", "box", "", DsType.DsAzureBlob),
        "https://acc.blob.core.windows.net/box/a/disk.img",
    ),
    ("SFTP", "sftp://host:2222", "/srv", "", DsType.DsSFTP, "sftp://host:2222//srv/a/disk.img"),
    (
        *("CONTAINERREGISTRY", "docker://hub.lan", "team", "", DsType.DsContainerRegistry),
        "https://hub.lan/v2/team/a/disk.img",
    ),
]


def rendered(word: str, fqdn: str, path: str, region: str) -> DatastoreConfig:
    said = {
        "id": "ds9",
        "name": "there",
        "dsType": f"DATASTORE_TYPE_{word}",
        "dsFQDN": fqdn,
        "dsPath": path,
        "region": region,
        "certificateChain": {
            "certificates": [{"cert": "one"}, {"cert": "two"}, {}, {"cert": PACKED}]
        },
    }
    config, missing = datastore(DatastoreInfo.from_json(said), Secrets(WORLD, FACTS, None))
    assert not missing
    return config


@pytest.mark.parametrize(
    ("word", "fqdn", "path", "region", "kind", "url"), ROWS, ids=[row[0] for row in ROWS]
)
def test_a_datastore_of_each_type_is_one_that_a_node_fetches_from(
    word: str, fqdn: str, path: str, region: str, kind: DsType, url: str
) -> None:
    config = rendered(word, fqdn, path, region)
    assert (config.d_type, config.dpath, config.region) == (kind, path, region)
    assert config.ds_cert_pem == (b"one", b"two", PEM)
    found = source(config, "CONTAINER" if kind is DsType.DsContainerRegistry else "RAW")
    assert object_url(found.kind, found.base, "a/disk.img") == url


def test_no_type_is_left_out() -> None:
    own = {DatastoreType.UNSPECIFIED, DatastoreType.FILE_STORAGE}
    assert set(DATASTORE_TYPES) == set(DatastoreType) - own
    assert {DatastoreType.prefix() + row[0] for row in ROWS} == set(DATASTORE_TYPES)
