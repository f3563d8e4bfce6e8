"""What the controller itself adds to every configuration, from its keys.

Not imported with the other key modules: a start that serves polls needs none of it.
"""

from eaves.controller.domain.inputs import ControllerFacts
from eaves.controller.keys.store import KeyStore
from eaves.evapi.keys import SoftKeyAgreement


def controller_facts(keys: KeyStore) -> ControllerFacts:
    ring = keys.ring
    return ControllerFacts(
        controllercert_confighash=ring.controllercert_confighash,
        ecdh_hash=ring.ecdh[0].hash16,
        ecdh_key=SoftKeyAgreement(ring.ecdh[0].key),
        open_secret=keys.open,
    )
