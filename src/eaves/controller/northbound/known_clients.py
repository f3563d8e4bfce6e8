"""Browsers and commands from which a user signed in before: they are judged by themselves.

Guesses are counted by address, and one address may be that of a whole site, or of a balancer.  So
whoever signs in with a password is given a cookie, sealed, for this user and this password.  With
it strangers at the same address use up nothing of what the user has; it opens nothing by itself.
"""

import base64
import binascii
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response

from eaves.controller.northbound.context import Context, host_of
from eaves.controller.northbound.operations import BASE_PATH
from eaves.controller.northbound.passwords import Guesser
from eaves.controller.store.people import Credential
from eaves.errors import Rejected

COOKIE: Final = "eaves-client"
PURPOSE: Final = "known-client"
LASTS: Final = timedelta(days=90)
ID_BYTES: Final = 12
MAX_COOKIE: Final = 1024
PREFIX: Final = "client "  # so that no address is like it


def guesser(
    context: Context, request: Request, subject: str, credential: Credential | None
) -> Guesser:
    """Who tries to be this user: a client that was it before, or somebody at an address."""
    client = "" if credential is None else _id_of(context, request, credential)
    if client:
        return Guesser(subject, PREFIX + client, known=True)
    return Guesser.of(subject, host_of(request))


def remember(
    context: Context, request: Request, answer: Response, before: Credential, changed_at: datetime
) -> None:
    """Give the cookie for the password that was set at `changed_at`.

    A client that has one, for the password `before`, keeps its id: signing in again and again
    makes it no more of them.
    """
    client = _id_of(context, request, before) or _text(context.random(ID_BYTES))
    told = [before.user_id, client, _exact(changed_at), int((context.clock() + LASTS).timestamp())]
    sealed = context.keys.seal(PURPOSE, json.dumps(told, separators=(",", ":")).encode())
    answer.set_cookie(
        COOKIE,
        _text(sealed),
        max_age=int(LASTS.total_seconds()),
        path=BASE_PATH,
        secure=True,
        httponly=True,
        samesite="strict",
    )


def _id_of(context: Context, request: Request, credential: Credential) -> str:
    """Empty for who has no cookie of ours, of another user, or of a password that is no more."""
    given = request.cookies.get(COOKIE, "")
    if not given or len(given) > MAX_COOKIE or not given.isascii():
        return ""
    try:
        sealed = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
        told: list[Any] = json.loads(context.keys.open(PURPOSE, sealed))
    except (binascii.Error, ValueError, Rejected):
        return ""
    user_id, client, changed, expires = told
    same = (user_id, changed) == (credential.user_id, _exact(credential.changed_at))
    return str(client) if same and int(expires) > context.clock().timestamp() else ""


def _exact(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _text(some: bytes) -> str:
    return base64.urlsafe_b64encode(some).decode().rstrip("=")
