"""What a role permits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.controller.domain.authz import (
    EVERY_VERB,
    EVERYTHING,
    Area,
    Grant,
    Rights,
    Rule,
    Verb,
    access_word,
    read_access,
    refuse_scopes,
    rights_of,
)
from eaves.controller.domain.contract.roles import Role, RoleScope
from eaves.ids import ProjectId

P1, P2, P3 = ProjectId("p1"), ProjectId("p2"), ProjectId("p3")
READ_DEVICE = Rule(Area.DEVICE, Verb.READ)


@pytest.mark.parametrize(
    ("word", "verbs"),
    [
        ("", frozenset[Verb]()),
        ("PermissionAccessNone", frozenset[Verb]()),
        ("PermissionAccessRead", frozenset({Verb.READ})),
        ("PermissionAccessReadUpdateExecute", {Verb.READ, Verb.UPDATE, Verb.EXECUTE}),
        ("PermissionAccessCreateReadUpdateDeleteExecute", EVERY_VERB),
        ("CreateRead", {Verb.CREATE, Verb.READ}),
        ("PermissionAccessReadWrite", None),
        ("PermissionAccess Read", None),
        ("read", None),
    ],
)
def test_an_access_is_one_word(word: str, verbs: frozenset[Verb] | None) -> None:
    assert read_access(word) == verbs


@given(st.frozensets(st.sampled_from(Verb)))
def test_an_access_word_is_read_as_it_was_made(verbs: frozenset[Verb]) -> None:
    assert read_access(access_word(verbs)) == verbs


def test_the_older_word_for_apps_grants_bundles_and_instances() -> None:
    rights = rights_of(Role(scopes=(RoleScope(access_app="PermissionAccessRead"),)), None)
    assert rights.permits(Rule(Area.EDGE_APP, Verb.READ))
    assert rights.permits(Rule(Area.APP_INSTANCE, Verb.READ))
    assert not rights.permits(READ_DEVICE)


def test_a_verb_without_a_right_of_its_own_follows_update() -> None:
    rights = rights_of(Role(scopes=(RoleScope(access_device="PermissionAccessReadUpdate"),)), None)
    assert rights.permits(Rule(Area.DEVICE, Verb.EXECUTE))
    assert not rights.permits(Rule(Area.DEVICE, Verb.DELETE))


def test_scopes_add_up_project_by_project() -> None:
    role = Role(
        scopes=(
            RoleScope(access_device="PermissionAccessRead", project_filter=("p1", "p2")),
            RoleScope(access_device="PermissionAccessReadDelete", project_filter=("p3",)),
        )
    )
    rights = rights_of(role, None)
    assert rights.projects(READ_DEVICE) == frozenset({P1, P2, P3})
    assert rights.projects(Rule(Area.DEVICE, Verb.DELETE)) == frozenset({P3})
    assert rights.projects(Rule(Area.DEVICE, Verb.CREATE)) == frozenset()


def test_tags_that_no_project_carries_open_no_project() -> None:
    role = Role(
        project_tags={"site": "north"}, scopes=(RoleScope(access_device="PermissionAccessRead"),)
    )
    assert rights_of(role, frozenset()).projects(READ_DEVICE) == frozenset()
    assert rights_of(role, frozenset({P2})).projects(READ_DEVICE) == frozenset({P2})


def test_without_filter_and_tags_a_scope_holds_in_all_projects() -> None:
    role = Role(scopes=(RoleScope(access_device="PermissionAccessRead"),))
    assert rights_of(role, None).projects(READ_DEVICE) is None


def test_every_wrong_access_is_told_at_once() -> None:
    role = Role(
        scopes=(
            RoleScope(access_device="PermissionAccessAll"),
            RoleScope(access_user="rw", access_storage="PermissionAccessRead"),
        )
    )
    found = refuse_scopes(role)
    assert [one.member for one in found] == ["scopes[0].accessDevice", "scopes[1].accessUser"]
    assert "'PermissionAccessAll'" in found[0].details


def test_nobody_gives_away_more_than_it_has() -> None:
    everywhere = Rights((Grant({Area.DEVICE: EVERY_VERB}),))
    here = Rights((Grant({Area.DEVICE: EVERY_VERB}, frozenset({P1})),))
    reading = Rights((Grant({Area.DEVICE: frozenset({Verb.READ})}, frozenset({P1, P2})),))
    assert everywhere.covers(here)
    assert everywhere.covers(reading)
    assert not here.covers(everywhere)
    assert not here.covers(reading)
    assert EVERYTHING.covers(everywhere)
    assert not everywhere.covers(EVERYTHING)


def test_who_may_do_everything_lets_a_role_read_secrets_and_nobody_else_does() -> None:
    reading = {Area.STORAGE: frozenset({Verb.READ})}
    secrets_of_p1 = Rights((Grant(reading, frozenset({P1}), read_secrets=True),))
    administrator = Rights((Grant(dict.fromkeys(Area, EVERY_VERB)),))
    without_users = dict.fromkeys(Area, EVERY_VERB) | {Area.USER: frozenset({Verb.READ})}
    assert administrator.covers(secrets_of_p1)
    assert not Rights((Grant(without_users),)).covers(secrets_of_p1)
    assert secrets_of_p1.covers(secrets_of_p1)
    assert not secrets_of_p1.covers(Rights((Grant(reading, None, read_secrets=True),)))


def test_secrets_are_told_where_the_scope_that_reads_them_holds() -> None:
    verbs = {Area.APP_INSTANCE: frozenset({Verb.READ})}
    rights = Rights((Grant(verbs), Grant(verbs, frozenset({P1}), read_secrets=True)))
    assert rights.tells_secrets(Area.APP_INSTANCE, P1)
    assert not rights.tells_secrets(Area.APP_INSTANCE, P2)
    assert not rights.tells_secrets(Area.STORAGE, "")
    assert not administrator_of_nothing().tells_secrets(Area.APP_INSTANCE, P1)


def administrator_of_nothing() -> Rights:
    return rights_of(Role(scopes=(RoleScope(read_secrets=True),)), None)
