"""The certificates that devices fetch.  EVE API v2, section 5."""

from eaves.controller.keys.ring import Ring
from eaves.evapi.certs import ZCert, ZCertType, ZControllerCert, published


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


def signing_list(ring: Ring) -> tuple[ZCert, ...]:
    """What verifies a signature of ours: the signing certificate and its intermediates."""
    return (
        published(ring.signing.pem, ZCertType.CERT_TYPE_CONTROLLER_SIGNING),
        *(
            published(pem, ZCertType.CERT_TYPE_CONTROLLER_INTERMEDIATE)
            for pem in ring.intermediates
        ),
    )
