"""Quotes of TPMs, verified whole on one core: signature, digest, log of 100 entries, template.

Each quote is another device's, with a nonce, a log and a key of its own; nothing is cached from
one to the next but the templates of the model.
"""

import os
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from support.row import finish, verify_per_s
from support.server import on_core

from eaves.controller.domain.attestation import PASS, Nonce, QuoteCase, judge_quote
from eaves.controller.domain.measured import captured, template_of
from eaves.controller.domain.quotes import Proven, examine
from eaves.evapi.attest import (
    ZAttestQuote,
    ZAttestReq,
    ZAttestReqType,
    decode_z_attest_req,
    encode_z_attest_req,
)
from eaves.evapi.certs import ZCertType
from eaves.evapi.device_certs import Chance, device_certificate, edge_node_certificate
from eaves.evapi.event_log_form import POST_CODE, Step
from eaves.evapi.pem import load_certificate
from eaves.fleet.measured import SoftTpm, steps

DEVICES: Final = 500
ENTRIES: Final = 100
RUNS: Final = 3
LIMIT: Final = 1000.0


def _boot() -> list[Step]:
    ordinary = steps()
    more = (Step(n % 8, POST_CODE, f"driver {n}".encode()) for n in range(ENTRIES - len(ordinary)))
    return [*ordinary, *more]


def _made(at: datetime) -> tuple[bytes, bytes, bytes]:
    """The certificate of an attestation key, a nonce, and the request with the quote for it."""
    device, tpm = ec.generate_private_key(ec.SECP256R1()), SoftTpm()
    tpm.boot(_boot())
    chance = Chance(at, os.urandom)
    own = load_certificate(device_certificate(device, chance))
    kind = ZCertType.CERT_TYPE_DEVICE_RESTRICTED_SIGNING
    pem = edge_node_certificate(kind, tpm.key.public_key(), device, own, chance)
    nonce = os.urandom(32)
    asked = ZAttestReq(req_type=ZAttestReqType.ATTEST_REQ_QUOTE, quote=tpm.quote(nonce))
    return pem, nonce, encode_z_attest_req(asked)


def _quote(request: bytes) -> ZAttestQuote:
    quote = decode_z_attest_req(request).quote
    if quote is None:
        raise SystemExit("the request holds no quote")
    return quote


def main() -> int:
    at = datetime.now(UTC)
    per_s: list[float] = []
    with on_core():
        verifies = verify_per_s()
        for _ in range(RUNS):
            made = [_made(at) for _ in range(DEVICES)]
            first = examine(_quote(made[0][2]), made[0][0])
            if not isinstance(first, Proven):
                raise SystemExit(f"the first quote is not proven: {first}")
            templates = (template_of(captured(first.measured, "golden")),)
            case = QuoteCase(None, None, has_certificate=True, enforced=True, templates=templates)
            begun = time.process_time()
            for pem, nonce, request in made:
                examined = examine(_quote(request), pem)
                judged = judge_quote(replace(case, examined=examined, nonce=Nonce(nonce, at)), at)
                if judged.state != PASS:
                    raise SystemExit(f"a quote did not pass: {judged}")
            per_s.append(DEVICES / (time.process_time() - begun))
    median = sorted(per_s)[RUNS // 2]
    print(f"  {per_s}", file=sys.stderr)
    told = {
        "name": "quote-verify",
        "requests_per_s": round(median, 1),
        "server_cpu_us_per_request": round(1e6 / median),
        "entries": ENTRIES,
        "verify_per_s": round(verifies),
        "limit": LIMIT,
        "met": median >= LIMIT,
        "generator_ok": True,  # nothing is sent
    }
    return finish(told)


if __name__ == "__main__":
    raise SystemExit(main())
