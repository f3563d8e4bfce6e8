"""What every answer of the REST side tells a browser, unless it says something narrower itself.

Nothing here is for a page of somebody else: no frame, no script, no read across origins.  A session
is a token that a program sends; a browser sends nothing by itself that opens anything, so a forged
request has no rights.
"""

from typing import Final

RawHeaders = list[tuple[bytes, bytes]]

STRICT: Final[RawHeaders] = [
    (b"strict-transport-security", b"max-age=63072000"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]


def strict(headers: RawHeaders) -> RawHeaders:
    """With those that are not there yet; names are in lower case."""
    given = {name for name, _ in headers}
    return [*headers, *(one for one in STRICT if one[0] not in given)]
