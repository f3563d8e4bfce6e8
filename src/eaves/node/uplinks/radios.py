"""Radios that may send, and those that may not: unused ones never, all in radio silence.

Only radios whose interfaces were handed over are switched.  Another one belongs to the machine's
own network: in radio silence that it sends is an error, which says what to do.  Source: node
reference, section 5.8.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import structlog

from eaves.errors import EavesError
from eaves.node.host import modem, rfkill
from eaves.node.uplinks.wireless import modem_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Radios:
    switches: Path = rfkill.CLASS

    async def switch(
        self, managed: AbstractSet[str], used: AbstractSet[str], *, silent: bool
    ) -> tuple[str, ...]:
        """Switch each; the sentences of those that do not do as they should.

        `used`: interfaces of ports with a wireless network.
        """
        wrong: list[str] = []
        for radio in rfkill.radios(self.switches):
            wrong += _by_rfkill(radio, managed, used, silent=silent)
        for answers in await modem.modems():
            wrong += await _modem(answers, managed, used, silent=silent)
        return tuple(wrong)


def _by_rfkill(
    radio: rfkill.Radio, managed: AbstractSet[str], used: AbstractSet[str], *, silent: bool
) -> list[str]:
    off = silent or not radio.ifnames & used
    if not radio.ifnames & managed:
        return [_foreign(radio.name, radio.ifnames)] if silent and not radio.silent else []
    if radio.held:
        return [] if off else [f"radio {radio.name} is off by a switch of the machine; move that"]
    if radio.silent == off:
        return []
    try:
        rfkill.switch(radio, silent=off)
    except OSError as error:
        return [f"radio {radio.name} cannot be switched: {error.strerror or error}"]
    log.info("radio_switched", radio=radio.name, silent=off)
    return []


async def _modem(
    answers: modem.Answers, managed: AbstractSet[str], used: AbstractSet[str], *, silent: bool
) -> list[str]:
    try:
        seen = modem_of(answers.index, answers.modem, answers.bearer)
        names = frozenset(seen.interfaces)
        if not names & managed:
            return [_foreign(f"of modem {seen.index}", names)] if silent and seen.sends else []
        if silent or not names & used:
            if seen.sends:
                await modem.power(seen.index, on=False)
                log.info("modem_silenced", modem=seen.index)
        elif not seen.sends:
            await modem.power(seen.index, on=True)
    except EavesError as error:
        return [f"modem {answers.index} cannot be switched: {error}"]
    return []


def _foreign(name: str, ifnames: AbstractSet[str]) -> str:
    which = ", ".join(sorted(ifnames)) or "its interface"
    return (
        f"radio {name} ({which}) belongs to the machine's own network and goes on sending; hand it"
        " over with --host-network=managed --interface"
    )
