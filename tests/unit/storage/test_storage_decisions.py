"""Names, space, properties and intentions: values in, values out."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.errors import Rejected
from eaves.evapi.config import (
    ConfigItem,
    ContentTree,
    DatastoreConfig,
    DsType,
    EdgeDevConfig,
    Format,
    Volume,
    VolumeContentOrigin,
    VolumeContentOriginType,
)
from eaves.ids import ContentTreeId, DatastoreId, VolumeId
from eaves.node.storage import items
from eaves.node.storage.addresses import object_url
from eaves.node.storage.intent import intent
from eaves.node.storage.names import ImageName, image_name, registry_base
from eaves.node.storage.settings import StorageSettings, settings_of
from eaves.node.storage.space import Usage, admit, host_reserve, remaining

GIB = 1024**3
SHA = "ab" * 32
TREE = "10000000-0000-0000-0000-000000000001"
VOLUME = "20000000-0000-0000-0000-000000000001"
STORE = "30000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize(
    ("text", "sha256", "name"),
    [
        ("nginx", "", ImageName("nginx", "latest")),
        ("library/nginx:1.27", "", ImageName("library/nginx", "1.27")),
        ("a/b:1", SHA, ImageName("a/b", f"sha256:{SHA}")),
        (f"a/b:1@sha256:{SHA}", "", ImageName("a/b", f"sha256:{SHA}")),
        (f"a@sha256:{SHA}", "cd" * 32, ImageName("a", f"sha256:{SHA}")),
    ],
)
def test_a_digest_wins_over_a_tag(text: str, sha256: str, name: ImageName) -> None:
    assert image_name(text, sha256) == name


@pytest.mark.parametrize(
    "text", ["", "UPPER/x", "a:b c", "../x", "a@sha256:12", "a/../b:1", "a?x=1"]
)
def test_a_malformed_image_name_is_refused(text: str) -> None:
    with pytest.raises(Rejected):
        image_name(text)


@pytest.mark.parametrize(
    ("address", "path", "base"),
    [
        ("docker://reg.example:5000", "", "https://reg.example:5000/v2"),
        ("reg.example", "team", "https://reg.example/v2/team"),
        ("docker://docker.io", "", "https://registry-1.docker.io/v2"),
        ("http://127.0.0.1:5000", "", "http://127.0.0.1:5000/v2"),
        ("http://10.1.2.3:5000", "/a/", "http://10.1.2.3:5000/v2/a"),
    ],
)
def test_a_registry_is_reached_by_tls_unless_it_is_local(
    address: str, path: str, base: str
) -> None:
    assert registry_base(address, path) == base


@pytest.mark.parametrize(
    "address", ["http://8.8.8.8:5000", "http://reg.example", "ftp://x", "docker://u:p@h"]
)
def test_a_registry_on_the_internet_is_never_asked_in_clear(address: str) -> None:
    with pytest.raises(Rejected):
        registry_base(address, "")


def usage(**change: int) -> Usage:
    base = Usage(total=100 * GIB, free=90 * GIB, ours=0, content=0, volumes=0)
    return replace(base, **change)


@pytest.mark.parametrize(
    ("seen", "reserve"),
    [
        (usage(free=95 * GIB), 5 * GIB),  # more than the host's maximum: as measured
        (usage(free=99 * GIB), 1 * GIB),  # below the percentage: as measured
        (Usage(total=5 * GIB, free=int(3.5 * GIB), ours=0, content=0, volumes=0), 1 * GIB),
    ],
)
def test_the_hosts_reserve_is_measured_or_a_percentage(seen: Usage, reserve: int) -> None:
    settings = StorageSettings(log_quota_bytes=0)
    assert host_reserve(seen, settings) == reserve


def test_a_sparse_volume_counts_with_its_declared_size() -> None:
    settings = StorageSettings(log_quota_bytes=0)
    refusal = admit("volume x", 50 * GIB, 1, usage(volumes=45 * GIB), settings)
    assert refusal is not None
    assert f"remaining {remaining(usage(volumes=45 * GIB), settings)} bytes" in str(refusal)
    assert f"needs {50 * GIB}" in str(refusal)
    assert (
        admit("volume x", 50 * GIB, 1, usage(), replace(settings, ignore_disk_check=True)) is None
    )


def test_what_is_written_must_fit_now() -> None:
    settings = StorageSettings(log_quota_bytes=0)
    full = Usage(total=100 * GIB, free=GIB, ours=98 * GIB, content=0, volumes=0)
    assert admit("x", 2 * GIB, GIB // 2, full, settings) is None
    assert admit("x", 2 * GIB, 2 * GIB, full, settings) is not None


@given(
    st.dictionaries(
        st.sampled_from(["timer.download.retry", "blob.download.max.retries"]), st.text()
    )
)
def test_unusable_properties_keep_the_defaults(properties: dict[str, str]) -> None:
    settings = settings_of(properties)
    assert settings.download_retry_s >= 60
    assert 1 <= settings.verify_retries <= 10


# Intentions.


def store(**change: Any) -> DatastoreConfig:
    return replace(
        DatastoreConfig(id=STORE, d_type=DsType.DsHttps, fqdn="files.example", dpath="/images/"),
        **change,
    )


def tree(**change: Any) -> ContentTree:
    base = ContentTree(
        uuid=TREE, ds_ids_list=(STORE,), url="disk.img", iformat=Format.RAW, sha256=SHA.upper()
    )
    return replace(base, **change)


def volume(**change: Any) -> Volume:
    origin = VolumeContentOrigin(
        type=VolumeContentOriginType.VCOT_DOWNLOAD, download_content_tree_id=TREE
    )
    return replace(Volume(uuid=VOLUME, origin=origin, generation_count=2, maxsizebytes=9), **change)


def config(
    trees: tuple[ContentTree, ...] = (tree(),),
    volumes: tuple[Volume, ...] = (volume(),),
    stores: tuple[DatastoreConfig, ...] = (store(),),
) -> EdgeDevConfig:
    return EdgeDevConfig(datastores=stores, content_info=trees, volumes=volumes)


def test_a_tree_and_its_volume_are_intended() -> None:
    wished = intent(config())
    source = items.Source(DatastoreId(STORE), "http", "https://files.example/images")
    made = items.ContentTree(ContentTreeId(TREE), 0, "disk.img", "RAW", SHA, 0, (source,))
    disk = items.Volume(VolumeId(VOLUME), 2, ContentTreeId(TREE), 0, 9, "RAW", encrypted=True)
    assert wished.items == (made, disk)
    assert not wished.refusals
    assert disk.needs() == {made.ref}
    url = object_url(source.kind, source.base, "/disk.img")
    assert url == "https://files.example/images/disk.img"


def test_a_secret_never_stands_in_an_item() -> None:
    wished = intent(config(stores=(store(api_key="user", password="s3cret"),)))
    assert "s3cret" not in repr(wished.items)
    assert isinstance(wished.items[0], items.ContentTree)
    assert wished.items[0].sources[0].credentials == f"datastore/{STORE}"


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (tree(ds_ids_list=("nowhere",)), "datastore nowhere is not in the configuration"),
        (tree(ds_ids_list=()), "no datastore is named"),
        (tree(sha256=""), "no sha256"),
        (tree(sha256="xyz"), "not 64 hexadecimal digits"),
        (tree(url=""), "no relative URL"),
        (tree(uuid="../../etc"), "not a UUID"),
        (tree(iformat=Format.OVA), "format OVA is not supported"),
        (tree(iformat=Format(77)), "is not supported"),
        (tree(iformat=Format.CONTAINER), "a container image comes from a registry"),
    ],
)
def test_a_bad_tree_is_refused_with_its_volume(bad: ContentTree, says: str) -> None:
    wished = intent(config(trees=(bad,)))
    assert not wished.items
    assert len(wished.refusals) == 2
    assert says in wished.refusals[0].text


@pytest.mark.parametrize("kind", [DsType.DsUnknown, DsType(99)])
def test_an_unknown_kind_of_datastore_is_named(kind: DsType) -> None:
    refusal = intent(config(stores=(store(d_type=kind),))).refusals[0]
    assert f"is of type {kind.name}" in refusal.text


@pytest.mark.parametrize("kind", [k for k in DsType if k is not DsType.DsUnknown])
def test_every_kind_of_datastore_that_the_api_knows_is_a_source(kind: DsType) -> None:
    word = Format.CONTAINER if kind is DsType.DsContainerRegistry else Format.RAW
    asked = tree(iformat=word, url="disk")
    assert not intent(config(trees=(asked,), stores=(store(d_type=kind),))).refusals


def test_a_working_datastore_beside_a_bad_one_is_enough() -> None:
    wished = intent(config(trees=(tree(ds_ids_list=("nowhere", STORE)),)))
    assert not wished.refusals


@pytest.mark.parametrize(
    "bad",
    [
        volume(origin=VolumeContentOrigin(type=VolumeContentOriginType.VCOT_BLANK), maxsizebytes=0),
        volume(origin=None),
        volume(origin=VolumeContentOrigin(type=VolumeContentOriginType(9))),
        volume(uuid="x"),
        volume(maxsizebytes=-1),
    ],
)
def test_a_bad_volume_is_refused_alone(bad: Volume) -> None:
    wished = intent(config(volumes=(bad,)))
    assert len(wished.items) == 1
    assert len(wished.refusals) == 1


def test_a_volume_that_exists_keeps_the_tree_it_was_made_from() -> None:
    before = {item.ref: item for item in intent(config()).items}
    newer = intent(config(trees=(tree(generation_count=5),)), before)
    assert before.items() <= {item.ref: item for item in newer.items}.items()
    gone = intent(config(trees=()), before)
    assert {item.ref: item for item in gone.items} == before
    assert not gone.refusals


def test_properties_come_from_the_configuration() -> None:
    given_items = (ConfigItem(key="timer.download.retry", value="90"),)
    wished = EdgeDevConfig(config_items=given_items)
    settings = settings_of({item.key: item.value for item in wished.config_items})
    assert settings.download_retry_s == 90
