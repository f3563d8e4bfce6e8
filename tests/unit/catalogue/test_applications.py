"""The shipped applications keep the rules of a bundle that somebody creates."""

import base64

import pytest

from eaves.controller.catalogue import applications
from eaves.controller.domain.admission import admit_app
from eaves.controller.domain.contract.apps import App
from eaves.controller.domain.contract.datastores import ImageConfig


def each_app() -> list[object]:
    return [pytest.param(app, id=app.name) for app in applications().apps]


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
    custom = manifest.configuration.custom_config if manifest.configuration else None
    if custom is not None and custom.template:
        base64.b64decode(custom.template, validate=True)


def test_no_name_stands_twice() -> None:
    names = [app.name for app in applications().apps]
    assert len(names) == len(set(names))
