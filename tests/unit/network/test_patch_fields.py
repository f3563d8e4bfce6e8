"""Fields of patch envelopes whose files come from volumes, each read from the configuration."""

from dataclasses import replace
from pathlib import Path

import pytest

from eaves.evapi.config import (
    CipherBlock,
    ContentTree,
    EdgeDevConfig,
    EncryptedExternalOpaqueBinaryBlob,
    EveBinaryArtifact,
    EvePatchEnvelope,
    ExternalOpaqueBinaryBlob,
    Volume,
    VolumeContentOrigin,
    VolumeContentOriginType,
)
from eaves.evapi.config.wire import EXTERNAL_ARTIFACT
from eaves.node.network.patches import Artifact, Envelope, Found, envelopes_of

VOLUME, TREE = "00000000-0000-4000-8000-0000000000aa", "00000000-0000-4000-8000-0000000000bb"
BLOB = ExternalOpaqueBinaryBlob(
    image_name="image", file_name_to_use="great.bin", image_id=VOLUME, blob_meta_data="ZmlsZQ=="
)
FILE = Artifact("great.bin", "ZmlsZQ==", "", b"", Path("/content/abc"), "abc", 5)


def judged(artifact: EveBinaryArtifact) -> Envelope:
    origin = VolumeContentOrigin(
        type=VolumeContentOriginType.VCOT_DOWNLOAD, download_content_tree_id=TREE
    )
    config = EdgeDevConfig(
        patch_envelopes=(EvePatchEnvelope(uuid="p", display_name="patch", artifacts=(artifact,)),),
        volumes=(Volume(uuid=VOLUME, origin=origin),),
        content_info=(ContentTree(uuid=TREE, url="great.bin"),),
    )
    (found,) = envelopes_of(
        config,
        lambda _: Found(Path("/content/abc"), "abc", 5),
        lambda block: EXTERNAL_ARTIFACT.encode(BLOB) if block.cipher_data == b"blob" else b"",
    )
    return found


def enclosed(block: CipherBlock | None) -> EveBinaryArtifact:
    return EveBinaryArtifact(
        encrypted_volumeref=EncryptedExternalOpaqueBinaryBlob(cipher_data=block)
    )


@pytest.mark.parametrize(
    "artifact",
    [EveBinaryArtifact(volume_ref=BLOB), enclosed(CipherBlock(cipher_data=b"blob"))],
    ids=["clear", "enclosed"],
)
def test_a_file_of_a_volume_has_the_name_and_data_that_it_is_given(
    artifact: EveBinaryArtifact,
) -> None:
    assert judged(artifact).artifacts == (FILE,)


def test_a_file_without_a_name_has_that_of_its_image() -> None:
    unnamed = replace(BLOB, file_name_to_use=None)
    assert judged(EveBinaryArtifact(volume_ref=unnamed)).artifacts[0].name == "image"


def test_an_envelope_has_its_name() -> None:
    assert judged(EveBinaryArtifact(volume_ref=BLOB)).name == "patch"
