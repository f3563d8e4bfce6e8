"""From objects to a configuration: values, purity, order, and what is never in clear text."""

import base64
from dataclasses import replace

import pytest
from unit.controller.worlds import (
    APPS_NET,
    CONTAINER,
    DATA,
    DEVICE,
    DISK,
    FACTS,
    UPLINK,
    VM,
    WEB,
    WORLD,
    clear,
)

from eaves.controller.domain.contract.apps import App
from eaves.controller.domain.contract.catalogue import AdapterUsage
from eaves.controller.domain.contract.devices import AdminState, SysInterface
from eaves.controller.domain.contract.netinsts import DhcpServerConfig
from eaves.controller.domain.contract.networks import DhcpIpRange
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.render import render_device
from eaves.controller.domain.render.ids import acl_id
from eaves.evapi.config import (
    AppInstanceConfig,
    EdgeDevConfig,
    Format,
    VmMode,
    VolumeContentOriginType,
    ZNetworkInstType,
    config_hash,
    encode_edge_dev_config,
)
from eaves.evapi.evecommon import DHCPType, IpRange, PhyIoMemberUsage, PhyIoType

CONFIG = render_device(WORLD, FACTS).config


def app(name: str, config: EdgeDevConfig = CONFIG) -> AppInstanceConfig:
    return next(a for a in config.apps if a.displayname == name)


def test_nothing_is_missing_in_a_complete_world() -> None:
    assert render_device(WORLD, FACTS).missing == ()


def test_the_same_inputs_give_the_same_bytes() -> None:
    again = render_device(WORLD, FACTS).config
    assert encode_edge_dev_config(again) == encode_edge_dev_config(CONFIG)
    backwards = replace(
        WORLD,
        instances=WORLD.instances[::-1],
        netinsts=WORLD.netinsts[::-1],
        images=dict(reversed(list(WORLD.images.items()))),
        datastores=dict(reversed(list(WORLD.datastores.items()))),
        secrets=dict(reversed(list(WORLD.secrets.items()))),
    )
    assert config_hash(render_device(backwards, FACTS).config) == config_hash(CONFIG)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(
            replace(WORLD, device=DEVICE.model_copy(update={"reset_counter": 4})), id="reboot"
        ),
        pytest.param(replace(WORLD, instances=(WEB,)), id="app deleted"),
        pytest.param(replace(WORLD, ecdh_hash=b"e" * 16), id="new device certificate"),
        pytest.param(replace(WORLD, enterprise_name="Other"), id="enterprise renamed"),
    ],
)
def test_a_change_of_an_input_is_a_change_of_the_hash(changed: DeviceInputs) -> None:
    assert config_hash(render_device(changed, FACTS).config) != config_hash(CONFIG)


def test_a_change_of_the_controller_certificates_is_a_change_of_the_hash() -> None:
    rotated = replace(FACTS, controllercert_confighash="certs-2")
    assert config_hash(render_device(WORLD, rotated).config) != config_hash(CONFIG)


def test_a_device_is_told_who_it_is() -> None:
    assert CONFIG.id is not None
    assert CONFIG.id.uuid == DEVICE.id
    names = (CONFIG.device_name, CONFIG.project_name, CONFIG.enterprise_name, CONFIG.enterprise_id)
    assert names == ("edge-1", "shop", "Acme", "acme")
    assert CONFIG.controllercert_confighash == "certs-1"
    restored = render_device(replace(WORLD, epoch=7), FACTS).config
    assert restored.controller_epoch == 7
    assert config_hash(restored) != config_hash(CONFIG)
    assert CONFIG.config_timestamp is None
    assert CONFIG.reboot is not None
    assert CONFIG.reboot.counter == 3
    assert CONFIG.shutdown is not None
    assert CONFIG.shutdown.counter == 0


def test_ports_are_those_of_the_model_with_the_usage_on_the_device() -> None:
    eth0, eth1 = CONFIG.device_io_list
    assert (eth0.ptype, eth0.usage) == (
        PhyIoType.PhyIoNetEth,
        PhyIoMemberUsage.PhyIoUsageMgmtAndApps,
    )
    assert eth1.usage is PhyIoMemberUsage.PhyIoUsageDedicated
    assert dict(eth1.phyaddrs) == {"Ifname": "eth1", "PciLong": "0000:02:00.0"}
    (adapter,) = CONFIG.system_adapter_list
    assert (adapter.name, adapter.uplink, adapter.network_uuid) == ("eth0", True, UPLINK.id)
    assert adapter.shared_labels == ("fast", "wan")


def test_ports_that_are_not_there_are_left_out_and_said() -> None:
    strange = SysInterface(intfname="defaultIPv4", intf_usage=AdapterUsage.MANAGEMENT)
    device = DEVICE.model_copy(update={"interfaces": (*DEVICE.interfaces, strange)})
    nowhere = APPS_NET.model_copy(update={"id": "0" * 36, "name": "nowhere", "port": "eth7"})
    wanted = replace(WORLD, device=device, netinsts=(*WORLD.netinsts, nowhere))
    rendered = render_device(wanted, FACTS)
    assert rendered.config.system_adapter_list == CONFIG.system_adapter_list
    interface, netinst = rendered.missing
    assert interface.startswith("interface 'defaultIPv4': model 'QEMU' has no such I/O member")
    assert netinst.startswith("network instance 'nowhere': device 'edge-1' has no port or label")


def test_a_node_is_not_left_without_a_port_for_its_controller() -> None:
    """Where no adapter is an uplink, devices take all of them for one."""
    typo = DEVICE.interfaces[0].model_copy(update={"intfname": "etho"})
    shared = DEVICE.interfaces[1].model_copy(update={"intf_usage": AdapterUsage.APP_SHARED})
    device = DEVICE.model_copy(update={"interfaces": (typo, shared)})
    rendered = render_device(replace(WORLD, device=device), FACTS)
    uplinks = {one.name: one.uplink for one in rendered.config.system_adapter_list}
    assert uplinks == {"etho": True, "eth1": False}
    assert any(text.startswith("interface 'etho': model") for text in rendered.missing)


def test_a_domain_is_delivered_without_the_scheme_that_it_was_written_with() -> None:
    ip = DhcpServerConfig(subnet="10.7.0.0/24", domain="http://example.com")
    netinst = APPS_NET.model_copy(update={"ip": ip})
    (rendered,) = render_device(replace(WORLD, netinsts=(netinst,)), FACTS).config.network_instances
    assert rendered.ip is not None
    assert rendered.ip.domain == "example.com"


def test_an_uplink_without_a_network_gets_dhcp() -> None:
    config = render_device(replace(WORLD, networks={}), FACTS).config
    (network,) = config.networks
    assert config.system_adapter_list[0].network_uuid == network.id
    assert network.ip is not None
    assert network.ip.dhcp is DHCPType.Client


def test_a_local_network_instance_without_addresses_gets_a_subnet_of_its_own() -> None:
    (netinst,) = CONFIG.network_instances
    assert netinst.inst_type is ZNetworkInstType.ZnetInstLocal
    assert netinst.port is not None
    assert netinst.port.name == "eth0"
    assert netinst.ip is not None
    network = netinst.ip.subnet.removesuffix(".0/24")
    assert netinst.ip.subnet.endswith(".0/24")
    assert netinst.ip.gateway == f"{network}.1"
    lease = netinst.ip.dhcp_range  # behind the gateway, the last quarter kept for fixed addresses
    assert lease is not None
    assert (lease.start[-2:], lease.end[-4:]) == (".2", ".190")


@pytest.mark.parametrize("subnet", ["10.9.0.0/30", "10.9.0.0/31", "10.9.0.1/32", "fd00::/128"])
def test_a_small_subnet_does_not_stop_the_rest(subnet: str) -> None:
    small = APPS_NET.model_copy(update={"ip": DhcpServerConfig(subnet=subnet)})
    (netinst,) = render_device(replace(WORLD, netinsts=(small,)), FACTS).config.network_instances
    assert netinst.ip is not None
    assert netinst.ip.subnet == subnet


def test_leases_that_were_asked_for_are_sent() -> None:
    lease = DhcpIpRange(start="10.9.0.10", end="10.9.0.20")
    given = APPS_NET.model_copy(
        update={"ip": DhcpServerConfig(subnet="10.9.0.0/24", dhcp_range=lease)}
    )
    (netinst,) = render_device(replace(WORLD, netinsts=(given,)), FACTS).config.network_instances
    assert netinst.ip is not None
    assert netinst.ip.dhcp_range == IpRange(start="10.9.0.10", end="10.9.0.20")


def test_usb_vga_and_console_are_off_unless_asked_for() -> None:
    assert {item.key: item.value for item in CONFIG.config_items} == {
        "debug.enable.console": "true",
        "debug.enable.usb": "false",
        "debug.enable.vga": "false",
        "timer.config.interval": "30",
    }


def test_only_datastores_in_use_are_delivered_and_their_secrets_are_sealed() -> None:
    (store,) = CONFIG.datastores
    assert (store.id, store.fqdn) == ("ds1", "http://depot.example")
    assert (store.api_key, store.password) == ("", "")
    block = clear(store.cipher_data)
    assert (block.ds_api_key, block.ds_password) == ("reader", "open sesame")
    assert [c.context_id for c in CONFIG.cipher_contexts] == [
        store.cipher_data.cipher_context_id if store.cipher_data else ""
    ]


@pytest.mark.parametrize("secret", [b"open sesame", b"s3cr3t", b"reader"])
def test_no_secret_is_in_clear_text(secret: bytes) -> None:
    assert secret not in encode_edge_dev_config(CONFIG)
    assert base64.b64encode(b"GREETING=hello\nTOKEN=s3cr3t\n") not in encode_edge_dev_config(CONFIG)


def test_each_cipher_block_has_an_iv_of_its_own() -> None:
    blocks = [CONFIG.datastores[0].cipher_data, app("web-1").cipher_data]
    assert len({block.initial_value for block in blocks if block is not None}) == 2


def test_variables_fill_the_template() -> None:
    text = clear(app("web-1").cipher_data).protected_user_data
    assert base64.b64decode(text) == b"GREETING=hello\nTOKEN=s3cr3t\n"
    assert app("web-1").user_data == ""


def test_without_an_ecdh_certificate_what_is_secret_is_left_out_and_said() -> None:
    rendered = render_device(replace(WORLD, ecdh_pem=b""), FACTS)
    web = app("web-1", rendered.config)
    assert (web.cipher_data, web.user_data, web.activate) == (None, "", False)
    assert app("vm-1", rendered.config).activate
    assert rendered.config.cipher_contexts == ()
    assert [text.partition(":")[0] for text in rendered.missing] == [
        "app instance 'web-1' waits for its user data",
        "datastore 'depot' goes without credentials",
    ]


def test_a_required_variable_without_a_value_holds_the_app_back() -> None:
    manifest = CONTAINER.manifest_json
    assert manifest is not None
    assert manifest.configuration is not None
    custom = manifest.configuration.custom_config
    assert custom is not None
    group = custom.variable_groups[0]
    word = group.variables[0].model_copy(update={"default": ""})
    groups = (group.model_copy(update={"variables": (word, group.variables[1])}),)
    custom = custom.model_copy(update={"variable_groups": groups})
    instance = WEB.model_copy(update={"custom_config": custom})
    rendered = render_device(replace(WORLD, instances=(instance,)), FACTS)
    assert not rendered.config.apps[0].activate
    assert "variable WORD has no value" in rendered.missing[0]


def test_a_container_has_its_bundle_resources_rules_and_port_map() -> None:
    web = app("web-1")
    assert web.fixedresources is not None
    assert web.fixedresources.virtualization_mode is VmMode.NOHYPER
    assert (web.fixedresources.memory, web.fixedresources.vcpus) == (262_144, 1)
    (interface,) = web.interfaces
    assert interface.network_id == APPS_NET.id
    (rule,) = interface.acls
    assert [(m.type, m.value) for m in rule.matches] == [("protocol", "tcp"), ("lport", "8080")]
    assert [(a.portmap, a.app_port) for a in rule.actions] == [(True, 80)]
    assert web.restart is not None
    assert web.restart.counter == 0


def test_a_vm_has_its_drives_in_order_and_its_rules_with_ids_of_their_own() -> None:
    vm = app("vm-1")
    assert vm.fixedresources is not None
    assert (vm.fixedresources.vcpus, vm.fixedresources.memory) == (2, 1_048_576)
    boot, blank, data = vm.volume_ref_list
    volumes = {volume.uuid: volume for volume in CONFIG.volumes}
    origin = volumes[boot.uuid].origin
    assert origin is not None
    tree = next(t for t in CONFIG.content_info if t.uuid == origin.download_content_tree_id)
    assert (tree.iformat, tree.sha256, tree.ds_ids_list) == (Format.QCOW2, "ab" * 32, ("ds1",))
    assert volumes[boot.uuid].maxsizebytes == 2048 * 1024
    assert (boot.generation_count, volumes[boot.uuid].generation_count) == (4, 4)
    blank_origin = volumes[blank.uuid].origin
    assert blank_origin is not None
    assert blank_origin.type is VolumeContentOriginType.VCOT_BLANK
    assert (data.uuid, data.generation_count) == (DATA.id, 2)
    ids = [rule.id for interface in vm.interfaces for rule in interface.acls]
    assert len(set(ids)) == 2
    assert all(0 < number < 2**31 for number in ids)
    (direct,) = vm.adapters
    assert (direct.name, direct.type) == ("group1", PhyIoType.PhyIoNetEth)


def test_on_a_device_that_is_not_active_every_app_is_stopped() -> None:
    inactive = DEVICE.model_copy(update={"admin_state": AdminState.INACTIVE})
    config = render_device(replace(WORLD, device=inactive), FACTS).config
    assert [a.activate for a in config.apps] == [False, False]
    assert [len(a.volume_ref_list) for a in config.apps] == [1, 3]


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        pytest.param(replace(WORLD, images={}), "names image 'debian'", id="no image"),
        pytest.param(replace(WORLD, volumes=()), "no volume instance 'data'", id="no volume"),
        pytest.param(replace(WORLD, netinsts=()), "not on the device", id="no network instance"),
        pytest.param(replace(WORLD, bundles={}), "bundle is not there", id="no bundle"),
        pytest.param(replace(WORLD, datastores={}), "datastore ds1 is not", id="no datastore"),
    ],
)
def test_what_is_not_there_is_named(world: DeviceInputs, reason: str) -> None:
    rendered = render_device(world, FACTS)
    assert reason in " ".join(rendered.missing)


def test_an_image_with_another_digest_is_another_content_tree() -> None:
    other = DISK.model_copy(update={"image_sha256": "cd" * 32})
    images = {**WORLD.images, "debian": other, "image-disk": other}
    config = render_device(replace(WORLD, images=images), FACTS).config
    assert {t.uuid for t in config.content_info} != {t.uuid for t in CONFIG.content_info}
    assert {v.uuid for v in config.volumes} == {v.uuid for v in CONFIG.volumes}


def test_restart_and_purge_counters_are_those_of_the_instance() -> None:
    purge = app("vm-1").purge
    assert purge is not None
    assert (purge.counter, purge.ops_time) == (4, "2026-05-01T00:00:00Z")
    assert VM.restart is None


def test_ids_of_rules_fit_into_the_mark_of_a_device_and_differ_in_an_app() -> None:
    for instance in ("00000000-0000-4000-8000-000000000001", "x", ""):
        numbers = [acl_id(instance, index, rule) for index in range(8) for rule in range(300)]
        assert len(set(numbers)) == len(numbers)
        assert 1 <= min(numbers) <= max(numbers) <= 4_194_302


@pytest.mark.parametrize(
    ("kind", "deployment", "runtime"),
    [
        ("APP_TYPE_VM_RUNTIME", "DEPLOYMENT_TYPE_DOCKER_RUNTIME", "APP_RUNTIME_TYPE_DOCKER"),
        ("APP_TYPE_VM_RUNTIME", "DEPLOYMENT_TYPE_STAND_ALONE", "APP_RUNTIME_TYPE_UNSPECIFIED"),
        ("APP_TYPE_VM", "DEPLOYMENT_TYPE_DOCKER_RUNTIME", "APP_RUNTIME_TYPE_UNSPECIFIED"),
    ],
)
def test_a_machine_that_hosts_compose_files_is_told_as_such(
    kind: str, deployment: str, runtime: str
) -> None:
    bundle = CONTAINER.to_json()
    bundle["manifestJSON"] |= {"appType": kind, "deploymentType": deployment}
    bundles = {**WORLD.bundles, CONTAINER.id: App.from_json(bundle)}
    config = render_device(replace(WORLD, bundles=bundles), FACTS).config
    assert app("web-1", config).runtime_type.name == runtime
