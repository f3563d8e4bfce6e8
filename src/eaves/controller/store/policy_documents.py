"""Texts that the users of an enterprise are held to, by version; one of them is in force."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, select, update

from eaves.controller.store.dialect import insert_new
from eaves.controller.store.tables_devices import policy_documents
from eaves.controller.store.unit import Db

IN_FORCE = "yes"


@dataclass(frozen=True, slots=True)
class Document:
    version: str
    file_url: str
    policy: str = field(repr=False)
    created_at: datetime
    created_by: str
    in_force: bool = False


async def insert_document(db: Db, enterprise_id: str, document: Document) -> bool:
    """False: there is one of this version already."""
    return await insert_new(
        db,
        policy_documents,
        {
            "enterprise_id": enterprise_id,
            "version": document.version,
            "in_force": IN_FORCE if document.in_force else "",
            "file_url": document.file_url,
            "policy": document.policy,
            "created_at": document.created_at,
            "created_by": document.created_by,
        },
    )


async def list_documents(
    db: Db, enterprise_id: str, *, version: str = "", in_force: bool = False
) -> tuple[Document, ...]:
    """The newest first."""
    c = policy_documents.c
    query = select(policy_documents).where(c.enterprise_id == enterprise_id)
    if version:
        query = query.where(c.version == version)
    if in_force:
        query = query.where(c.in_force == IN_FORCE)
    rows = await db.execute(query.order_by(c.created_at.desc(), c.version))
    return tuple(
        Document(
            row.version,
            row.file_url,
            row.policy,
            row.created_at,
            row.created_by,
            row.in_force == IN_FORCE,
        )
        for row in rows
    )


async def put_in_force(db: Db, enterprise_id: str, version: str) -> None:
    """This one instead of any other."""
    c = policy_documents.c
    ours = update(policy_documents).where(c.enterprise_id == enterprise_id)
    await db.execute(ours.where(c.in_force == IN_FORCE).values(in_force=""))
    await db.execute(ours.where(c.version == version).values(in_force=IN_FORCE))


async def delete_document(db: Db, enterprise_id: str, version: str) -> None:
    c = policy_documents.c
    await db.execute(
        delete(policy_documents).where(c.enterprise_id == enterprise_id, c.version == version)
    )
