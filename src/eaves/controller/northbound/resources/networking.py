"""Networks and network instances."""

from eaves.controller.domain.admission import admit_netinst, admit_network
from eaves.controller.domain.carried import complete_netinst
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.networks import NetConfig, NetWifiConfig, NetWirelessConfig
from eaves.controller.domain.render.netinsts import with_subnets
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
    public, password = without_wifi_password(complete_network(wanted))
    return Prepared(
        public,
        refusals,
        references=frozenset({wanted.project_id}),
        project_id=wanted.project_id,
        state=DEFAULT_NETWORK if wanted.enterprise_default else "",
        secrets={WIFI_PASSWORD: password} if password else {},
    )


async def leave_default(work: Work, wanted: NetConfig, current: NetConfig | None) -> None:
    """Devices that use it by default get another one; once it is stored, none of them is found."""
    if current is not None and current.enterprise_default and not wanted.enterprise_default:
        work.changed.update(await rendering.devices_of(work, current, every=True))


def without_wifi_password(network: NetConfig) -> tuple[NetConfig, str]:
    """The network as it may be stored and shown, and the password it came with."""
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
