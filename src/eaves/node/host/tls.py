"""Which servers a node believes over TLS: as a device of the EVE API does, on every Python."""

import ssl


def trusting(*pem: str) -> ssl.SSLContext:
    """The roots of the system, and besides them every certificate of these PEM texts.

    What is given is an anchor, whoever issued it: an authority below another one, or a server's
    own certificate.  Python takes it for one since 3.13 only.  Since then it also refuses chains
    without key identifiers and key usage, which many a private authority leaves out.

    Empty texts are passed over.  Raises ssl.SSLError for any other without a certificate.
    Source: EVE API v2, section 2.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    for text in filter(None, pem):
        context.load_verify_locations(cadata=text)
    return context
