"""Compose bundles: is the file one, and does the device run such files?"""

import base64
from typing import Any, Final, TypeGuard

from eaves.controller.domain.admission.refusal import Refusal, in_words, invalid, not_ready
from eaves.controller.domain.contract.apps import App
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.manifests import AppType, VMManifest

MOST_BYTES: Final = 1 << 20
TEXT: Final = "manifestJSON.dockerComposeYamlText"


def admit_compose(manifest: VMManifest) -> list[Refusal]:
    """A compose bundle brings its file as text, or names a tar; the text must hold together."""
    if manifest.app_type is not AppType.DOCKER_COMPOSE:
        return []
    text = manifest.docker_compose_yaml_text
    if not text:
        if manifest.docker_compose_tar_image_name:
            return []
        return [
            invalid(TEXT, "a compose bundle has no compose file; give it in dockerComposeYamlText")
        ]
    if len(text) > MOST_BYTES:
        return [
            invalid(TEXT, f"the compose file has more than {in_words(MOST_BYTES)}; make it smaller")
        ]
    return _admit_text(_decoded(text))


def _decoded(text: str) -> str:
    """Base64 as the contract has it; a text that is none is taken as it stands."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:  # not base64, or not text in it
        return text


def _admit_text(text: str) -> list[Refusal]:
    import yaml  # noqa: PLC0415 - only where a compose file is written

    from eaves.bounded_yaml import TooMuch, load_bounded  # noqa: PLC0415 - as above

    try:
        document = load_bounded(text)
    except TooMuch as error:
        return [invalid(TEXT, f"the compose file is refused: {error}; write them out")]
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        return [invalid(TEXT, f"the compose file is not YAML{where}; correct it")]
    services = _mapping(_mapping(document).get("services"))
    if not services:
        return [invalid(TEXT, "the compose file has no services; name at least one")]
    refusals: list[Refusal] = []
    for name, service in services.items():
        said = _mapping(service)
        if "build" in said:
            refusals.append(
                invalid(TEXT, f"service {name!r} is built from source; name an image instead")
            )
        elif not isinstance(said.get("image"), str):
            refusals.append(invalid(TEXT, f"service {name!r} names no image; give it one"))
    return refusals


def _is_mapping(value: object) -> TypeGuard[dict[Any, Any]]:
    return isinstance(value, dict)


def _mapping(value: object) -> dict[Any, Any]:
    return value if _is_mapping(value) else {}


def refuse_compose(bundle: App, device: DeviceConfig, *, runs_compose: bool) -> list[Refusal]:
    manifest = bundle.manifest_json
    if manifest is None or manifest.app_type is not AppType.DOCKER_COMPOSE or runs_compose:
        return []
    return [
        not_ready(
            "appId",
            f"device {device.name!r} does not announce that it runs compose files, and app bundle "
            f"{bundle.name!r} is one; deploy its containers as bundles of their own",
        )
    ]
