"""Wired ports that authenticate themselves: their supplicants, and what these say."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_interface
from pathlib import Path

import structlog

from eaves.errors import EavesError, Rejected
from eaves.evapi.config.netconfig import PNAC
from eaves.evapi.info import SupplicantState
from eaves.node.host import dhcp, wpa
from eaves.node.refs import PortCredentials
from eaves.node.uplinks.access import (
    Access,
    Reacquire,
    configuration,
    failure,
    files,
    reacquire,
    silent,
    told_by,
)
from eaves.node.uplinks.layout import Layout

log = structlog.get_logger(__name__)

FindCredentials = Callable[[str], PortCredentials]
"""By the name of an enrolment profile.  Raises EavesError while there are none."""


class NothingEnrolled(Rejected):
    """No certificate: the text says why."""


def nothing_enrolled(profile: str) -> PortCredentials:
    raise NothingEnrolled(f"no certificate is enrolled by profile {profile!r}")


@dataclass(frozen=True, slots=True)
class Asked:
    """An interface that is to authenticate itself, and those that get addresses over it."""

    ifname: str
    pnac: PNAC
    over: tuple[str, ...]


def asked_of(layout: Layout) -> tuple[Asked, ...]:
    """A VLAN passes where its adapter does; members of a bond are not told apart yet."""
    parents = {one.vlan.label: one.parent for one in layout.vlans}
    bonds = {one.bond.ifname for one in layout.bonds}
    found: dict[str, Asked] = {}
    for port in layout.ports:
        below = parents.get(port.plan.device, port.ifname)
        if port.plan.access is None or below in bonds:
            continue
        over = (*found[below].over, port.ifname) if below in found else (port.ifname,)
        found[below] = Asked(below, port.plan.access, over)
    return tuple(found.values())


@dataclass(slots=True)
class Authenticator:
    """`seen` and what is reacquired are by interface."""

    run_dir: Path
    mark: str  # tells processes of this node from others
    now: Callable[[], datetime]
    credentials: FindCredentials = nothing_enrolled
    most_tries: int = 4  # pnac.dhcp.reacquire.max.retries
    seen: Mapping[str, Access] = field(default_factory=dict[str, Access])
    _asking: dict[str, Reacquire] = field(default_factory=dict[str, Reacquire])

    async def round(
        self, asked: Iterable[Asked], addresses: Mapping[str, str], monotonic: float
    ) -> bool:
        """Supplicants run where they are asked for; True: one says something else than before.

        `addresses`: what DHCP gave, by interface.
        """
        wished = {one.ifname: one for one in asked}
        before, seen = self.seen, dict[str, Access]()
        for ifname, one in wished.items():
            access, admitted = await self._one(one, before.get(ifname, Access()))
            for name in one.over:
                seen[name] = access
                if admitted is not None:
                    self._reacquire(name, addresses.get(name, ""), monotonic, admitted=admitted)
            seen[ifname] = access
        await wpa.stop_others(self.run_dir / "pnac", frozenset(wished))
        self.seen = seen
        return seen != before

    async def _one(self, asked: Asked, before: Access) -> tuple[Access, bool | None]:
        """Also whether it is let in; None: nobody knows."""
        folder = self.run_dir / "pnac" / asked.ifname
        try:
            given = self.credentials(asked.pnac.cert_enrollment_profile_name)
            text = configuration(asked.pnac, given, folder, wpa.controls(folder))
            unit = f"{self.mark}-pnac-{asked.ifname}"
            await wpa.ensure(folder, asked.ifname, text, unit, wpa.WIRED, files(given))
            told = told_by(await wpa.status(folder, asked.ifname))
        except wpa.NoAnswer as error:
            return silent(before, str(error)), None
        except (EavesError, OSError) as error:
            # One that runs goes on: what is missing now may have been there when it began.
            return Access(error=str(error), since=before.since), None
        entered = told.state is SupplicantState.SUPPLICANT_STATE_AUTHENTICATED
        if told.state is not before.state:
            log.info("port_access", interface=asked.ifname, state=told.state.name)
        new = entered and before.state is not told.state
        since = self.now() if new else before.since
        why = "" if entered else failure(wpa.last_output(folder))
        return Access(told.state, enabled=True, error=why, since=since), told.admitted

    def _reacquire(self, ifname: str, address: str, monotonic: float, *, admitted: bool) -> None:
        subnet = str(ip_interface(address).network) if address else ""
        self._asking[ifname], renew = reacquire(
            self._asking.get(ifname, Reacquire()),
            subnet,
            monotonic,
            self.most_tries,
            admitted=admitted,
        )
        if renew:
            log.info("address_asked_anew", interface=ifname)
            dhcp.renew(self.run_dir / "dhcp" / ifname)
