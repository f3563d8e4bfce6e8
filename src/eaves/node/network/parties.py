"""Who is who in records of flows: items and configuration -> the directory.  Pure."""

from collections.abc import Iterable, Mapping, Sequence

from eaves.evapi.config import NetworkAdapter
from eaves.ids import AppInstanceId
from eaves.node.network.flows import Directory, Entry, Party
from eaves.node.network.items import AppFirewall, NetworkItem, SwitchFirewall, Vif
from eaves.node.network.learning import Leases
from eaves.node.network.marks import entry_of
from eaves.node.refs import AppInForce


def directory_of(
    items: Iterable[NetworkItem], apps: Sequence[AppInForce], learned: Leases
) -> Directory:
    """`learned`: of apps on switches."""
    items = tuple(items)
    macs = {(vif.app, vif.index): vif.mac for vif in items if isinstance(vif, Vif)}
    adapters: dict[AppInstanceId, tuple[NetworkAdapter, ...]] = {
        app.app: app.config.interfaces for app in apps
    }
    parties: list[Party] = []
    for item in items:
        if not isinstance(item, AppFirewall | SwitchFirewall):
            continue
        adapter = next(iter(adapters.get(item.app, ())[item.index : item.index + 1]), None)
        parties.append(
            Party(
                item.app,
                item.app_number,
                (adapter.name if adapter else "") or item.vif,
                item.vif,
                item.network_instance,
                item.zone if isinstance(item, SwitchFirewall) else 0,
                (item.address,)
                if isinstance(item, AppFirewall)
                else learned.get(macs.get((item.app, item.index), ""), ()),
                item.flow_log,
                entries_of(adapter),
            )
        )
    return Directory(parties)


def entries_of(adapter: NetworkAdapter | None) -> Mapping[int, Entry]:
    """By what stands for each entry in a mark."""
    return {entry_of(ace.id): Entry(ace.id, ace.name) for ace in adapter.acls} if adapter else {}
