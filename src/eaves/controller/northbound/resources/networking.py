"""Networks and network instances."""

from eaves.controller.domain.admission import admit_netinst, admit_network
from eaves.controller.domain.carried import complete_netinst
from eaves.controller.domain.contract.devices import SysInterface
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.networks import (
    NetCellularAccessPoint,
    NetConfig,
    NetWifiConfig,
    NetWirelessConfig,
)
from eaves.controller.domain.render.netinsts import with_subnets
from eaves.controller.domain.secrets import CELLULAR_PARTS, cellular_field
from eaves.controller.northbound import records, rendering
from eaves.controller.northbound.completion import complete_network
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store.tables import DEFAULT_NETWORK

WIFI_PASSWORD = "WiFiPasswd"  # noqa: S105 - the name of a member


async def prepare_network(
    work: Work, wanted: NetConfig, current: NetConfig | None
) -> Prepared[NetConfig]:
    project = await records.find(work.db, work.scope, records.PROJECT, wanted.project_id)
    refusals = admit_network(wanted, current, project=project)
    public, secrets = without_passwords(complete_network(wanted))
    return Prepared(
        public,
        refusals,
        references=frozenset({wanted.project_id}),
        project_id=wanted.project_id,
        state=DEFAULT_NETWORK if wanted.enterprise_default else "",
        secrets=secrets,
        secret_fields=_fields_of(public),
    )


async def leave_default(work: Work, wanted: NetConfig, current: NetConfig | None) -> None:
    """Devices that use it by default get another one; once it is stored, none of them is found."""
    if current is not None and current.enterprise_default and not wanted.enterprise_default:
        work.changed.update(await rendering.devices_of(work, current, every=True))


def without_passwords(network: NetConfig) -> tuple[NetConfig, dict[str, str]]:
    """The network as it may be stored and shown, and what it came with, by field."""
    network, cellular = _without_cellular_secrets(network)
    public, wifi = _without_wifi_password(network)
    return public, {**cellular, **({WIFI_PASSWORD: wifi} if wifi else {})}


def _fields_of(network: NetConfig) -> frozenset[str]:
    cellular = network.wireless.cellular_cfg if network.wireless is not None else None
    points = cellular.access_points if cellular is not None else ()
    accounts = {
        cellular_field(one.sim_slot, one.apn, part) for one in points for part in CELLULAR_PARTS
    }
    return frozenset({WIFI_PASSWORD, *accounts})


def bare_port(port: SysInterface) -> SysInterface:
    """Without the passwords of a network of its own: no device is told them, so none is kept."""
    if port.adapter_specific_net is None:
        return port
    public, _ = without_passwords(port.adapter_specific_net)
    return port.model_copy(update={"adapter_specific_net": public})


def _without_cellular_secrets(network: NetConfig) -> tuple[NetConfig, dict[str, str]]:
    wireless = network.wireless
    cellular = wireless.cellular_cfg if wireless is not None else None
    if wireless is None or cellular is None or not cellular.access_points:
        return network, {}
    found: dict[str, str] = {}
    public: list[NetCellularAccessPoint] = []
    for point in cellular.access_points:
        sent = {
            CELLULAR_PARTS[0]: point.secrets.username if point.secrets else "",
            CELLULAR_PARTS[1]: point.secrets.password if point.secrets else "",
            CELLULAR_PARTS[2]: point.attach_secrets.username if point.attach_secrets else "",
            CELLULAR_PARTS[3]: point.attach_secrets.password if point.attach_secrets else "",
        }
        for part, text in sent.items():
            if text:
                found[cellular_field(point.sim_slot, point.apn, part)] = text
        public.append(point.model_copy(update={"secrets": None, "attach_secrets": None}))
    config = cellular.model_copy(update={"access_points": tuple(public)})
    shown = wireless.model_copy(update={"cellular_cfg": config})
    return network.model_copy(update={"wireless": shown}), found


def _without_wifi_password(network: NetConfig) -> tuple[NetConfig, str]:
    wireless = network.wireless
    wifi = wireless.wifi_cfg if wireless is not None else None
    if wireless is None or wifi is None:
        return network, ""
    password = (wifi.secret.wi_fi_passwd if wifi.secret else "") or (
        wifi.crypto.password if wifi.crypto else ""
    )
    changes: dict[str, object] = {"secret": None}
    if wifi.crypto is not None:
        changes["crypto"] = wifi.crypto.model_copy(update={"password": ""})
    public: NetWifiConfig = wifi.model_copy(update=changes)
    shown: NetWirelessConfig = wireless.model_copy(update={"wifi_cfg": public})
    return network.model_copy(update={"wireless": shown}), password


async def prepare_netinst(
    work: Work, wanted: NetInstConfig, current: NetInstConfig | None
) -> Prepared[NetInstConfig]:
    db, scope = work.db, work.scope
    device = await records.find(db, scope, records.DEVICE, wanted.device_id)
    model = await records.find(db, scope, records.MODEL, device.model_id) if device else None
    on_device = await records.on_device(db, scope, records.NETINST, wanted.device_id)
    # what is on the device keeps its subnet, also one that was chosen for it
    siblings = [other for other in with_subnets(on_device) if other.id != wanted.id]
    if current is not None and current.ip is not None and wanted.ip is None:
        # a subnet that was chosen here stays: apps may have leases in it
        wanted = wanted.model_copy(update={"ip": current.ip})
    complete = complete_netinst(
        wanted, project=device.project_id if device else wanted.project_id, siblings=siblings
    )
    refusals = admit_netinst(complete, current, device=device, model=model, siblings=siblings)
    return Prepared(
        complete,
        refusals,
        references=frozenset({complete.device_id}),
        project_id=complete.project_id,
        device_id=complete.device_id,
        state=complete.kind.value,
    )
