"""The shipped applications keep the rules of a bundle that somebody creates."""

import base64
import re

import pytest
import yaml
from unit.controller.worlds import FACTS, WORLD

from eaves.cli import firewall
from eaves.cli.packaged import RECIPES
from eaves.controller.catalogue import applications
from eaves.controller.catalogue.applications import NOT_RUN
from eaves.controller.domain.admission import admit_app
from eaves.controller.domain.admission.rules import admit_rules
from eaves.controller.domain.contract.apps import App, AppInstance, AppInterface
from eaves.controller.domain.contract.datastores import ImageConfig, ImageFormat
from eaves.controller.domain.contract.manifests import (
    AppCategory,
    AppType,
    CustomConfig,
    DeploymentType,
    VariableFileEncoding,
    VariableVariableFormat,
)
from eaves.controller.domain.contract.netinsts import NetInstConfig, NetworkInstanceKind
from eaves.controller.domain.render.secrets import Secrets
from eaves.controller.domain.render.userdata import user_data
from eaves.node.containers.environment import parse_user_data

REFERENCE = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*:[A-Za-z0-9_][A-Za-z0-9._-]*")
FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.(qcow2|img|raw)")
LOCAL = NetInstConfig(name="apps", kind=NetworkInstanceKind.LOCAL)


def each_app() -> list[object]:
    return [pytest.param(app, id=app.name) for app in applications().apps]


def config_of(app: App) -> CustomConfig | None:
    manifest = app.manifest_json
    assert manifest is not None
    return manifest.configuration.custom_config if manifest.configuration else None


@pytest.mark.parametrize("app", each_app())
def test_a_bundle_is_admitted_as_one_that_somebody_creates(app: App) -> None:
    manifest = app.manifest_json
    assert manifest is not None
    images = {drive.imagename: ImageConfig() for drive in manifest.images if drive.imagename}
    assert admit_app(app, None, images=images) == ()
    assert App.from_json_text(app.to_json_text()) == app
    assert list(app.strangers()) == []
    assert manifest.desc is not None
    assert manifest.desc.support
    assert manifest.desc.app_category is not AppCategory.UNSPECIFIED
    assert len(app.description) > 20
    assert app.cpus > 0
    assert app.memory > 0


@pytest.mark.parametrize("app", each_app())
def test_images_are_references_with_a_tag_or_names_of_files(app: App) -> None:
    manifest = app.manifest_json
    assert manifest is not None
    for drive in manifest.images:
        if drive.drvtype == "HDD_EMPTY":
            assert not drive.imagename
            assert drive.maxsize
        elif drive.imageformat is ImageFormat.CONTAINER:
            assert REFERENCE.fullmatch(drive.imagename)
            assert "." not in drive.imagename.partition("/")[0].partition(":")[0], "names a host"
        else:
            assert FILE.fullmatch(drive.imagename)


@pytest.mark.parametrize("app", each_app())
def test_rules_hold_on_a_network_that_maps_ports(app: App) -> None:
    manifest = app.manifest_json
    assert manifest is not None
    assert manifest.interfaces
    for interface in manifest.interfaces:
        own = AppInterface(intfname=interface.name)
        assert admit_rules(own, app, LOCAL, interface.name) == []
        assert interface.directattach == bool(interface.type) or not interface.directattach


@pytest.mark.parametrize("app", each_app())
def test_a_template_names_its_variables_and_no_others(app: App) -> None:
    custom = config_of(app)
    if custom is None:
        return
    template = base64.b64decode(custom.template, validate=True).decode()
    declared = [v for group in custom.variable_groups for v in group.variables]
    names = [variable.name for variable in declared]
    assert len(names) == len(set(names))
    used = set(re.findall(r"###([A-Z0-9_]+)###", template))
    asked = {group.condition.name for group in custom.variable_groups if group.condition}
    assert asked <= set(names)
    assert used == set(names)
    for variable in declared:
        if variable.format is VariableVariableFormat.PASSWORD:
            assert not variable.default, "a password that ships is known to everybody"
        if variable.format is VariableVariableFormat.DROPDOWN:
            assert variable.default in {option.value for option in variable.options}


@pytest.mark.parametrize("app", each_app())
def test_a_filled_template_is_what_the_node_or_cloud_init_reads(app: App) -> None:
    custom = config_of(app)
    if custom is None:
        return
    filled = AppInstance(name="one", custom_config=CustomConfig.from_json(with_values(custom)))
    text = user_data(filled, app, Secrets(WORLD, FACTS, None)).text
    assert "###" not in text
    assert text.startswith("#cloud-config\n")
    assert isinstance(yaml.safe_load(text), dict)
    if app.manifest_json and app.manifest_json.app_type is AppType.CONTAINER:
        seed = parse_user_data(text)
        assert seed.env or seed.files


def with_values(custom: CustomConfig) -> dict[str, object]:
    groups = [
        group.model_copy(
            update={
                "variables": tuple(
                    variable.model_copy(
                        update={
                            "value": variable.default or value_of(variable.encode),
                            "format": VariableVariableFormat.TEXT,
                        }
                    )
                    for variable in group.variables
                )
            }
        )
        for group in custom.variable_groups
    ]
    return {"variableGroups": [group.to_json() for group in groups]}


def value_of(encoding: VariableFileEncoding) -> str:
    return "Zm9v" if encoding is VariableFileEncoding.BASE64 else "given"


def test_the_catalogue_has_what_a_plant_asks_for() -> None:
    shipped = applications().apps
    names = [app.name for app in shipped]
    assert len(names) == len(set(names)) >= 15
    kinds = {app.manifest_json.app_type for app in shipped if app.manifest_json}
    assert kinds >= {AppType.VM, AppType.CONTAINER, AppType.DOCKER_COMPOSE}
    deployments = {app.manifest_json.deployment_type for app in shipped if app.manifest_json}
    assert deployments >= {DeploymentType.K3S, DeploymentType.AZURE, DeploymentType.VMWARE_VCE}
    assert {*RECIPES, firewall.NAME} <= set(names)
    assert {"opnsense", "node-red", "edgex-foundry", "fledge"} <= set(names)
    said = {app.manifest_json.desc.support for app in shipped if app.manifest_json.desc}  # type: ignore[union-attr]  # the tests above
    assert NOT_RUN in said


def test_compose_files_are_yaml_with_services() -> None:
    for app in applications().apps:
        manifest = app.manifest_json
        assert manifest is not None
        if manifest.app_type is AppType.DOCKER_COMPOSE:
            text = base64.b64decode(manifest.docker_compose_yaml_text, validate=True)
            assert yaml.safe_load(text)["services"]
