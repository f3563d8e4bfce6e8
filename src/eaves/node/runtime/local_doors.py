"""What the dialogue on the spot sees of the node."""

from collections.abc import Awaitable, Callable, Mapping

from eaves.evapi.config import EdgeDevConfig
from eaves.evapi.profile import DevCommandKind, LocalDevInfo
from eaves.ids import AppInstanceId
from eaves.node import refs
from eaves.node.local.messages import Reached, boot_info_list, device_info_of, network_info
from eaves.node.local.state import LocalState
from eaves.node.runtime.apps_in_force import app_id
from eaves.node.runtime.local_site import Doors
from eaves.node.runtime.parts import Parts, Shared
from eaves.node.runtime.reporter import Reporter
from eaves.reconcile.report import ItemState


def doors_of(
    parts: Parts,
    shared: Shared,
    reporter: Reporter,
    command: Callable[[DevCommandKind], Awaitable[None]],
    reconnect: Callable[[], Awaitable[None]],
) -> Doors:
    def device(state: LocalState) -> LocalDevInfo:
        return device_info_of(
            parts.conversation.link.device_id or "",
            reporter.state(),
            reporter.maintenance(),
            parts.identity.boot_time,
            parts.identity.boot_reason,
            state,
        )

    async def silence(on: bool) -> str:  # noqa: FBT001 - the door's one argument
        return await parts.uplinks.silence(on=on)

    system = parts.base_os
    return Doors(
        items=lambda: shared.items,
        apps=lambda: reporter.apps,
        names=lambda: app_names(parts),
        ready=lambda: ready_apps(parts),
        device=device,
        busy=lambda: system is not None and system.on_trial(),
        apply=parts.engine.again,
        command=command,
        silence=silence,
        boots=lambda state: boot_info_list(
            configured(parts), state, shared.items.text("app.boot.order")
        ),
        network=lambda state: network_info(
            configured(parts), state, parts.engine.ports, reached(parts)
        ),
        reconnect=reconnect,
    )


def configured(parts: Parts) -> EdgeDevConfig:
    """As the controller has it."""
    return parts.conversation.heard.config or EdgeDevConfig()


def reached(parts: Parts) -> Reached:
    heard, counts = parts.conversation.heard, parts.conversation.link.transport.counts
    why = heard.unreachable
    return Reached(counts.last_success is not None and not why, why, counts.last_success)


def app_names(parts: Parts) -> Mapping[AppInstanceId, str]:
    wish = parts.engine.wish
    return {app_id(app): app.displayname for app in (wish.config.apps if wish else ())}


def ready_apps(parts: Parts) -> tuple[AppInstanceId, ...]:
    """Every counter that they were told is worked in, and they run, if they should."""
    engine = parts.engine
    wish = engine.wish
    if wish is None:
        return ()
    report, ready = engine.reconciler.report(), list[AppInstanceId]()
    for app in wish.config.apps:
        decided = engine.decided.get(app_id(app))
        if decided is None or decided.purging:
            continue
        restart, purge = app.restart, app.purge
        wanted = (restart.counter if restart else 0, purge.counter if purge else 0)
        if (decided.record.restart_counter, decided.record.purge_counter) != wanted:
            continue
        contained = app_id(app) in wish.containers
        workload = (refs.container if contained else refs.domain)(app_id(app))
        status = report.items.get(workload)
        runs = status is not None and status.state is ItemState.PRESENT
        if runs or not decided.config.activate:
            ready.append(app_id(app))
    return tuple(ready)
