"""What a port says while its supplicant does not answer."""

import os
import socket
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from eaves.evapi.config import PNAC, EAPMethod
from eaves.evapi.info import SupplicantState
from eaves.node.host import wpa
from eaves.node.refs import PortCredentials
from eaves.node.uplinks.access import Access
from eaves.node.uplinks.authenticator import Asked, Authenticator

IFNAME = "eth9"
TLS = PNAC(
    eap_identity="device-1",
    eap_method=EAPMethod.EAP_METHOD_TLS,
    cert_enrollment_profile_name="office",
)
ASKED = (Asked(IFNAME, TLS, (IFNAME,)),)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LET_IN = b"Supplicant PAE state=AUTHENTICATED\nsuppPortStatus=Authorized\nEAP state=SUCCESS\n"


class Supplicant:
    """Runs from the first round on; answers only within `answer`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "pnac" / IFNAME
        self.now = NOW
        given = PortCredentials(b"chain", b"trusted", folder / "key.pem")
        self.port = Authenticator(folder, "m", lambda: self.now, lambda _: given)

    async def look(self) -> Access:
        self.now += timedelta(seconds=2)
        await self.port.round(ASKED, {}, 0.0)
        return self.port.seen[IFNAME]

    async def look_with_answer(self) -> Access:
        at = wpa.controls(self.folder) / IFNAME
        at.parent.mkdir(exist_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.settimeout(60)
            own.bind(str(at))
            answering = Thread(target=lambda: own.sendto(LET_IN, own.recvfrom(64)[1]))
            answering.start()
            try:
                return await self.look()
            finally:
                answering.join()
                at.unlink()


@pytest.fixture
async def supplicant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Supplicant]:
    program = tmp_path / "wpa_supplicant"
    program.write_text("#!/bin/sh\nexec sleep 120\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(wpa, "ANSWER_S", 60.0)  # the machine may be busy
    yield Supplicant(tmp_path)
    await wpa.stop_others(tmp_path / "pnac", frozenset())


async def test_one_that_was_only_just_started_is_no_error(supplicant: Supplicant) -> None:
    assert await supplicant.look() == Access(enabled=True)
    assert "does not answer" in (await supplicant.look()).error


async def test_one_that_is_silent_for_a_while_was_let_in_when_it_was(
    supplicant: Supplicant,
) -> None:
    await supplicant.look()
    entered = await supplicant.look_with_answer()
    state = SupplicantState.SUPPLICANT_STATE_AUTHENTICATED
    assert entered == Access(state, enabled=True, since=supplicant.now)
    silent = await supplicant.look()
    assert "does not answer" in silent.error
    assert replace(silent, error="") == entered
    assert await supplicant.look_with_answer() == entered
