"""A guest reads its user data anew when it starts with another version of them."""

import pytest
from unit.controller.worlds import CONTAINER, NOW, WEB

from eaves.controller.domain.carried import complete_instance, refreshed, to_be_read_anew
from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.contract.manifests import CustomConfig

BUNDLE = App.from_json(CONTAINER.to_json() | {"revision": {"curr": "3"}})
RUNNING = WEB.model_copy(update={"bundleversion": "3", "custom_config": None})


def saying(word: str, key: str = "") -> CustomConfig:
    variables = [{"name": "WORD", "value": word}, {"name": "KEY", "value": key}]
    return CustomConfig.from_json({"variableGroups": [{"name": "g", "variables": variables}]})


def put(wanted: AppInstance, current: AppInstance | None, bundle: App | None = BUNDLE) -> int:
    done = complete_instance(wanted, current, bundle=bundle, project="p1", netinst_ids={})
    return done.cloud_init_version


def with_config(config: CustomConfig | None, version: int = 0) -> AppInstance:
    return RUNNING.model_copy(update={"custom_config": config, "cloud_init_version": version})


def test_a_new_app_has_what_was_asked_for() -> None:
    assert put(with_config(saying("hi")), None) == 0
    assert put(with_config(saying("hi"), 7), None) == 7


@pytest.mark.parametrize("version", [0, 4])
def test_the_same_text_is_the_same_version_also_where_a_client_leaves_it_out(version: int) -> None:
    current = with_config(saying("hi"), version)
    assert put(with_config(saying("hi")), current) == version
    assert put(with_config(saying("hello")), with_config(None, version)) == version  # the default
    assert put(with_config(saying("hi", "another key")), current) == version  # a secret is not seen
    assert put(with_config(saying("bye")), current, bundle=None) == version


def test_another_text_is_a_version_that_no_device_has_seen() -> None:
    changed = with_config(saying("bye"))
    assert put(changed, with_config(saying("hi"))) == 4  # devices took that of the bundle: 3
    assert put(changed, with_config(saying("hi"), 9)) == 10
    assert put(with_config(saying("bye"), 12), with_config(saying("hi"), 9)) == 12


def test_another_bundle_is_read_anew_where_its_own_version_does_not_count() -> None:
    assert refreshed(with_config(None), BUNDLE, NOW).cloud_init_version == 0
    assert refreshed(with_config(None, 4), BUNDLE, NOW).cloud_init_version == 5


def test_a_bundle_without_a_number_is_no_obstacle() -> None:
    odd = RUNNING.model_copy(update={"bundleversion": "first"})
    assert to_be_read_anew(odd).cloud_init_version == 1
