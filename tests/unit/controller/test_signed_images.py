"""What the controller tells a device of signatures, and what it says where they lack."""

from dataclasses import replace

import pytest
from support.signing import Signer
from unit.controller.worlds import DEVICE, DISK, FACTS, WORLD

from eaves.controller.domain.admission.signatures import (
    refuse_unsigned_bundle,
    refuse_unsigned_instance,
)
from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.contract.datastores import ImageConfig
from eaves.controller.domain.contract.devices import EDConfigItem
from eaves.controller.domain.render import render_device
from eaves.controller.domain.signed_images import (
    ImagePolicy,
    ImageTrust,
    TrustedKey,
    policy_faults,
    trust_of,
)
from eaves.evapi.config import EdgeDevConfig
from eaves.evapi.image_signature import KEYS, POLICY, SIGNED_ONLY, encode_signatures

OURS, THEIRS = Signer("ours"), Signer("theirs")
STRICT = ImagePolicy(signed_only=True, trusted_keys=(TrustedKey(name="ours", pem=OURS.pem),))
NOTHING = ImagePolicy()


def items(config: EdgeDevConfig) -> dict[str, str]:
    return {item.key: item.value for item in config.config_items}


def test_a_device_without_a_policy_is_told_nothing_of_it() -> None:
    config = render_device(WORLD, FACTS).config
    assert not {POLICY, KEYS} & items(config).keys()
    assert all(tree.siginfo is None for tree in config.content_info)


def test_a_policy_reaches_the_device_whatever_its_own_record_says() -> None:
    own = DEVICE.model_copy(update={"config_item": (EDConfigItem(key=POLICY, string_value="any"),)})
    trust = trust_of(NOTHING, STRICT)
    told = items(render_device(replace(WORLD, device=own, trust=trust), FACTS).config)
    assert told[POLICY] == SIGNED_ONLY
    assert told[KEYS].strip() == OURS.pem.strip()


def test_signatures_go_with_their_content_tree_and_what_lacks_one_is_named() -> None:
    digest = DISK.image_sha256.lower()
    trust = trust_of(STRICT, NOTHING, {DISK.id: (OURS.detached(digest),)})
    rendered = render_device(replace(WORLD, trust=trust), FACTS)
    trees = {tree.display_name: tree for tree in rendered.config.content_info}
    told = trees[DISK.name].siginfo
    assert told is not None
    assert told.signature == encode_signatures(trust.signatures[DISK.id])
    unsigned = [one for one in rendered.missing if "only signed images are let in" in one]
    assert len(unsigned) == len(trees) - 1
    assert not any(DISK.name in one.split(":")[0] for one in unsigned)


def test_the_policy_of_the_enterprise_and_that_of_the_project_add_up() -> None:
    keys = (TrustedKey(name="theirs", pem=THEIRS.pem),)
    both = trust_of(STRICT, ImagePolicy(trusted_keys=keys))
    assert both.signed_only
    assert {one.name for one in both.trusted} == {"ours", "theirs"}
    assert not trust_of(NOTHING, ImagePolicy(trusted_keys=keys)).signed_only


def image(name: str) -> ImageConfig:
    return ImageConfig(id=f"id-of-{name}", name=name, image_sha256="ab" * 32)


IMAGES = {name: image(name) for name in ("one", "two", "three")}
BUNDLE = App.from_json(
    {"name": "web", "manifestJSON": {"images": [{"imagename": "one"}, {"imagename": "two"}]}}
)


@pytest.mark.parametrize(
    ("drives", "refused"),
    [
        pytest.param([], ["one", "two"], id="the manifest's, where it has none of its own"),
        pytest.param([{"imagename": "three"}], ["three"], id="its own in place of the manifest's"),
        pytest.param([{}, {"imagename": "three"}], ["one", "three"], id="some of each"),
        pytest.param([{"mvolname": "v"}, {"drvtype": "HDD_EMPTY"}], [], id="no image"),
        pytest.param([{}, {}, {"imagename": "three"}], ["one", "two", "three"], id="one more"),
    ],
)
def test_all_images_of_an_instance_are_refused_at_once(
    drives: list[dict[str, str]], refused: list[str]
) -> None:
    wanted = AppInstance.from_json({"name": "web-1", "drives": drives})
    found = refuse_unsigned_instance(wanted, BUNDLE, IMAGES, trust_of(STRICT, NOTHING))
    assert [one.details.split("'")[1] for one in found] == refused
    assert not refuse_unsigned_instance(wanted, BUNDLE, IMAGES, ImageTrust())


def test_an_app_of_a_policy_is_refused_by_the_name_of_its_bundle() -> None:
    signed = {one.id: (OURS.cosign("ab" * 32),) for one in IMAGES.values()}
    assert not refuse_unsigned_bundle(BUNDLE, IMAGES, trust_of(STRICT, NOTHING, signed), "at")
    found = refuse_unsigned_bundle(BUNDLE, IMAGES, trust_of(STRICT, NOTHING), "at")
    assert [one.details.split(":")[0] for one in found] == ["app bundle 'web'"] * 2


def test_every_fault_of_a_policy_is_told() -> None:
    wanted = ImagePolicy(
        trusted_keys=(
            TrustedKey(name="ours", pem=OURS.pem),
            TrustedKey(name="again", pem=OURS.pem),
            TrustedKey(name="", pem=THEIRS.pem),
            TrustedKey(name="bad", pem="no key"),
        )
    )
    assert [member for member, _ in policy_faults(wanted)] == [
        "trustedKeys[1]",
        "trustedKeys[2].name",
        "trustedKeys[3].pem",
    ]
