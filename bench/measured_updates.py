"""A thousand planned updates of what a node measures, and a hundred tampers among them.

Each update is expected before it boots: the model gets a template of the values that the new image
will make, and the node seals its key to them.  Then it boots: a TPM in software (swtpm) is
extended by what the new chain measures.  It has to pass and to open its key, each time.  Every
tenth time somebody changes something of the same boot: it has to be refused, named by PCR and
entry, and the key stays closed.  Quotes are made by the node's code and judged by the
controller's.  Limit: no false alarm, no lock-out, every tamper caught and named.
"""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from support.row import finish, work_folder

from eaves.cli.demo.boots import CHANGES, Chain, Machine
from eaves.controller.domain.attestation import PASS, Nonce, QuoteAnswer, QuoteCase, judge_quote
from eaves.controller.domain.measured import Measured, Template, captured, template_of
from eaves.controller.domain.quotes import Counters, Proven, examine
from eaves.evapi.certs import ZCertType
from eaves.evapi.device_certs import Chance
from eaves.evapi.event_log import read_event_log
from eaves.evapi.event_log_form import header
from eaves.evapi.flows.attest import stated_versions
from eaves.node.comms.identity import load_identity
from eaves.node.tpm.device import SealedBlob, Tpm
from eaves.node.tpm.errors import PolicyMismatch
from eaves.node.tpm.layout import DEFAULT_SEAL_PCRS, QUOTED_PCRS
from eaves.node.tpm.quoter import TpmQuoter

UPDATES: Final = 1000
TAMPER_EVERY: Final = 10
FIRMWARE: Final = "Acme-2.7"
WHERE: Final[Mapping[str, int]] = {
    "command line": 12,
    "initrd": 9,
    "boot order": 4,
    "kernel": 11,
    "boot loader": 4,
    "firmware": 0,
    "secure boot": 7,
    "OS version": 11,
}
"""The PCR that has to be named for each change."""


def version_of(number: int) -> str:
    return f"15.{number}.0"


def chain_of(number: int) -> Chain:
    """The system is another one with each update, loader and firmware now and then."""
    version = version_of(number)
    return Chain(
        firmware=f"Acme UEFI 3.{number // 50}",
        loader=f"systemd-boot {257 + number // 20}",
        os_version=version,
        kernel=f"Linux 6.12.{number}",
        initrd=f"initrd of {version}",
        command_line=f"root=PARTLABEL=IMG{'AB'[number % 2]} ro quiet",
    )


def predicted(chain: Chain, version: str) -> Measured:
    """What a boot of this image will measure, from the image alone."""
    log = read_event_log(header() + b"".join(step.logged() for step in chain.steps()))
    values = log.replayed()
    pcrs = {n: values.get(n, bytes(32)) for n in QUOTED_PCRS}
    return Measured(version, FIRMWARE, pcrs, log, values)


@dataclass
class Site:
    """The node and what the controller knows of it."""

    machine: Machine
    disk: Path
    tpm: Tpm
    attestation_pem: bytes
    before: Counters | None = None

    def boot(self, chain: Chain) -> None:
        self.tpm.close()
        self.machine.boot(chain)

    def judged(self, version: str, templates: tuple[Template, ...]) -> QuoteAnswer:
        nonce, at = os.urandom(32), datetime.now(UTC)
        versions = stated_versions(version, FIRMWARE)
        quote = TpmQuoter(self.tpm, self.machine.event_log, versions)(nonce)
        examined = examine(quote, self.attestation_pem)
        case = QuoteCase(
            examined,
            Nonce(nonce, at),
            has_certificate=True,
            enforced=True,
            templates=templates,
            had_tpm=True,
            before=self.before,
        )
        if isinstance(examined, Proven):
            self.before = examined.counters
        return judge_quote(case, at)

    def opens(self, blob: SealedBlob, key: bytes) -> bool:
        try:
            return self.tpm.unseal(blob) == key
        except PolicyMismatch:
            return False


@dataclass
class Counted:
    updates: int = 0
    false_alarms: int = 0
    lock_outs: int = 0
    tampers: int = 0
    caught: int = 0
    named: int = 0
    closed: int = 0


def play(site: Site) -> Counted:
    counted, key = Counted(), os.urandom(32)
    names = sorted(CHANGES)
    templates: tuple[Template, ...] = ()
    for number in range(UPDATES):
        chain, version = chain_of(number), version_of(number)
        expected = predicted(chain, version)
        template = template_of(captured(expected, version))
        templates = (*templates[-1:], template)  # of what runs, and of what comes
        blob = site.tpm.seal(key, {n: expected.pcrs[n] for n in DEFAULT_SEAL_PCRS})
        site.boot(chain)
        counted.updates += 1
        judged = site.judged(version, templates)
        counted.false_alarms += judged.state != PASS
        counted.lock_outs += not site.opens(blob, key)
        if number % TAMPER_EVERY == TAMPER_EVERY - 1:
            tamper(site, chain, templates, blob, key, names[number // TAMPER_EVERY % 8], counted)
        if number % 100 == 99:
            print(f"  {number + 1} updates: {counted}", file=sys.stderr, flush=True)
    return counted


def tamper(
    site: Site,
    chain: Chain,
    templates: tuple[Template, ...],
    blob: SealedBlob,
    key: bytes,
    change: str,
    counted: Counted,
) -> None:
    """The same boot with one thing changed, told as the version that is expected."""
    site.boot(CHANGES[change](chain))
    judged = site.judged(templates[-1].eve_version, templates)
    counted.tampers += 1
    counted.caught += judged.state != PASS
    counted.named += f"PCR {WHERE[change]}: entry " in judged.detail
    counted.closed += not site.opens(blob, key)
    site.boot(chain)


def main() -> int:
    with work_folder() as folder, Machine(folder / "machine") as machine:
        machine.boot(Chain())
        with Tpm(machine.tcti) as tpm:
            identity = load_identity(
                folder / "identity", lambda: Chance(datetime.now(UTC), os.urandom), tpm
            )
            kind = ZCertType.CERT_TYPE_DEVICE_RESTRICTED_SIGNING
            pem = next(cert.cert for cert in identity.certs if cert.type == kind)
            begun = time.monotonic()
            counted = play(Site(machine, folder, tpm, pem))
            took = time.monotonic() - begun
    tampers = UPDATES // TAMPER_EVERY
    met = replace(counted) == Counted(UPDATES, 0, 0, tampers, tampers, tampers, tampers)
    told = {
        "name": "measured-updates",
        "updates": counted.updates,
        "false_alarms": counted.false_alarms,
        "lock_outs": counted.lock_outs,
        "tampers": counted.tampers,
        "tampers_caught": counted.caught,
        "tampers_named": counted.named,
        "tampers_kept_closed": counted.closed,
        "seconds": round(took, 1),
        "limit": 0,
        "met": met,
        "generator_ok": True,  # nothing is sent
    }
    return finish(told)


if __name__ == "__main__":
    raise SystemExit(main())
