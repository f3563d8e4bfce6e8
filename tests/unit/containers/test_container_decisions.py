"""What a container is run as: user data, users, and the runtime's configuration as a whole."""

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from eaves.errors import Rejected
from eaves.evapi.config import (
    AppInstanceConfig,
    ContentTree,
    EdgeDevConfig,
    Format,
    NetworkAdapter,
    UUIDandVersion,
    VmConfig,
    VmMode,
    Volume,
    VolumeContentOrigin,
    VolumeRef,
)
from eaves.ids import AppInstanceId, VolumeId
from eaves.node import refs
from eaves.node.containers.environment import parse_user_data
from eaves.node.containers.intent import container_apps, intent, isolation_warning
from eaves.node.containers.items import Container, Mount
from eaves.node.containers.spec import Bind, Place, User, arguments, oci_spec, user_of
from eaves.node.refs import AppInForce

APP = AppInstanceId("5f0f4f6e-5d0b-4b92-a3b9-0f6d0ad2b6f1")


@dataclass(frozen=True)
class Image:
    entrypoint: tuple[str, ...] = ("/bin/start",)
    cmd: tuple[str, ...] = ("--now",)
    env: tuple[str, ...] = ("A=image", "B=image")
    workdir: str = "/srv"
    user: str = ""
    stop_signal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


def app_in_force(mode: VmMode = VmMode.NOHYPER, *, activate: bool = True) -> AppInForce:
    config = AppInstanceConfig(
        uuidandversion=UUIDandVersion(uuid=APP, version="3"),
        displayname="web",
        fixedresources=VmConfig(memory=65536, vcpus=2, virtualization_mode=mode),
        interfaces=(NetworkAdapter(name="eth0"),),
        volume_ref_list=(
            VolumeRef(uuid="v0", generation_count=1),
            VolumeRef(uuid="v1", mount_dir="/data"),
        ),
    )
    return AppInForce(config=config, app=APP, number=9, activate=activate, incarnation=4)


def config_with(format_: Format) -> EdgeDevConfig:
    return EdgeDevConfig(
        content_info=(ContentTree(uuid="t", iformat=format_),),
        volumes=(
            Volume(
                uuid="v0",
                generation_count=1,
                origin=VolumeContentOrigin(download_content_tree_id="t"),
            ),
        ),
    )


def item() -> Container:
    apps = [app_in_force()]
    (made,) = intent(apps, frozenset({APP}), {APP: "A=user"}, {refs.vif(APP, 0): "10.1.0.1"})
    return made


def test_the_format_of_the_first_volume_decides() -> None:
    apps = [app_in_force(VmMode.HVM)]
    assert container_apps(config_with(Format.CONTAINER), apps) == {APP}
    assert container_apps(config_with(Format.QCOW2), apps) == frozenset()


def test_an_active_app_becomes_an_item_that_needs_its_volumes_and_vifs() -> None:
    made = item()
    assert made.root == Mount(VolumeId("v0"), 1, "/")
    assert made.mounts == (Mount(VolumeId("v1"), 0, "/data"),)
    assert made.name_servers == ("10.1.0.1",)
    assert made.needs() == {
        refs.volume(VolumeId("v0"), 1),
        refs.volume(VolumeId("v1"), 0),
        refs.vif(APP, 0),
    }
    assert intent([app_in_force(activate=False)], frozenset({APP}), {}, {}) == ()


def test_secrets_that_cannot_be_read_do_not_change_the_item() -> None:
    (blind,) = intent([app_in_force()], frozenset({APP}), {}, {})
    assert blind == item()
    assert "A=user" not in repr(item())


@pytest.mark.parametrize(
    ("mode", "warned"), [(VmMode.NOHYPER, False), (VmMode.HVM, True), (VmMode.PV, True)]
)
def test_another_mode_than_asked_is_said(mode: VmMode, warned: bool) -> None:  # noqa: FBT001 - a table row
    text = isolation_warning(app_in_force(mode))
    assert bool(text) is warned
    if warned:
        assert text.startswith(f"isolation: OCI runtime; virtualisation mode {mode.name} asked")


def test_lines_are_variables_without_quotes_and_spaces() -> None:
    seed = parse_user_data("# note\n A = one \nB='two words'\n\nC=\"x=y\"\n")
    assert seed.env == ("A=one", "B=two words", "C=x=y")


@pytest.mark.parametrize("text", ["no pair", "=value", "1A=x", "#cloud-config\n- a", "A B=c"])
def test_a_malformed_line_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="user data"):
        parse_user_data(text)


def test_cloud_config_gives_files_and_variables() -> None:
    packed = base64.b64encode(gzip.compress(b"zipped")).decode()
    seed = parse_user_data(
        "#cloud-config\nruncmd:\n- A=1\nwrite_files:\n"
        "- {path: /etc/a, content: YWJj, encoding: b64, permissions: '0600'}\n"
        f"- {{path: /etc/b, content: {packed}, encoding: gz+b64}}\n"
    )
    assert seed.env == ("A=1",)
    assert [(f.path, f.content, f.mode) for f in seed.files] == [
        ("/etc/a", b"abc", 0o600),
        ("/etc/b", b"zipped", 0o644),
    ]


def test_files_that_unpack_to_more_than_the_node_should_hold_are_refused() -> None:
    packed = base64.b64encode(gzip.compress(bytes(1024 * 1024))).decode()
    entry = f"- {{path: /a, content: {packed}, encoding: gz+b64}}\n"
    parse_user_data("#cloud-config\nwrite_files:\n" + entry * 16)
    with pytest.raises(Rejected, match="unpack to more than"):
        parse_user_data("#cloud-config\nwrite_files:\n" + entry * 17)


@pytest.mark.parametrize("path", ["relative", "/etc/../../root", "/"])
def test_a_path_that_leads_out_is_refused(path: str) -> None:
    with pytest.raises(Rejected, match="must be absolute"):
        parse_user_data(f"#cloud-config\nwrite_files:\n- path: {path}\n  content: x\n")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("", User(0, 0, "/root")),
        ("web", User(1000, 1000, "/srv")),
        ("1000:staff", User(1000, 50, "/srv")),
        ("77:88", User(77, 88, "/")),
    ],
)
def test_users_come_from_the_images_own_files(asked: str, expected: User) -> None:
    passwd = "root:x:0:0::/root:/bin/sh\nweb:x:1000:1000::/srv:/bin/sh\n"
    assert user_of(asked, passwd, "staff:x:50:\n") == expected


def test_an_unknown_user_is_refused() -> None:
    with pytest.raises(Rejected, match="user 'ghost'"):
        user_of("ghost", "root:x:0:0::/:/bin/sh\n", "")


def test_user_data_may_replace_the_command() -> None:
    assert arguments(Image(), {}) == ("/bin/start", "--now")
    assert arguments(Image(), {"EVE_ECO_CMD": "sh -c 'a b'"}) == ("sh", "-c", "a b")
    with pytest.raises(Rejected, match="EVE_ECO_CMD"):
        arguments(Image(entrypoint=(), cmd=()), {})


def test_the_configuration_of_the_runtime_is_as_known() -> None:
    place = Place(
        Path("/run/x/rootfs"),
        (Bind(Path("/run/x/volumes/0"), "/data", read_only=True),),
        "/eaves/n/app",
        Path("/run/netns/eaves-app9"),
        cgroup2=False,
    )
    spec = oci_spec(item(), Image(), ("A=user",), User(1000, 50, "/srv"), place)
    process, linux = spec["process"], spec["linux"]
    assert isinstance(process, dict)
    assert isinstance(linux, dict)
    assert process["args"] == ["/bin/start", "--now"]
    assert process["cwd"] == "/srv"
    assert process["env"] == [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME=/srv",
        "TERM=dumb",
        "A=user",
        "B=image",
    ]
    assert process["user"] == {"uid": 1000, "gid": 50}
    assert process["noNewPrivileges"] is True
    assert process["capabilities"]["effective"] == []
    assert "CAP_SYS_ADMIN" not in process["capabilities"]["bounding"]
    assert linux["namespaces"] == [
        {"type": "pid"},
        {"type": "ipc"},
        {"type": "uts"},
        {"type": "mount"},
        {"type": "network", "path": "/run/netns/eaves-app9"},
    ]
    assert linux["resources"]["memory"] == {"limit": 67108864, "swap": 67108864}
    assert linux["resources"]["cpu"] == {"quota": 200000, "period": 100000}
    assert linux["resources"]["devices"][0] == {"allow": False, "access": "rwm"}
    for path in ("/proc/kcore", "/sys/devices/virtual/powercap"):
        assert path in linux["maskedPaths"]
    mounts = spec["mounts"]
    assert isinstance(mounts, list)
    assert mounts[-1] == {
        "destination": "/data",
        "type": "bind",
        "source": "/run/x/volumes/0",
        "options": ["rbind", "nosuid", "nodev", "ro"],
    }


def test_namespaces_and_mounts_are_denied_but_threads_are_not() -> None:
    place = Place(Path("/r"), (), "/g", None, cgroup2=True)
    linux: Any = oci_spec(item(), Image(), (), User(0, 0, "/"), place)["linux"]
    plain, *others = linux["seccomp"]["syscalls"]
    assert {"unshare", "setns", "mount", "umount2", "io_uring_setup"} <= set(plain["names"])
    assert not {"clone", "fork", "vfork"} & set(plain["names"])
    masks = {arg["value"] for o in others if o["names"] == ["clone"] for arg in o["args"]}
    assert 0x1000_0000 in masks, "CLONE_NEWUSER"
    thread = 0x003D_0F00  # what a C library asks for
    assert not any(thread & mask for mask in masks)
    # ENOSYS, so that C libraries fall back to clone().
    assert [o["errnoRet"] for o in others if o["names"] == ["clone3"]] == [38]
