"""Fields of volumes, content and datastores, and the properties that storage obeys."""

from dataclasses import replace
from typing import Final

import pytest

from eaves.evapi.config import (
    ConfigItem,
    ContentTree,
    DatastoreConfig,
    DsType,
    EdgeDevConfig,
    Format,
    Target,
    Volume,
    VolumeContentOrigin,
    VolumeContentOriginType,
)
from eaves.evapi.evecommon import CipherBlock
from eaves.ids import ContentTreeId
from eaves.node import refs
from eaves.node.storage import items
from eaves.node.storage.intent import intent
from eaves.node.storage.settings import StorageSettings, settings_of

TREE: Final = "10000000-0000-0000-0000-000000000001"
STORE: Final = "30000000-0000-0000-0000-000000000001"
BLANK: Final = Volume(
    uuid="20000000-0000-0000-0000-000000000001",
    origin=VolumeContentOrigin(type=VolumeContentOriginType.VCOT_BLANK),
    maxsizebytes=1 << 20,
)
HTTPS: Final = DatastoreConfig(
    id=STORE, d_type=DsType.DsHttps, fqdn="files.example", dpath="/images/"
)
DISK: Final = ContentTree(
    uuid=TREE, ds_ids_list=(STORE,), url="disk.img", iformat=Format.RAW, sha256="ab" * 32
)

DOWNLOAD: Final = replace(
    BLANK,
    maxsizebytes=0,
    origin=VolumeContentOrigin(
        type=VolumeContentOriginType.VCOT_DOWNLOAD, download_content_tree_id=TREE
    ),
)


def made_volume(told: Volume) -> items.Volume:
    (made,) = intent(EdgeDevConfig(volumes=(told,))).items
    assert isinstance(made, items.Volume)
    return made


def made_tree(told: ContentTree = DISK, store: DatastoreConfig = HTTPS) -> items.ContentTree:
    (made,) = intent(EdgeDevConfig(content_info=(told,), datastores=(store,))).items
    assert isinstance(made, items.ContentTree)
    return made


def test_a_volume_is_read_only_if_it_says_so() -> None:
    assert made_volume(replace(BLANK, readonly=True)).read_only
    assert not made_volume(BLANK).read_only


def test_a_volume_is_encrypted_unless_it_may_be_clear() -> None:
    assert not made_volume(replace(BLANK, clear_text=True)).encrypted
    assert made_volume(BLANK).encrypted


def test_a_refused_volume_is_named_as_a_person_does() -> None:
    told = replace(BLANK, display_name="spool", maxsizebytes=0)
    (refusal,) = intent(EdgeDevConfig(volumes=(told,))).refusals
    assert "volume spool" in refusal.text


@pytest.mark.parametrize(
    ("target", "as_is"),
    [
        (Target.TgtUnknown, False),
        (Target.Disk, False),
        (Target.Kernel, True),
        (Target.Initrd, True),
        (Target.RamDisk, True),
        (Target.AppCustom, True),
    ],
)
def test_a_volume_that_is_no_disk_is_the_file_it_was_made_from(
    target: Target, *, as_is: bool
) -> None:
    _, made = intent(
        EdgeDevConfig(
            content_info=(DISK,), datastores=(HTTPS,), volumes=(replace(DOWNLOAD, target=target),)
        )
    ).items
    assert isinstance(made, items.Volume)
    assert made.as_is is as_is


def test_a_volume_that_cannot_be_its_target_is_refused_unless_it_is_there() -> None:
    told = EdgeDevConfig(volumes=(replace(BLANK, target=Target.Initrd),))
    (refusal,) = intent(told).refusals
    assert "target Initrd needs one file that is downloaded as it is" in refusal.text
    there = made_volume(replace(BLANK, target=Target.Disk))
    assert intent(told, {there.ref: there}).items == (there,), "its data stay"


def test_content_is_at_most_as_large_as_announced() -> None:
    assert made_tree(replace(DISK, max_size_bytes=77)).max_size_bytes == 77


def test_content_made_anew_is_another() -> None:
    made = made_tree(replace(DISK, generation_count=3))
    assert made.ref == refs.content_tree(ContentTreeId(TREE), 3)


def test_content_comes_from_a_store_named_alone() -> None:
    assert made_tree(replace(DISK, ds_ids_list=(), ds_id=STORE)).sources[0].datastore == STORE


def test_a_store_has_its_own_authorities() -> None:
    (source,) = made_tree(store=replace(HTTPS, ds_cert_pem=(b"a pem",))).sources
    assert source.ca_pem == ("a pem",)


def test_a_store_of_s3_has_a_region() -> None:
    bucket = replace(HTTPS, d_type=DsType.DsS3, fqdn="", region="north")
    assert made_tree(store=bucket).sources[0].region == "north"


@pytest.mark.parametrize(
    "store",
    [
        replace(HTTPS, api_key="user"),
        replace(HTTPS, password="word"),
        replace(HTTPS, cipher_data=CipherBlock(cipher_data=b"x")),
    ],
    ids=["api key", "password", "cipher block"],
)
def test_a_store_with_any_credentials_is_asked_with_them(store: DatastoreConfig) -> None:
    (source,) = made_tree(store=store).sources
    assert source.credentials == f"datastore/{STORE}"


@pytest.mark.parametrize(
    ("key", "value", "settings"),
    [
        ("timer.download.stalled", "33", StorageSettings(download_stalled_s=33)),
        ("blob.download.max.retries", "2", StorageSettings(verify_retries=2)),
        (
            "datastore.http.security.allowinsecureauth",
            "true",
            StorageSettings(allow_insecure_auth=True),
        ),
        ("storage.apps.ignore.disk.check", "true", StorageSettings(ignore_disk_check=True)),
        ("storage.dom0.disk.minusage.percent", "44", StorageSettings(host_min_percent=44)),
        (
            "storage.dom0.disk.maxusagebytes",
            "104857600",
            StorageSettings(host_max_bytes=104857600),
        ),
        (
            "newlog.gzipfiles.ondisk.maxmegabytes",
            "55",
            StorageSettings(log_quota_bytes=55 << 20),
        ),
        ("timer.defer.content.delete", "66", StorageSettings(defer_delete_s=66)),
        ("timer.gc.vdisk", "77", StorageSettings(collect_after_s=77)),
    ],
)
def test_properties_of_storage_are_taken(key: str, value: str, settings: StorageSettings) -> None:
    config = EdgeDevConfig(config_items=(ConfigItem(key=key, value=value),))
    assert settings_of({item.key: item.value for item in config.config_items}) == settings
