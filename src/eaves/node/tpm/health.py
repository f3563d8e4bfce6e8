"""Does the TPM still do what this node needs it for?  Asked now and then, told to the controller.

A TPM that answers may still have lost a key or refuse to quote, so the seldom check makes it agree
on a key and quote, and the frequent one only reads its clock.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from eaves.errors import EavesError
from eaves.node.tpm.device import Tpm
from eaves.node.tpm.errors import TpmUnusable
from eaves.node.tpm.layout import Handle

log = structlog.get_logger(__name__)

SIGN_OF_LIFE_S: Final = 60.0
SELF_TEST_EVERY: Final = 60  # signs of life: once an hour


class Health:
    """`fault` is empty while all is well; `encrypts` and `quotes` say what fails of a TPM that
    answers.
    """

    def __init__(self, tpm: Tpm, changed: Callable[[], None] = lambda: None) -> None:
        self.fault = ""
        self.encrypts = self.quotes = True
        self._tpm = tpm
        self._changed = changed

    async def run_forever(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        rounds = 0
        while True:
            # The first look is a whole one, and so is each while something is wrong.
            whole = rounds % SELF_TEST_EVERY == 0 or bool(self.fault)
            before = self.fault
            await asyncio.to_thread(self.check, whole=whole)
            if self.fault != before:
                log.log(
                    30 if self.fault else 20, "tpm_health", tpm=self._tpm.tcti, fault=self.fault
                )
                self._changed()
            rounds += 1
            await sleep(SIGN_OF_LIFE_S)

    def check(self, *, whole: bool) -> None:
        try:
            self._tpm.clock()
        except EavesError as error:
            self.fault = str(error)
            return
        if not whole:
            self.fault = ""
            return
        encryption = _fault_of(self._agree)
        quoting = _fault_of(lambda: self._tpm.quote(self._tpm.random(20)))
        self.encrypts, self.quotes = not encryption, not quoting
        self.fault = encryption or quoting

    def _agree(self) -> None:
        """The same point from both sides, as for a cipher block."""
        peer = ec.generate_private_key(ec.SECP256R1())
        own = self._tpm.public_key(Handle.ECDH)
        if not isinstance(own, ec.EllipticCurvePublicKey):
            raise TpmUnusable(f"the key at {Handle.ECDH:#x} is no EC key")
        x, _ = self._tpm.shared_point(Handle.ECDH, peer.public_key())
        if x != peer.exchange(ec.ECDH(), own):
            raise TpmUnusable(f"the TPM at {self._tpm.tcti} computes a wrong shared key")


def _fault_of(check: Callable[[], object]) -> str:
    try:
        check()
    except EavesError as error:
        return str(error)
    return ""
