"""GET certs: what devices verify and encrypt against.  EVE API v2, section 5."""

from eaves.controller.keys import KeyStore, Ring
from eaves.controller.southbound.http import Answer
from eaves.evapi.certs import ZCertType, ZControllerCert, encode_z_controller_cert, published
from eaves.evapi.envelope import seal


def published_list(ring: Ring) -> ZControllerCert:
    """Exactly one signing certificate, its intermediates, every ECDH certificate still in use."""
    return ZControllerCert(
        certs=(
            published(ring.signing.pem, ZCertType.CERT_TYPE_CONTROLLER_SIGNING),
            *(
                published(pem, ZCertType.CERT_TYPE_CONTROLLER_INTERMEDIATE)
                for pem in ring.intermediates
            ),
            *(
                published(ecdh.pem, ZCertType.CERT_TYPE_CONTROLLER_ECDH_EXCHANGE)
                for ecdh in ring.ecdh
            ),
        )
    )


class Published:
    """The answer to `certs`, signed once for each set of certificates: anybody may ask."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._made: tuple[Ring, Answer] | None = None

    def answer(self) -> Answer:
        ring = self._keys.ring
        if self._made is None or self._made[0] is not ring:
            listed = encode_z_controller_cert(published_list(ring))
            answer = Answer(200, seal(listed, self._keys.sender))
            if self._keys.ring is not ring:  # renewed meanwhile: signed by the next, so not kept
                return answer
            self._made = (ring, answer)
        return self._made[1]
