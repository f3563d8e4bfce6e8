"""A service container has of the machine what its image says, and no more."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

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
from eaves.node.containers.service_spec import LEAST_OOM_SCORE
from eaves.node.containers.spec import CAPABILITIES, Place, User, oci_spec
from eaves.node.refs import AppInForce

APP = AppInstanceId("5f0f4f6e-5d0b-4b92-a3b9-0f6d0ad2b6f1")
NEEDS = {
    "capabilities": ["CAP_SYS_MODULE"],
    "binds": ["/dev:/dev", "/etc/hosts:/etc/hosts:ro"],
    "tmpfs": ["/run:mode=0700"],
    "mounts": [{"type": "mqueue", "options": ["nosuid"]}],
    "pid": "host",
    "readonly": True,
    "command": ["/bin/service"],
    "env": ["MODE=service"],
    "cwd": "/srv",
    "rlimits": ["nofile, 1024, unlimited"],
    "oomScoreAdj": -500,
    "runtime": {"mkdir": ["/run/service"]},
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
    place = Place(Path("/run/root"), (), "/eaves/app", Path("/run/netns/app"), cgroup2=True)
    image = Image(env=("MODE=image",), user="app", labels={LABEL: label} if label else {})
    return oci_spec(item(service=service), image, (), User(0, 0, "/root"), place)


def told(**words: object) -> Any:
    return spec(json.dumps(words))


def spaces(made: Any) -> dict[str, str]:
    """With the path of those that are there already."""
    return {one["type"]: one.get("path", "") for one in made["linux"]["namespaces"]}


def denied(made: Any) -> set[str]:
    rules = made["linux"].get("seccomp", {"syscalls": ()})["syscalls"]
    return {name for rule in rules for name in rule["names"]}


def mounts(made: Any) -> dict[str, Any]:
    return {mount["destination"]: mount for mount in made["mounts"]}


def devices(made: Any) -> Any:
    """The rules beyond those of an app."""
    return made["linux"]["resources"]["devices"][len(APP_DEVICES) :]


APP_SPEC = spec("", service=False)
APP_DEVICES = APP_SPEC["linux"]["resources"]["devices"]


def test_no_service_outlives_the_node_where_memory_runs_out() -> None:
    assert told(**{**NEEDS, "oomScoreAdj": -1000})["process"]["oomScoreAdj"] == LEAST_OOM_SCORE


def test_a_service_gets_of_the_machine_what_its_image_says() -> None:
    made = told(**NEEDS)
    process, held = made["process"], made["process"]["capabilities"]
    assert held["effective"] == held["bounding"] == held["permitted"] == ["CAP_SYS_MODULE"]
    assert held["inheritable"] == held["ambient"] == []
    assert set(spaces(made)) == {"mount", "cgroup"}
    assert "hostname" not in made
    assert mounts(made)["/dev"] == {
        "destination": "/dev",
        "type": "bind",
        "source": "/dev",
        "options": ["rw", "rbind", "rshared"],
    }
    assert mounts(made)["/etc/hosts"]["options"] == ["ro", "rbind"]
    assert mounts(made)["/run"]["options"] == ["mode=0700"]
    assert mounts(made)["/dev/mqueue"]["options"] == ["nosuid"]
    assert made["root"] == {"path": "/run/root", "readonly": True}
    assert process["args"] == ["/bin/service"]
    assert process["cwd"] == "/srv"
    assert "MODE=service" in process["env"]
    assert "MODE=image" not in process["env"]
    assert process["rlimits"] == [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 2**64 - 1}]
    assert process["oomScoreAdj"] == -500
    assert not process["noNewPrivileges"]
    assert APP_SPEC["process"]["noNewPrivileges"]


def test_what_is_above_is_mounted_before_what_is_below() -> None:
    order = [mount["destination"] for mount in told(**NEEDS)["mounts"]]
    assert len(order) == len(set(order))
    assert order.index("/dev") < order.index("/dev/pts") < order.index("/sys")


def test_a_service_that_says_nothing_has_the_hosts_network_and_no_capability() -> None:
    made = told()
    assert set(spaces(made)) == {"mount", "cgroup", "pid"}
    assert not any(made["process"]["capabilities"].values())
    assert made["process"]["user"] == {"uid": 0, "gid": 0}
    limits = ("maskedPaths", "readonlyPaths", "seccomp", "resources")
    assert all(made["linux"][limit] == APP_SPEC["linux"][limit] for limit in limits)
    assert made["process"]["noNewPrivileges"]


@pytest.mark.parametrize("word", ["host", "root"])
def test_two_words_name_the_hosts_namespaces(word: str) -> None:
    made = told(net=word, pid=word, ipc=word, uts=word, userns=word)
    assert set(spaces(made)) == {"mount", "cgroup"}


def test_new_is_the_apps_own_namespace_and_none_a_network_without_interfaces() -> None:
    made = told(net="new", pid="new", ipc="new", uts="new", hostname="pump")
    assert spaces(made) == spaces(APP_SPEC)
    assert made["hostname"] == "pump"
    assert told(uts="new")["hostname"] == APP
    assert spaces(told(net="none"))["network"] == ""


@pytest.mark.parametrize("word", ["all", "ALL"])
def test_all_capabilities_lift_all_limits(word: str) -> None:
    made = told(capabilities=[word])
    assert made["process"]["capabilities"]["effective"] == list(ALL_CAPABILITIES)
    assert not denied(made)
    assert not made["linux"]["maskedPaths"]
    assert not made["linux"]["readonlyPaths"]
    assert devices(made) == [{"allow": True, "access": "rwm"}]


@given(st.lists(st.sampled_from(ALL_CAPABILITIES), unique=True))
def test_a_limit_is_lifted_only_by_a_capability_that_is_for_it(names: list[str]) -> None:
    made, held = told(capabilities=names), set(names)
    assert made["process"]["capabilities"]["effective"] == names
    assert made["process"]["noNewPrivileges"] == (held <= set(CAPABILITIES))
    admin = "CAP_SYS_ADMIN" in held
    for limit in ("maskedPaths", "readonlyPaths"):
        assert made["linux"][limit] == ([] if admin else APP_SPEC["linux"][limit])
    assert bool(devices(made)) == bool(held & {"CAP_SYS_ADMIN", "CAP_SYS_RAWIO", "CAP_MKNOD"})
    assert ("unshare" in denied(made)) == (not admin)
    assert ("init_module" in denied(made)) == (not admin and "CAP_SYS_MODULE" not in held)


def test_none_is_no_capability_and_ambient_ones_are_held() -> None:
    assert not any(told(capabilities=["none"])["process"]["capabilities"].values())
    held = told(ambient=["CAP_NET_RAW"], uid=1000)["process"]["capabilities"]
    assert held["ambient"] == held["inheritable"] == held["bounding"] == ["CAP_NET_RAW"]
    assert held["effective"] == []


def test_what_is_added_counts_where_nothing_else_is_said() -> None:
    added = {"capabilities.add": ["CAP_CHOWN"], "binds.add": ["/srv:/srv"]}
    made = told(**added)
    assert made["process"]["capabilities"]["effective"] == ["CAP_CHOWN"]
    assert "/srv" in mounts(made)
    made = told(**added, capabilities=["CAP_KILL"], binds=[])
    assert made["process"]["capabilities"]["effective"] == ["CAP_KILL"]
    assert "/srv" not in mounts(made)


def test_a_bind_of_devices_opens_those_it_shows_and_no_other_bind_does() -> None:
    assert devices(told(binds=["/dev/ttyS0:/dev/ttyS0"])) == [
        {"allow": True, "type": "b", "access": "rw"},
        {"allow": True, "type": "c", "access": "rw"},
    ]
    assert not devices(told(binds=["/devices:/dev/x", "/dev:/dev:ro,nodev", "/:/host"]))


def test_named_devices_are_made_and_allowed() -> None:
    port = {"path": "/dev/ttyS0", "type": "c", "major": 4, "minor": 64, "mode": "0660"}
    made = told(devices=[port, {"path": "all", "type": "b"}])
    assert devices(made) == [
        {"allow": True, "type": "c", "major": 4, "minor": 64, "access": "rwm"},
        {"allow": True, "type": "b", "access": "rwm"},
    ]
    assert made["linux"]["devices"] == [
        {"path": "/dev/ttyS0", "type": "c", "major": 4, "minor": 64, "fileMode": 0o660}
    ]


def test_the_label_may_say_which_files_of_the_kernel_are_kept() -> None:
    made = told(maskedPaths=["/proc/keys"], readonlyPaths=[], noNewPrivileges=False)
    assert made["linux"]["maskedPaths"] == ["/proc/keys"]
    assert made["linux"]["readonlyPaths"] == []
    assert not made["process"]["noNewPrivileges"]


def test_the_user_is_the_labels() -> None:
    user = told(uid=1000, gid="root", additionalGids=[5])["process"]["user"]
    assert user == {"uid": 1000, "gid": 0, "additionalGids": [5]}


def test_a_label_may_be_of_yaml() -> None:
    """LinuxKit reads both."""
    assert spec(yaml.safe_dump(NEEDS)) == spec(json.dumps(NEEDS))
    many = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for one, other in zip("abcdefg", "bcdefgh", strict=True):
        many += f"{other}: &{other} [{', '.join([f'*{one}'] * 10)}]\n"
    for wrong in (many, "[" * 5_000, "command: &c [*c]", "pid: {", "- pid"):
        with pytest.raises(ServiceUnusable, match="cannot be followed"):
            spec(wrong)


def test_a_container_that_becomes_a_service_is_another() -> None:
    assert item(service=True).replaces(item(service=False))
    assert not item(service=True).replaces(item(service=True))


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("", "is missing"),
        ("{", "cannot be followed"),
        ('{"sysctl": {"net.ipv4.ip_forward": "1"}}', "unknown field"),
        ('{"net": "/run/netns/other"}', "net namespace"),
        ('{"ipc": "none"}', "ipc namespace"),
        ('{"userns": "new"}', "userns namespace"),
        ('{"hostname": "pump"}', "uts namespace"),
        ('{"capabilities": ["CAP_EVERYTHING"]}', "no capability"),
        ('{"capabilities": ["all", "CAP_CHOWN"]}', "no capability"),
        ('{"ambient": ["NET_RAW"]}', "no capability"),
        ('{"binds": ["here:/there"]}', "full paths"),
        ('{"binds": ["/a/../b:/there"]}', "full paths"),
        ('{"binds": ["/a:/b:ro:rw"]}', "source:target"),
        ('{"binds": ["/a:/b:rx"]}', "unknown"),
        ('{"binds": ["/a:/"]}', "over the image"),
        ('{"tmpfs": ["/run:context=x"]}', "unknown"),
        ('{"mounts": [{"type": "debugfs", "destination": "/d"}]}', "no kind of mount"),
        ('{"mounts": [{"type": "bind", "source": "/a", "destination": "/b"}]}', "rbind"),
        ('{"mounts": [{"type": "tmpfs"}]}', "full paths"),
        ('{"devices": [{"path": "/dev/x", "type": "p", "mode": "0600"}]}', "type"),
        ('{"devices": [{"path": "/dev/x", "type": "c"}]}', "octal"),
        ('{"devices": [{"path": "all", "type": "a"}]}', "type"),
        ('{"rlimits": ["files,1,1"]}', "name,soft,hard"),
        ('{"rlimits": ["nofile,1"]}', "name,soft,hard"),
        ('{"rlimits": ["nofile,1,-1"]}', "no number"),
        ('{"uid": "postgres"}', "only root"),
        ('{"oomScoreAdj": 2000}', "cannot be followed"),
    ],
)
def test_a_service_whose_image_says_something_else_is_refused(label: str, why: str) -> None:
    with pytest.raises(ServiceUnusable, match=why) as refused:
        spec(label)
    assert isinstance(refused.value, Rejected)
