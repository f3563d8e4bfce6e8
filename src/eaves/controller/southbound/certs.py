"""GET certs: what devices verify and encrypt against.  EVE API v2, section 5."""

from eaves.controller.keys import Ring
from eaves.controller.southbound.context import Southbound
from eaves.controller.southbound.http import Answer
from eaves.evapi.certs import ZCertType, ZControllerCert, encode_z_controller_cert, published


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


def answer(context: Southbound) -> Answer:
    return context.sealed(encode_z_controller_cert(published_list(context.keys.ring)))
