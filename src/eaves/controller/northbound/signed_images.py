"""Signatures of images, and the policies that ask for them.  Ours: the contract has neither.

A project that takes signed images only refuses to deploy others, and its nodes refuse them again by
themselves.  The policy of an enterprise holds in all of its projects.
"""

from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.admission.refusal import Refusal, invalid, not_ready
from eaves.controller.domain.authz import Area, Rule, Verb
from eaves.controller.domain.contract.base import Contract, JsonObject
from eaves.controller.domain.contract.datastores import ImageConfig
from eaves.controller.domain.contract.envelope import ZcOpsType
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.signed_images import (
    ImagePolicy,
    ImageSignatures,
    digest_of,
    policy_faults,
)
from eaves.controller.northbound import catalog, crud, enterprises, journal, records, rendering
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.problems import Problem, Target
from eaves.controller.northbound.routes import (
    CHANGE_DEVICES,
    CHANGE_STORAGE,
    READ_DEVICES,
    READ_ENTERPRISE,
    Route,
    reads,
)
from eaves.controller.northbound.work import Work
from eaves.controller.store.image_trust import (
    find_policy,
    find_signatures,
    find_trusts,
    put_trust,
)
from eaves.controller.store.tables import Kind
from eaves.evapi.image_signature import (
    BadSignatureText,
    NotSigned,
    as_json,
    payload_fault,
    read_signatures,
)

CHANGE_ENTERPRISE: Final = Rule(Area.ENTERPRISE, Verb.UPDATE)


# --- signatures of one image ----------------------------------------------------------------------


async def signatures(context: Context, request: Request) -> Response:
    """What was told of an image, and what it comes to in each project that has a policy."""
    async with context.reading(request) as work:
        image = await crud.find(work, catalog.IMAGES, object_id=request.path_params["id"])
        enterprise = work.scope.enterprise
        found = (await find_signatures(work.db, enterprise, (image.id,))).get(image.id)
        projects = await records.names_of(work.db, work.scope, Kind.PROJECT)
        trusts = await find_trusts(work.db, enterprise, projects.keys(), (image.id,))
    judged: list[JsonObject] = []
    for id_, trust in sorted(trusts.items(), key=lambda one: projects[one[0]]):
        if not trust.signed_only and not trust.keys:
            continue
        verdict = trust.verdict(image)
        judged.append(
            {
                "projectId": id_,
                "projectName": projects[id_],
                "signedOnly": trust.signed_only,
                **(
                    {"letIn": not trust.signed_only, "why": verdict.why}
                    if isinstance(verdict, NotSigned)
                    else {"letIn": True, "signedBy": verdict.by.shown}
                ),
            }
        )
    return JSONResponse(
        {
            "imageId": image.id,
            "sha256": digest_of(image),
            "list": list(found.list) if found is not None else [],
            "projects": judged,
        }
    )


async def put_signatures(context: Context, request: Request) -> Response:
    """All signatures of an image, in place of those before."""
    asked = await crud.read_body(request, ImageSignatures)
    async with context.writing(request) as work:
        image = await crud.find(work, catalog.IMAGES, object_id=request.path_params["id"])
        wanted = _admitted(image, asked)
        found = await find_signatures(work.db, work.scope.enterprise, (image.id,))
        await put_trust(work.db, work.scope.enterprise, image.id, wanted)
        work.changed.update(await rendering.devices_of(work, image))
        target = catalog.IMAGES.target(image)
        await rendering.render_changed(work, Kind.IMAGE.value, target)
        await _note(work, Kind.IMAGE, target, "signatures changed", found.get(image.id), wanted)
    return _done(context, work, target)


def _admitted(image: ImageConfig, asked: ImageSignatures) -> ImageSignatures:
    """Raises Problem with every reason."""
    digest = digest_of(image)
    refusals: list[Refusal] = []
    if not digest and asked.list:
        told = f"image {image.name!r} is not pinned: set imageSha256 to what was signed"
        refusals.append(not_ready("imageSha256", told))
    kept: list[JsonObject] = []
    for index, entry in enumerate(asked.list):
        at = f"list[{index}]"
        try:
            (one,) = read_signatures((entry,))
        except BadSignatureText as error:
            refusals.append(invalid(at, str(error)))
            continue
        if one.payload and digest and (fault := payload_fault(one.payload, digest)):
            refusals.append(invalid(at, f"{at} does not fit image {image.name!r}: {fault}"))
        kept.append(dict(as_json(one)))
    try:
        read_signatures(asked.list[:0] if refusals else asked.list)
    except BadSignatureText as error:
        refusals.append(invalid("list", str(error)))
    if refusals:
        raise Problem.of_refusals(refusals, catalog.IMAGES.target(image))
    return ImageSignatures(list=tuple(kept))


# --- policies -------------------------------------------------------------------------------------


async def project_policy(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        project = await crud.find(work, catalog.PROJECTS, object_id=request.path_params["id"])
        policy = await find_policy(work.db, work.scope.enterprise, project.id)
    return JSONResponse(_shown(policy))


async def put_project_policy(context: Context, request: Request) -> Response:
    wanted = _policy(await crud.read_body(request, ImagePolicy))
    async with context.writing(request) as work:
        project = await crud.find(work, catalog.PROJECTS, object_id=request.path_params["id"])
        target = catalog.PROJECTS.target(project)
        before = await find_policy(work.db, work.scope.enterprise, project.id)
        await put_trust(work.db, work.scope.enterprise, project.id, wanted)
        await _render_project(work, project.id, target)
        await _note(work, Kind.PROJECT, target, "image policy changed", before, wanted)
    return _done(context, work, target)


async def enterprise_policy(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        policy = await find_policy(work.db, work.scope.enterprise, work.scope.enterprise)
    return JSONResponse(_shown(policy))


async def put_enterprise_policy(context: Context, request: Request) -> Response:
    wanted = _policy(await crud.read_body(request, ImagePolicy))
    async with context.writing(request) as work:
        enterprises.refuse_some_projects(work)
        id_ = work.scope.enterprise
        own = await records.find(work.db, work.scope, records.ENTERPRISE, id_)
        target = Target(kind="enterprises", id=id_, name=own.name if own is not None else id_)
        before = await find_policy(work.db, id_, id_)
        await put_trust(work.db, id_, id_, wanted)
        for project in await records.list_all(work.db, work.scope, records.PROJECT):
            await _render_project(work, project.id, catalog.PROJECTS.target(project))
        await _note(work, Kind.ENTERPRISE, target, "image policy changed", before, wanted)
    return _done(context, work, target)


def _policy(asked: ImagePolicy) -> ImagePolicy:
    """Raises Problem with every reason."""
    faults = policy_faults(asked)
    if faults:
        raise Problem.of_refusals([invalid(member, why) for member, why in faults])
    return asked


def _shown(policy: ImagePolicy) -> JsonObject:
    return {
        "signedOnly": policy.signed_only,
        "trustedKeys": [{"name": one.name, "pem": one.pem} for one in policy.trusted_keys],
    }


async def _render_project(work: Work, project_id: str, target: Target) -> None:
    """What its devices are told; those of a large project by a job of its own."""
    work.changed.clear()
    work.changed.update(await rendering.devices_of(work, Tag(id=project_id)))  # by its id alone
    await rendering.render_changed(work, Kind.PROJECT.value, target)


async def _note(
    work: Work,
    kind: Kind,
    target: Target,
    what: str,
    before: Contract | None,
    after: Contract | None,
) -> None:
    await journal.note(
        work,
        journal.Entry(
            kind=kind,
            noun=kind.noun,
            object_id=target.id,
            object_name=target.name,
            what=what,
            before=before,
            after=after,
        ),
    )


def _done(context: Context, work: Work, target: Target) -> Response:
    return context.envelopes.success(
        target,
        operation=ZcOpsType.UPDATE,
        user=work.principal.user_name,
        job=work.render_job,
    )


_SIGNATURES: Final = "/v1/eaves/images/id/{id}/signatures"
_OF_PROJECT: Final = "/v1/eaves/projects/id/{id}/image-policy"
_OF_ALL: Final = "/v1/eaves/image-policy"

ROUTES: tuple[Route, ...] = (
    Route("GET", _SIGNATURES, signatures, reads(Kind.IMAGE)),
    Route("PUT", _SIGNATURES, put_signatures, CHANGE_STORAGE, ImageSignatures),
    Route("GET", _OF_PROJECT, project_policy, READ_DEVICES),
    Route("PUT", _OF_PROJECT, put_project_policy, CHANGE_DEVICES, ImagePolicy),
    Route("GET", _OF_ALL, enterprise_policy, READ_ENTERPRISE),
    Route("PUT", _OF_ALL, put_enterprise_policy, CHANGE_ENTERPRISE, ImagePolicy),
)
