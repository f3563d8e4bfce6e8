"""A node that takes signed images only: what comes, what is refused, what stays."""

from dataclasses import replace

import pytest
from support.signing import Signer

from eaves.evapi.config import (
    ConfigItem,
    ContentTree,
    DatastoreConfig,
    DsType,
    EdgeDevConfig,
    Format,
    SignatureInfo,
    Volume,
    VolumeContentOrigin,
    VolumeContentOriginType,
)
from eaves.evapi.image_signature import (
    KEYS,
    POLICY,
    SIGNED_ONLY,
    ImageSignature,
    encode_signatures,
)
from eaves.ids import ContentTreeId, VolumeId
from eaves.node import refs
from eaves.node.storage.intent import StorageIntent, intent

SHA = "ab" * 32
TREE = "10000000-0000-0000-0000-000000000001"
VOLUME = "20000000-0000-0000-0000-000000000001"
STORE = "30000000-0000-0000-0000-000000000001"
TREE_REF = refs.content_tree(ContentTreeId(TREE), 0)
VOLUME_REF = refs.volume(VolumeId(VOLUME), 0)
OURS, THEIRS = Signer("ours"), Signer("theirs")

BARE = EdgeDevConfig(
    datastores=(DatastoreConfig(id=STORE, d_type=DsType.DsHttps, fqdn="https://files.test"),),
    content_info=(
        ContentTree(
            uuid=TREE, ds_id=STORE, url="disk", iformat=Format.RAW, sha256=SHA, display_name="disk"
        ),
    ),
    volumes=(
        Volume(
            uuid=VOLUME,
            origin=VolumeContentOrigin(
                type=VolumeContentOriginType.VCOT_DOWNLOAD, download_content_tree_id=TREE
            ),
        ),
    ),
)


def config(
    *signatures: ImageSignature, keys: str = OURS.pem, policy: str = SIGNED_ONLY, **change: str
) -> EdgeDevConfig:
    (tree,) = BARE.content_info
    told = SignatureInfo(signature=encode_signatures(signatures)) if signatures else None
    items = (ConfigItem(key=POLICY, value=policy), ConfigItem(key=KEYS, value=keys))
    changed = replace(tree, siginfo=told, sha256=change.get("sha256", SHA))
    return replace(BARE, content_info=(changed,), config_items=items)


def reasons(wish: StorageIntent) -> dict[str, str]:
    return {one.ref.kind: one.text for one in wish.refusals}


@pytest.mark.parametrize("one", [OURS.detached(SHA), OURS.cosign(SHA)], ids=["file", "cosign"])
def test_an_image_that_a_trusted_key_signed_comes(one: ImageSignature) -> None:
    made = intent(config(THEIRS.detached(SHA), one))
    assert {item.ref for item in made.items} == {TREE_REF, VOLUME_REF}
    assert not made.refusals


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        pytest.param(config(), "it has no signature", id="unsigned"),
        pytest.param(config(THEIRS.detached(SHA)), "none of the trusted keys", id="foreign key"),
        pytest.param(config(OURS.detached("cd" * 32)), "none of the trusted", id="other file"),
        pytest.param(config(OURS.cosign("cd" * 32)), "of another image", id="other image"),
        pytest.param(config(OURS.detached(SHA), keys=""), "no key is trusted", id="no key"),
        pytest.param(
            config(OURS.detached(SHA), keys="rubbish"), "more than public keys", id="broken keys"
        ),
        pytest.param(
            config(OURS.detached(SHA), keys=THEIRS.pem, policy="signed-onIy"),
            "none of the trusted keys",
            id="a word that is not known lets nothing in",
        ),
    ],
)
def test_every_other_image_is_refused_with_its_volume_and_the_reason(
    asked: EdgeDevConfig, says: str
) -> None:
    made = intent(asked)
    assert made.items == ()
    told = reasons(made)
    assert "image disk is refused: this node takes signed images only" in told["content-tree"]
    assert says in told["content-tree"]
    assert says in told["volume"]


def test_a_container_by_its_tag_is_refused_where_images_must_be_signed() -> None:
    (tree,) = config(OURS.cosign(SHA), sha256="").content_info
    tree = replace(tree, iformat=Format.CONTAINER, url="team/web:latest")
    registry = DatastoreConfig(
        id=STORE, d_type=DsType.DsContainerRegistry, fqdn="docker://reg.test"
    )
    asked = replace(config(), content_info=(tree,), datastores=(registry,))
    assert "not pinned by a sha256" in reasons(intent(asked))["content-tree"]
    assert not reasons(intent(replace(asked, config_items=())))


def test_signatures_that_cannot_be_read_refuse_one_image_and_no_other() -> None:
    (tree,) = config(OURS.detached(SHA)).content_info
    other = replace(tree, uuid=TREE.replace("1", "4"), siginfo=SignatureInfo(signature=b"\xff"))
    made = intent(replace(config(OURS.detached(SHA)), content_info=(tree, other)))
    assert {item.ref for item in made.items} == {TREE_REF, VOLUME_REF}
    assert "no JSON list" in reasons(made)["content-tree"]


def test_without_the_policy_signatures_are_not_looked_at() -> None:
    asked = replace(config(THEIRS.detached(SHA)), config_items=())
    assert not intent(asked).refusals
    assert not intent(config(policy="any")).refusals


def test_what_runs_already_goes_on_and_its_fault_is_told() -> None:
    there = {item.ref: item for item in intent(BARE).items}
    made = intent(config(), there)
    assert {item.ref for item in made.items} == there.keys()
    assert "it has no signature" in reasons(made)["content-tree"]
