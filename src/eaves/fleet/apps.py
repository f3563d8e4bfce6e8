"""The life of app instances on a simulated device, as a table of moves.  Pure.

INITIAL - DOWNLOAD_STARTED - DOWNLOADED - VERIFIED - LOADED - CREATED_VOLUME - INSTALLED
                                                        |                         |
PURGING, when the purge counter changes ----------------+    BOOTING - RUNNING ---+
RESTARTING, when the restart counter changes -- BOOTING      HALTING - HALTED, without activate
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from eaves.evapi.flows.steps import Jitter
from eaves.evapi.info import ZInfoApp, ZInfoNetwork, ZSwState
from eaves.fleet.plan import AppWish

STEP_S = 2.0  # a step takes half to one and a half of this

_UP: Mapping[ZSwState, ZSwState] = {
    ZSwState.INITIAL: ZSwState.DOWNLOAD_STARTED,
    ZSwState.DOWNLOAD_STARTED: ZSwState.DOWNLOADED,
    ZSwState.DOWNLOADED: ZSwState.VERIFIED,
    ZSwState.VERIFIED: ZSwState.LOADED,
    ZSwState.LOADED: ZSwState.CREATED_VOLUME,
    ZSwState.PURGING: ZSwState.CREATED_VOLUME,
    ZSwState.CREATED_VOLUME: ZSwState.INSTALLED,
}
_ACTIVE: Mapping[ZSwState, ZSwState] = {
    **_UP,
    ZSwState.INSTALLED: ZSwState.BOOTING,
    ZSwState.HALTING: ZSwState.HALTED,
    ZSwState.HALTED: ZSwState.BOOTING,
    ZSwState.RESTARTING: ZSwState.BOOTING,
    ZSwState.BOOTING: ZSwState.RUNNING,
}
_INACTIVE: Mapping[ZSwState, ZSwState] = {
    **_UP,
    ZSwState.BOOTING: ZSwState.HALTING,
    ZSwState.RUNNING: ZSwState.HALTING,
    ZSwState.RESTARTING: ZSwState.HALTING,
    ZSwState.HALTING: ZSwState.HALTED,
}
_STARTED = frozenset({ZSwState.BOOTING, ZSwState.RUNNING, ZSwState.HALTED, ZSwState.RESTARTING})


@dataclass(frozen=True, slots=True)
class App:
    wish: AppWish
    state: ZSwState
    due: float | None  # seconds on the clock of the loop; None: it stays as it is
    booted_at: datetime | None = None


Apps = Mapping[str, App]


@dataclass(frozen=True, slots=True)
class Pace:
    """`step_s`: what a step takes on average."""

    jitter: Jitter
    step_s: float = STEP_S

    def due(self, app: App, now: float) -> App:
        ahead = _next(app) is not None
        return replace(app, due=now + self.step_s * (0.5 + self.jitter()) if ahead else None)


def _next(app: App) -> ZSwState | None:
    return (_ACTIVE if app.wish.activate else _INACTIVE).get(app.state)


def asked_for(apps: Apps, wishes: Iterable[AppWish], now: float, pace: Pace) -> dict[str, App]:
    """The apps under a new configuration; which is missing was removed.

    A changed counter restarts or purges what has started; a change of `activate` takes effect.
    """
    made: dict[str, App] = {}
    for wish in wishes:
        app = apps.get(wish.app_id)
        if app is None:
            made[wish.app_id] = pace.due(App(wish, ZSwState.INITIAL, None), now)
        elif app.wish == wish:
            made[wish.app_id] = app
        else:
            state = _commanded(app, wish)
            made[wish.app_id] = pace.due(replace(app, wish=wish, state=state), now)
    return made


def _commanded(app: App, wish: AppWish) -> ZSwState:
    if app.state not in _STARTED:
        return app.state
    if wish.purges != app.wish.purges:
        return ZSwState.PURGING
    if wish.restarts != app.wish.restarts and wish.activate:
        return ZSwState.RESTARTING
    return app.state


def moved(apps: Apps, now: float, today: datetime, pace: Pace) -> tuple[dict[str, App], list[str]]:
    """The apps after the steps that are due, and the identifiers of those that took one."""
    after, changed = dict(apps), list[str]()
    for app_id, app in apps.items():
        if app.due is None or app.due > now:
            continue
        state = _next(app)
        if state is None:
            continue
        booted = today if state == ZSwState.RUNNING else app.booted_at
        after[app_id] = pace.due(replace(app, state=state, booted_at=booted), now)
        changed.append(app_id)
    return after, changed


def booting_again(apps: Apps, now: float, pace: Pace) -> dict[str, App]:
    """After a start of the device: what was installed boots anew."""
    return {
        app_id: pace.due(replace(app, state=ZSwState.INSTALLED), now)
        if app.state in _STARTED
        else app
        for app_id, app in apps.items()
    }


def next_due(apps: Apps) -> float | None:
    return min((app.due for app in apps.values() if app.due is not None), default=None)


def app_info(app: App, address: str) -> ZInfoApp:
    running = app.state == ZSwState.RUNNING
    return ZInfoApp(
        app_id=app.wish.app_id,
        app_version=app.wish.version,
        app_name=app.wish.name,
        state=app.state,
        boot_time=app.booted_at if running else None,
        network=tuple(
            ZInfoNetwork(
                mac_addr=f"02:16:3e:{n:02x}:{app.wish.app_id[:2]}:{app.wish.app_id[2:4]}",
                dev_name=name or f"eth{n}",
                alias=name,
                ip_addrs=(address,) if running else (),
                ipv4_up=running,
            )
            for n, (name, _network) in enumerate(app.wish.vifs)
        ),
        volume_refs=app.wish.volumes,
    )


def gone_app(app_id: str) -> ZInfoApp:
    return ZInfoApp(app_id=app_id)
