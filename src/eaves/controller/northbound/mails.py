"""Mails of the controller itself to people: queued with what they tell of, sent by a job.

Where the controller has no mail server, nothing is queued.
"""

import uuid
from collections.abc import Sequence
from typing import Final

from eaves.controller.domain.admission.alerts import is_mail_address
from eaves.controller.domain.alerts.messages import Message, What, one_line
from eaves.controller.domain.authz import Area, Rule, Verb, rights_of
from eaves.controller.domain.contract.base import rfc3339
from eaves.controller.domain.contract.users import UserState
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound import records
from eaves.controller.northbound.context import Context
from eaves.controller.store import notifications, people
from eaves.controller.store.objects import StoredObject
from eaves.controller.store.unit import Db
from eaves.ids import EnterpriseId

MOST_RECIPIENTS: Final = 20
_CARE_FOR_USERS: Final = Rule(Area.USER, Verb.UPDATE)


async def queue(
    context: Context, db: Db, enterprise_id: str, to: Sequence[str], subject: str, text: str
) -> bool:
    """To be sent once this transaction is committed; False: to nobody, or there is no server.

    What is queued is kept for a while after it was sent: put no secret into it.
    """
    usable = tuple(dict.fromkeys(one for one in to if is_mail_address(one)))[:MOST_RECIPIENTS]
    if context.settings.notify.mail is None or not usable:
        return False
    made = notifications.of_message(
        Message(one_line(subject), text),
        What.MAIL,
        enterprise_id=enterprise_id,
        id_=str(uuid.UUID(bytes=context.random(16), version=4)),
        now=context.clock(),
        recipients=usable,
    )
    await notifications.insert_notifications(db, (made,))
    return True


async def password_forgotten(context: Context, db: Db, user: StoredObject, client: str) -> None:
    """To those who may set a new password, and to the user, who may not have asked at all."""
    if context.settings.notify.mail is None:
        return
    at = rfc3339(context.clock())
    asked = f"At {at} somebody at {client} asked for a new password of user {user.name}."
    await queue(
        context,
        db,
        user.enterprise_id,
        await _administrators(db, user.enterprise_id),
        f"[eaves] {user.name} asks for a new password",
        f"{asked}\n\nSet one, if it is really the user who asks: PUT /api/v1/credentials with "
        "owner and newCred.\n",
    )
    await queue(
        context,
        db,
        user.enterprise_id,
        (records.USER.read(user).email,),
        "[eaves] a new password was asked for",
        f"{asked}\n\nYour administrators know. Nothing was changed; the old password still "
        "holds. If it was not you, tell them.\n",
    )


async def _administrators(db: Db, enterprise_id: str) -> list[str]:
    scope = Scope(EnterpriseId(enterprise_id))
    roles = await records.list_all(db, scope, records.ROLE)
    careful = [one.id for one in roles if rights_of(one, None).projects(_CARE_FOR_USERS) is None]
    found = await people.users_with_roles(db, enterprise_id, careful, MOST_RECIPIENTS)
    users = [records.USER.read(stored) for stored in found]
    return [user.email for user in users if user.state is UserState.ACTIVE and user.email]
