"""Artifacts: small files that the controller keeps (logos, licences, what a patch carries)."""

import hmac
from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import Request
from fastapi.responses import FileResponse, JSONResponse, Response

from eaves.controller.domain.admission.refusal import NAME, invalid
from eaves.controller.domain.authz import Anybody, Area, Rule, Verb
from eaves.controller.domain.contract.artifacts import Artifact, ArtifactList, Status, StatusCode
from eaves.controller.domain.contract.envelope import ObjectType, ZcOpsType
from eaves.controller.domain.render.storage import CONTENT_PATH
from eaves.controller.keys.facts import content_code
from eaves.controller.northbound import crud, journal
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.paging import Row, page_of, read_list_query, summary_of
from eaves.controller.northbound.problems import Problem, Target, not_found
from eaves.controller.northbound.routes import CHANGE_STORAGE, Route, reads
from eaves.controller.northbound.uploads import Receiving, Wanted, folder_of, in_pieces
from eaves.controller.northbound.work import Work
from eaves.controller.store import contents, objects
from eaves.controller.store.objects import Draft, StoredObject
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import snapshot

GOOD_FOR: Final = timedelta(hours=1)
SIGNED: Final = "/v1/eaves/artifacts/{id}"
PURPOSE: Final = "address of an artifact"
UPLOADED, WAITING = "UPLOADED", "WAITING"


def _target(artifact: Artifact) -> Target:
    return Target("artifacts", ObjectType.UNSPECIFIED, artifact.id, artifact.name)


async def _stored(work: Work, artifact_id: str) -> StoredObject:
    found = await objects.find_object(work.db, work.scope, Kind.ARTIFACT, artifact_id)
    if found is None:
        raise not_found("artifact", artifact_id)
    return found


def _read(stored: StoredObject) -> Artifact:
    code = StatusCode.SUCCESS if stored.state == UPLOADED else StatusCode.UNSPECIFIED
    return Artifact(id=stored.id, name=stored.name, status=Status(code=code))


async def create(context: Context, request: Request) -> Response:
    """Only a name; its bytes come in pieces."""
    sent = await crud.read_body(request, Artifact)
    async with context.writing(request) as work:
        artifact_id = work.new_id()
        name = sent.name or f"artifact-{artifact_id}"
        if not NAME.fullmatch(name):
            raise Problem.of_refusals(
                (
                    invalid(
                        "name",
                        f"artifact name {name!r} does not fit: 3 to 256 letters, digits, '-', "
                        "'_' or '.', the first a letter or digit",
                    ),
                )
            )
        artifact = Artifact(id=artifact_id, name=name)
        stored = await objects.insert_object(
            work.db, work.scope, _draft(work, artifact, WAITING), work.stamp
        )
        await _note(work, artifact, "created")
    return JSONResponse(_read(stored).to_json())


def _draft(work: Work, artifact: Artifact, state: str) -> Draft:
    return Draft(
        kind=Kind.ARTIFACT,
        id=artifact.id,
        enterprise_id=work.scope.enterprise,
        name=artifact.name,
        state=state,
        body=Artifact(id=artifact.id, name=artifact.name).to_json_text(),
    )


async def _note(work: Work, artifact: Artifact, what: str) -> None:
    await journal.note(
        work,
        journal.Entry(
            kind=Kind.ARTIFACT,
            noun="artifact",
            object_id=artifact.id,
            object_name=artifact.name,
            what=what,
        ),
    )


async def listing(context: Context, request: Request) -> Response:
    query = read_list_query(request.query_params)
    stored: list[StoredObject] = []
    async with context.reading(request) as work:
        after = ""
        while batch := await objects.list_objects(
            work.db, work.scope, Kind.ARTIFACT, after=after, limit=objects.MAX_PAGE
        ):
            stored += batch
            after = batch[-1].name
    page = page_of((Row(_read(one), {}) for one in stored), query)
    shown = () if query.summary else page.rows
    answer = ArtifactList(
        list=tuple(row.item for row in shown),
        next=page.next,
        summary=summary_of((one.state for one in stored), "state"),
    )
    return JSONResponse({**answer.to_json(), "totalCount": page.total})


async def delete(context: Context, request: Request) -> Response:
    """Its bytes go with the next sweep of the folder, unless something else has them too."""
    async with context.writing(request) as work:
        artifact = _read(await _stored(work, request.path_params["id"]))
        await objects.delete_object(work.db, work.scope, Kind.ARTIFACT, artifact.id)
        await _note(work, artifact, "deleted")
    return context.envelopes.success(
        _target(artifact), operation=ZcOpsType.DELETE, user=work.principal.user_name
    )


async def _find(context: Context, work: Work, request: Request) -> Wanted:
    artifact = _read(await _stored(work, request.path_params["id"]))
    return Wanted(artifact.id, _target(artifact), context.settings.content.artifact_bytes)


async def _done(work: Work, wanted: Wanted, _digest: str, _size: int) -> None:
    artifact = Artifact(id=wanted.object_id, name=wanted.target.name)
    await objects.replace_object(
        work.db, work.scope, _draft(work, artifact, UPLOADED), work.stamp, expected=None
    )
    await _note(work, artifact, "uploaded")


async def _nothing(_work: Work, _wanted: Wanted, _why: str = "") -> None:
    return None


ARTIFACTS = Receiving(_find, _nothing, _done, _nothing)


async def stream(context: Context, request: Request) -> Response:
    """The bytes, or a range of them."""
    async with context.reading(request) as work:
        artifact = _read(await _stored(work, request.path_params["id"]))
        held = await contents.find_whole(work.db, artifact.id)
    return _bytes(context, artifact.name, held.sha256 if held is not None else "")


def _bytes(context: Context, name: str, digest: str) -> Response:
    folder = folder_of(context)
    if not digest or not folder.has(digest):
        raise Problem(
            404,
            f"there are no bytes of {name!r} here; upload them"
            + (", or restore the content folder of the controller" if digest else ""),
        )
    return FileResponse(
        folder.path_of(digest),
        media_type="application/octet-stream",
        headers={"ETag": f'"{digest}"', "Cache-Control": "private, immutable"},
    )


async def signed_url(context: Context, request: Request) -> Response:
    """An address that needs no token, for an hour."""
    async with context.reading(request) as work:
        artifact = _read(await _stored(work, request.path_params["id"]))
        if await contents.find_whole(work.db, artifact.id) is None:
            raise not_found("uploaded artifact", artifact.id)
        until = int((work.now + GOOD_FOR).timestamp())
    code = context.keys.code(PURPOSE, f"{artifact.id} until {until}")
    base = str(request.base_url).rstrip("/")
    place = SIGNED.format(id=artifact.id)
    url = f"{base}/api{place}?expires={until}&signature={code}"
    ttl = int(GOOD_FOR.total_seconds())
    return JSONResponse(artifact.model_copy(update={"signed_url": url, "ttl": ttl}).to_json())


async def signed(context: Context, request: Request) -> Response:
    """For whoever has the address; it ends with its time, and with the artifact."""
    artifact_id = request.path_params["id"]
    expires = request.query_params.get("expires", "")
    code = context.keys.code(PURPOSE, f"{artifact_id} until {expires}")
    given = request.query_params.get("signature", "")
    if not hmac.compare_digest(code.encode(), given.encode()):
        raise Problem(403, "this address was not made here; ask for one with GET .../url")
    if datetime.fromtimestamp(int(expires), UTC) <= context.clock():
        raise Problem(403, "this address has expired; ask for another one with GET .../url")
    async with snapshot(context.engine) as db:
        held = await contents.find_whole(db, artifact_id)
    return _bytes(context, artifact_id, held.sha256 if held is not None else "")


async def content(context: Context, request: Request) -> Response:
    """What a device downloads: its configuration has a code, for it and this datastore alone."""
    params = request.path_params
    store, digest = params["datastore"], params["digest"]
    device, _, given = params["code"].rpartition(".")
    code = content_code(context.keys, store, device)
    known = hmac.compare_digest(code.encode(), given.encode())
    if known:
        async with snapshot(context.engine) as db:
            known = await contents.holds(db, store, device, digest)
    if not known:
        raise Problem(404, "there is no such content, or not for this address")
    return _bytes(context, digest, digest)


READ = reads(Kind.ARTIFACT)
PATH: Final = "/v1/artifacts"
OF_DEVICES: Final = f"/{CONTENT_PATH.removeprefix('api/')}/{{datastore}}/{{code}}/{{digest}}"
ROUTES: tuple[Route, ...] = (
    Route("GET", PATH, listing, READ),
    Route("POST", PATH, create, Rule(Area.STORAGE, Verb.CREATE)),
    Route("GET", PATH + "/id/{id}", stream, READ),
    Route("DELETE", PATH + "/id/{id}", delete, Rule(Area.STORAGE, Verb.DELETE)),
    Route("PUT", PATH + "/id/{id}/upload/chunked", in_pieces(ARTIFACTS), CHANGE_STORAGE),
    Route("GET", PATH + "/id/{id}/url", signed_url, READ),
    Route("GET", SIGNED, signed, Anybody.STRANGER),
    Route("GET", OF_DEVICES, content, Anybody.STRANGER),
    Route("HEAD", OF_DEVICES, content, Anybody.STRANGER),
)
