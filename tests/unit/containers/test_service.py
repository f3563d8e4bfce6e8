"""A service container has of the machine what its image says, and no more."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from eaves.errors import Rejected
from eaves.evapi.config import (
    AppInstanceConfig,
    EdgeDevConfig,
    UUIDandVersion,
    VmConfig,
    VolumeRef,
    decode_edge_dev_config,
    encode_edge_dev_config,
)
from eaves.ids import AppInstanceId
from eaves.node.containers.intent import intent
from eaves.node.containers.items import Container
from eaves.node.containers.service import ALL_CAPABILITIES, LABEL, ServiceUnusable
from eaves.node.containers.spec import CAPABILITIES, Place, User, oci_spec
from eaves.node.refs import AppInForce

APP = AppInstanceId("5f0f4f6e-5d0b-4b92-a3b9-0f6d0ad2b6f1")
NEEDS = {
    "capabilities": ["CAP_NET_ADMIN"],
    "binds": ["/dev:/dev", "/etc/hosts:/etc/hosts:ro"],
    "net": "host",
    "pid": "host",
    "readonly": True,
    "env": ["MODE=service"],
}


@dataclass(frozen=True)
class Image:
    entrypoint: tuple[str, ...] = ("/bin/start",)
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    workdir: str = ""
    user: str = ""
    stop_signal: str = ""
    labels: dict[str, str] = field(default_factory=dict[str, str])


def item(*, service: bool) -> Container:
    """As a configuration says that came over the wire."""
    app = AppInstanceConfig(
        uuidandversion=UUIDandVersion(uuid=APP, version="1"),
        fixedresources=VmConfig(memory=65536, vcpus=1),
        volume_ref_list=(VolumeRef(uuid="v0"),),
        service=service,
    )
    (told,) = decode_edge_dev_config(encode_edge_dev_config(EdgeDevConfig(apps=(app,)))).apps
    (made,) = intent([AppInForce(told, APP, 9, True, 1)], frozenset({APP}), {}, {})
    return made


def spec(label: str, *, service: bool = True) -> Any:
    place = Place(Path("/run/root"), (), "/eaves/app", None, cgroup2=True)
    image = Image(labels={LABEL: label} if label else {})
    return oci_spec(item(service=service), image, (), User(0, 0, "/root"), place)


def spaces(made: Any) -> set[str]:
    return {one["type"] for one in made["linux"]["namespaces"]}


def test_a_service_gets_of_the_machine_what_its_image_says() -> None:
    made, app = spec(json.dumps(NEEDS)), spec(json.dumps(NEEDS), service=False)
    held = made["process"]["capabilities"]
    assert held["effective"] == held["bounding"] == [*CAPABILITIES, "CAP_NET_ADMIN"]
    assert spaces(app) - spaces(made) == {"network", "pid"}
    assert made["mounts"][-2:] == [
        {"destination": "/dev", "type": "bind", "source": "/dev", "options": ["rbind", "rw"]},
        {
            "destination": "/etc/hosts",
            "type": "bind",
            "source": "/etc/hosts",
            "options": ["rbind", "ro"],
        },
    ]
    assert made["root"] == {"path": "/run/root", "readonly": True}
    assert "MODE=service" in made["process"]["env"]
    assert "seccomp" not in made["linux"]
    assert "seccomp" in app["linux"]
    assert app["process"]["noNewPrivileges"]


def test_a_service_may_have_all_capabilities_and_else_is_an_app() -> None:
    assert set(ALL_CAPABILITIES) == set(
        spec('{"capabilities": ["all"]}')["process"]["capabilities"]["effective"]
    )
    assert spec("{}") == spec("{}", service=False)


def test_a_container_that_becomes_a_service_is_another() -> None:
    assert item(service=True).replaces(item(service=False))
    assert not item(service=True).replaces(item(service=True))


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("", "is missing"),
        ("{", "cannot be followed"),
        ('{"runtime": {}}', "unknown field"),
        ('{"net": "/run/netns/other"}', "net namespace"),
        ('{"capabilities": ["CAP_EVERYTHING"]}', "no capability"),
        ('{"binds": ["here:/there"]}', "full paths"),
        ('{"binds": ["/a/../b:/there"]}', "full paths"),
    ],
)
def test_a_service_whose_image_says_something_else_is_refused(label: str, why: str) -> None:
    with pytest.raises(ServiceUnusable, match=why) as refused:
        spec(label)
    assert isinstance(refused.value, Rejected)
