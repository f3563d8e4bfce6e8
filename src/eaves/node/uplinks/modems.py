"""Modems of cellular ports: connected, and connected again when they lose their network."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import structlog

from eaves.errors import EavesError, Transient
from eaves.evapi.config.netconfig import CellularConfig
from eaves.evapi.info import ZCellularProvider
from eaves.node.host import modem, probes
from eaves.node.refs import Position
from eaves.node.uplinks.ladder import Climb, Recovery, Rung, climb
from eaves.node.uplinks.model import PortPlan
from eaves.node.uplinks.position import position_of
from eaves.node.uplinks.providers import SCAN_EVERY_S, visible_providers
from eaves.node.uplinks.seen import Lease
from eaves.node.uplinks.wireless import (
    Modem,
    OpenSecret,
    Probe,
    WirelessUnusable,
    bearer,
    modem_of,
    probe_of,
)

log = structlog.get_logger(__name__)

ON_THE_MODEM = frozenset({Rung.CONNECT, Rung.RESET, Rung.POWER_CYCLE})
SILENT_PROBES = 3  # in a row
PROBE_S = 5.0

Answers = Callable[[Probe, str], Awaitable[bool]]
"""Does it answer, by that interface?"""


async def answers_probe(probe: Probe, ifname: str) -> bool:
    if probe.port:
        return await probes.answers_tcp(probe.host, probe.port, ifname, PROBE_S)
    return await probes.answers_ping(probe.host, ifname, PROBE_S)


def usable_probe(config: CellularConfig | None) -> Probe | None:
    """One that cannot be used is told with its port, and asks nobody."""
    try:
        return probe_of(config) if config is not None else None
    except WirelessUnusable:
        return None


class NoConnection(Transient):
    """A modem gives no address; the text is the port's error."""


class Modems:
    """`bearers`: what each interface got, in the place of a lease."""

    def __init__(self, open_secret: OpenSecret | None, answers: Answers = answers_probe) -> None:
        self._open_secret = open_secret
        self._answers = answers
        self._silent: dict[str, int] = {}  # probes without an answer, by interface
        self._climbs: dict[str, Climb] = {}
        self._one_at_a_time = asyncio.Lock()
        self.bearers: dict[str, Lease] = {}
        self.recovery = Recovery()
        self.looks_for_providers = False  # wwan.query.visible.providers
        self.providers: dict[str, tuple[ZCellularProvider, ...]] = {}  # by interface
        self._scan_at: dict[str, float] = {}
        self.wants_reboot = False  # nothing else helped, and the machine may restart for it

    async def start(self, plan: PortPlan, ifname: str) -> None:
        """Connected, with the bearer's address as the lease; one that is connected is left so.

        Raises EavesError when it gives no address.
        """
        async with self._one_at_a_time:
            await self._connect(plan, ifname)

    async def _connect(self, plan: PortPlan, ifname: str) -> None:
        self.bearers.pop(ifname, None)
        found = await self._modem(plan, ifname)
        if not found.connected and plan.cellular is not None:
            given = bearer(plan.cellular, self._open_secret)
            await modem.connect(
                found.index, given.sim_slot, given.settings, given.attach, given.modes
            )
            found = await self._modem(plan, ifname)
        if not found.address:
            why = found.failure or found.state
            raise NoConnection(f"port {plan.label}: the modem has no address ({why})")
        gateways = (found.gateway,) if found.gateway else ()
        self.bearers[ifname] = Lease(found.address, gateways, found.dns)

    async def mend(self, ports: Mapping[str, PortPlan], now: float) -> bool:
        """Help modems that lost their network; True: what one of them gives or hears is another.

        `ports`: by interface, those that are to be connected.
        """
        before = dict(self.bearers), dict(self.providers)
        well: list[str] = []
        async with self._one_at_a_time:
            for ifname, plan in ports.items():
                try:
                    await self._mend(plan, ifname, now)
                except EavesError as error:
                    log.warning("modem_not_mended", port=plan.label, error=str(error))
                else:
                    well.append(ifname)
        for ifname in well:  # minutes: whoever sets a port waits for none of it
            await self._look_for_providers(ifname, now)
        return (self.bearers, self.providers) != before

    async def _look_for_providers(self, ifname: str, now: float) -> None:
        """What was heard stands until the next time, also where that hears nothing.

        First after an hour: a scan may cut the connection, which a node that starts needs.
        """
        if not self.looks_for_providers:
            self._scan_at.pop(ifname, None)
            self.providers.pop(ifname, None)
            return
        if now < self._scan_at.setdefault(ifname, now + SCAN_EVERY_S):
            return
        self._scan_at[ifname] = now + SCAN_EVERY_S
        found = await self._seen(ifname)
        told = await modem.scan(found.index) if found is not None else ""
        if heard := visible_providers(told):
            self.providers[ifname] = heard
            log.info("providers_heard", interface=ifname, plmn=[p.plmn for p in heard])
        else:
            log.warning("no_provider_heard", interface=ifname)

    async def _mend(self, plan: PortPlan, ifname: str, now: float) -> None:
        try:
            found = await self._seen(ifname)
        except EavesError:
            await self._wake_manager(plan, ifname, now)
            raise
        if found is not None and found.connected and ifname in self.bearers:
            if not await self._is_dead(plan, ifname):
                self._climbs.pop(ifname, None)
                return
            log.info("modem_carries_nothing", port=plan.label)
            await modem.disconnect(found.index)
        self.bearers.pop(ifname, None)
        rung = self._climb(ifname, now)
        if rung is None:
            return
        log.info("modem_mended", port=plan.label, by=rung, state=found.state if found else "gone")
        if rung in ON_THE_MODEM:
            await self._help(plan, ifname, rung, found or await self._modem(plan, ifname))
        elif rung is Rung.RESTART_MANAGER:
            await modem.restart_manager()
        elif rung is Rung.RELOAD_DRIVERS:
            await modem.reload_drivers()
        else:
            self.wants_reboot = True

    def _climb(self, ifname: str, now: float) -> Rung | None:
        before = self._climbs.get(ifname, Climb())
        rung, self._climbs[ifname] = climb(before, now, self.recovery.ladder)
        return rung

    async def _wake_manager(self, plan: PortPlan, ifname: str, now: float) -> None:
        """It does not answer, so no modem can be asked; what one of them carries may go on."""
        rung = self._climb(ifname, now)
        if rung is Rung.RESTART_MANAGER:
            log.info("modem_mended", port=plan.label, by=rung, state="unknown")
            await modem.restart_manager()

    async def _help(self, plan: PortPlan, ifname: str, rung: Rung, found: Modem) -> None:
        match rung:
            case Rung.RESET:
                await modem.reset(found.index)
            case Rung.POWER_CYCLE:
                await modem.power(found.index, on=False)
                await modem.power(found.index, on=True)
            case _:
                await self._connect(plan, ifname)

    async def _is_dead(self, plan: PortPlan, ifname: str) -> bool:
        """Was its probe not answered several times in a row?  Then it is counted anew."""
        probe = usable_probe(plan.cellular)
        if probe is None or await self._answers(probe, ifname):
            self._silent.pop(ifname, None)
            return False
        self._silent[ifname] = self._silent.get(ifname, 0) + 1
        if self._silent[ifname] < SILENT_PROBES:
            return False
        del self._silent[ifname]
        return True

    async def locate(self, ports: Mapping[str, PortPlan], now: datetime) -> Position | None:
        """Where the first port stands that is to tell it, and can."""
        for ifname, plan in ports.items():
            if plan.cellular is None or not plan.cellular.location_tracking:
                continue
            async with self._one_at_a_time:
                found = await self._seen(ifname)
                told = await modem.location(found.index) if found is not None else ""
            if (position := position_of(told, plan.label, now)) is not None:
                return position
        return None

    async def _modem(self, plan: PortPlan, ifname: str) -> Modem:
        found = await self._seen(ifname)
        if found is None:
            raise NoConnection(f"port {plan.label}: ModemManager has no modem with {ifname}")
        return found

    async def _seen(self, ifname: str) -> Modem | None:
        told = [modem_of(a.index, a.modem, a.bearer) for a in await modem.modems()]
        return next((m for m in told if ifname in m.interfaces), None)
