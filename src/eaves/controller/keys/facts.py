"""What the controller itself adds to every configuration, from its keys.

Not imported with the other key modules: a start that serves polls needs none of it.
"""

from eaves.controller.domain.inputs import ContentPlace, ControllerFacts
from eaves.controller.keys.store import KeyStore
from eaves.evapi.keys import SoftKeyAgreement

CONTENT = "content of a datastore for a device"  # what the code in an address is for


def content_code(keys: KeyStore, datastore_id: str, device_id: str) -> str:
    """What lets a device download from a datastore that the controller itself is."""
    return keys.code(CONTENT, f"{datastore_id} {device_id}")


def controller_facts(keys: KeyStore) -> ControllerFacts:
    ring = keys.ring
    return ControllerFacts(
        controllercert_confighash=ring.controllercert_confighash,
        ecdh_hash=ring.ecdh[0].hash16,
        ecdh_key=SoftKeyAgreement(ring.ecdh[0].key),
        open_secret=keys.open,
        content=lambda: ContentPlace(keys.content_server, keys.root_certificate_pem),
        content_key=lambda datastore_id, device_id: content_code(keys, datastore_id, device_id),
    )
