"""How each kind of datastore wants a request for a file to prove itself."""

from collections.abc import Callable

from eaves.node.storage import azure
from eaves.node.storage.authorizers import Anonymous, Authorizer, Basic, Credentials
from eaves.node.storage.items import Source
from eaves.node.storage.sigv4 import SignatureV4
from eaves.node.storage.transport import Transport


def file_authorizer(
    source: Source,
    credentials: Credentials | None,
    transport: Transport,
    now: Callable[[], float],
    *,
    allow_insecure: bool,
) -> Authorizer:
    """`now` in seconds since the epoch: signatures carry the time."""
    if source.kind == "azure":
        return azure.authorizer(credentials, now, allow_insecure=allow_insecure)
    if credentials is None:
        return Anonymous()
    match source.kind:
        case "s3":
            return SignatureV4(credentials, source.region, now)
        case "google":
            from eaves.node.storage import google  # noqa: PLC0415 - keys are seldom needed

            return google.authorizer(credentials, transport, now, allow_insecure=allow_insecure)
        case _:
            return Basic(credentials, allow_insecure=allow_insecure)
