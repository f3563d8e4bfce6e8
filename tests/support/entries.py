"""Entries of the shipped catalogue, as the controller fills them for an instance."""

from collections.abc import Mapping

from unit.controller.worlds import FACTS, WORLD

from eaves.controller.catalogue import applications
from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.render.secrets import Secrets
from eaves.controller.domain.render.userdata import user_data


def entry(name: str) -> App:
    found = applications().find_app(name=name)
    assert found is not None
    return found


def filled(bundle: App, values: Mapping[str, str]) -> str:
    """The entry's own template, with these values of its variables."""
    variables = [{"name": name, "value": value} for name, value in values.items()]
    instance = AppInstance.from_json(
        {"name": "one", "customConfig": {"variableGroups": [{"variables": variables}]}}
    )
    made = user_data(instance, bundle, Secrets(WORLD, FACTS, None))
    assert not made.reason
    return made.text
