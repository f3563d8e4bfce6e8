"""Texts that the users of an enterprise are held to: versions, of which one is in force.

A document is known by its version.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.admission.refusal import Refusal, invalid
from eaves.controller.domain.authz import Anybody, Area, Rule, Verb
from eaves.controller.domain.contract.base import rfc3339
from eaves.controller.domain.contract.diagnostics import (
    PolicyDocVersion,
    PolicyDocVersionList,
    PolicyDocVersionResp,
)
from eaves.controller.domain.contract.envelope import Cursor, ObjectRevision
from eaves.controller.northbound import crud, journal
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.paging import summary_of
from eaves.controller.northbound.problems import Problem, not_found
from eaves.controller.northbound.routes import Route
from eaves.controller.northbound.work import Work
from eaves.controller.store import policy_documents as documents
from eaves.controller.store.policy_documents import Document
from eaves.controller.store.tables import Kind

NOUN: Final = "policy document"
VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")
MAX_POLICY: Final = 1024 * 1024  # characters
CHANGE: Final = Rule(Area.ENTERPRISE, Verb.UPDATE)


def _shown(document: Document) -> PolicyDocVersion:
    at = rfc3339(document.created_at)
    return PolicyDocVersion(
        file_url=document.file_url,
        policy=document.policy,
        version=document.version,
        revision=ObjectRevision(
            curr="1",
            created_at=at,
            created_by=document.created_by,
            updated_at=at,
            updated_by=document.created_by,
        ),
    )


def refuse_document(asked: PolicyDocVersion) -> tuple[Refusal, ...]:
    found: list[Refusal] = []
    if not VERSION.fullmatch(asked.version):
        found.append(
            invalid(
                "version",
                f"version {asked.version[:80]!r} does not fit: 1 to 64 letters, digits, '.', '_', "
                "'+' or '-', the first a letter or digit",
            )
        )
    url = urlsplit(asked.file_url)
    if asked.file_url and (url.scheme not in ("http", "https") or not url.hostname):
        found.append(
            invalid("fileURL", f"fileURL {asked.file_url[:80]!r} is no http or https address")
        )
    if not asked.policy and not asked.file_url:
        found.append(invalid("policy", "the document has neither a text nor a fileURL; send one"))
    if len(asked.policy) > MAX_POLICY:
        found.append(invalid("policy", f"the text is longer than {MAX_POLICY:,} characters"))
    return tuple(found)


async def listing(context: Context, request: Request) -> Response:
    """The one in force; with `all` every version."""
    every = request.query_params.get("all", "").lower() in ("true", "1")
    async with context.reading(request) as work:
        found = await documents.list_documents(work.db, work.scope.enterprise)
    in_force = [one for one in found if one.in_force]
    shown = found if every else tuple(in_force)
    answer = PolicyDocVersionResp(
        pinfo=_shown(in_force[0]) if in_force else None,
        plist=PolicyDocVersionList(
            list=tuple(_shown(one) for one in shown),
            next=Cursor(page_size=len(shown), page_num=1, total_pages=1),
            summary=summary_of(("in force" if o.in_force else "kept" for o in found), "state"),
        ),
    )
    return JSONResponse(answer.to_json())


async def one(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        found = await _find(work, request.path_params["id"])
    return _answer(found)


async def create(context: Context, request: Request) -> Response:
    """The first document of an enterprise is in force at once."""
    asked = await crud.read_body(request, PolicyDocVersion)
    refusals = refuse_document(asked)
    if refusals:
        raise Problem.of_refusals(refusals)
    async with context.writing(request) as work:
        enterprise = work.scope.enterprise
        others = await documents.list_documents(work.db, enterprise, in_force=True)
        document = Document(
            version=asked.version,
            file_url=asked.file_url,
            policy=asked.policy,
            created_at=work.now,
            created_by=work.principal.user_name,
            in_force=not others,
        )
        if not await documents.insert_document(work.db, enterprise, document):
            raise Problem(
                409,
                f"there is a {NOUN} of version {asked.version!r}; choose another version",
                location="version",
            )
        await _note(work, document, "created")
    return _answer(document)


async def put_in_force(context: Context, request: Request) -> Response:
    asked = await crud.read_body(request, PolicyDocVersion)
    async with context.writing(request) as work:
        found = await _find(work, asked.version)
        await documents.put_in_force(work.db, work.scope.enterprise, found.version)
        await _note(work, found, "put in force")
    return _answer(found)


async def delete(context: Context, request: Request) -> Response:
    async with context.writing(request) as work:
        found = await _find(work, request.path_params["id"])
        if found.in_force:
            raise Problem(
                409,
                f"{NOUN} {found.version!r} is in force; put another one in force first "
                "(PUT /api/v1/cloud/policies/latest)",
            )
        await documents.delete_document(work.db, work.scope.enterprise, found.version)
        await _note(work, found, "deleted")
    return _answer(found)


async def _find(work: Work, version: str) -> Document:
    """Raises Problem(404)."""
    found: tuple[Document, ...] = ()
    if version:
        found = await documents.list_documents(work.db, work.scope.enterprise, version=version)
    if not found:
        raise not_found(NOUN, version)
    return found[0]


def _answer(document: Document) -> Response:
    return JSONResponse(PolicyDocVersionResp(pinfo=_shown(document)).to_json())


async def _note(work: Work, document: Document, what: str) -> None:
    await journal.note(
        work,
        journal.Entry(
            kind=Kind.ENTERPRISE,
            noun=NOUN,
            object_id=work.scope.enterprise,
            object_name=document.version,
            what=f"policy document {what}",
        ),
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/cloud/policies", listing, Anybody.USER),
    Route("POST", "/v1/cloud/policies", create, CHANGE),
    Route("GET", "/v1/cloud/policies/id/{id}", one, Anybody.USER),
    Route("DELETE", "/v1/cloud/policies/id/{id}", delete, CHANGE),
    Route("PUT", "/v1/cloud/policies/latest", put_in_force, CHANGE),
)
