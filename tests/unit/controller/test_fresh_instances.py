"""What the new instances of a policy have in common is what each of them would be made of."""

from datetime import UTC, datetime

import pytest

from eaves.controller.domain.carried import complete_instance, with_netinst_ids
from eaves.controller.domain.contract.apps import App, AppInterface, VmInfo
from eaves.controller.domain.contract.envelope import ObjectRevision
from eaves.controller.domain.contract.manifests import VMManifest
from eaves.controller.domain.policies.entries import AppTemplate
from eaves.controller.domain.policies.instances import FreshInstances, instance_of

NOW = datetime(2026, 5, 1, tzinfo=UTC)
BUNDLE = App.from_json(
    {
        "id": "bundle",
        "name": "web",
        "userDefinedVersion": "1.2",
        "manifestJSON": {
            "appType": "APP_TYPE_VM",
            "deploymentType": "DEPLOYMENT_TYPE_STAND_ALONE",
            "vmmode": "HV_HVM",
            "images": [{"imagename": "disk", "drvtype": "HDD", "maxsize": "12"}],
            "interfaces": [{"name": "eth0"}, {"name": "eth1", "optional": True}],
            "resources": [{"name": "cpus", "value": "2"}, {"name": "memory", "value": "524288.0"}],
        },
    }
).model_copy(update={"revision": ObjectRevision(curr="7")})
BARE = App(id="bare", name="bare")
OWN_DRIVES = VMManifest.from_json({"images": [{"imagename": "own"}], "enablevnc": True})
TEMPLATES = (
    AppTemplate("bundle"),
    AppTemplate("bundle", cpus=4, memory=1024, tags={"a": "b"}, start_delay_s=5),
    AppTemplate("bundle", vminfo=VmInfo(cpus=1, vnc=True), manifest=OWN_DRIVES),
    AppTemplate("bundle", interfaces=(AppInterface(intfname="eth0", netinstname="nat"),)),
    AppTemplate("bundle", netinst_name="nat", netinst_tags={"zone": "dmz"}),
)


@pytest.mark.parametrize("bundle", [BUNDLE, BARE, None], ids=["bundle", "bare", "none"])
@pytest.mark.parametrize("template", TEMPLATES, ids=range(len(TEMPLATES)))
def test_an_instance_is_as_if_it_was_made_alone(template: AppTemplate, bundle: App | None) -> None:
    own = {"id": "1", "name": "web-edge", "title": "Web", "device_id": "d", "project_id": "p"}
    ids = {"nat": "nat-id"}
    alone = complete_instance(
        instance_of(template, bundle, None, NOW).model_copy(update=own),
        None,
        bundle=bundle,
        project="p",
        netinst_ids=ids,
    )
    named = FreshInstances(NOW).of(template, bundle).model_copy(update=own)
    made = named.model_copy(update={"interfaces": with_netinst_ids(named.interfaces, ids)})
    assert made == alone
    assert made.model_fields_set == alone.model_fields_set
    assert made.to_json_text() == alone.to_json_text()


def test_each_pair_of_template_and_bundle_is_made_once() -> None:
    fresh = FreshInstances(NOW)
    first, second = TEMPLATES[:2]
    assert fresh.of(first, BUNDLE) is fresh.of(first, BUNDLE)
    assert fresh.of(first, BARE) != fresh.of(first, BUNDLE) != fresh.of(second, BUNDLE)
