"""Who a provider of identities says that somebody is."""

import pytest

from eaves.controller.domain.claims import identity_of

CAROL: dict[str, object] = {
    "iss": "https://login.example.com",
    "sub": "1234",
    "preferred_username": "carol",
    "email": "carol@example.org",
    "name": "Carol",
}


def test_names_are_tried_from_the_best_on() -> None:
    found = identity_of({**CAROL, "email_verified": True}, "")
    assert found.names == ("carol", "carol@example.org", "1234")
    assert (found.issuer, found.subject) == ("https://login.example.com", "1234")
    assert found.roles is None


@pytest.mark.parametrize("said", [False, "false", "true", 0, 1, "no"])
def test_a_mail_address_that_nobody_verified_is_nobodys(said: object) -> None:
    found = identity_of({**CAROL, "email_verified": said}, "")
    assert (found.email, found.realm) == ("", "")
    assert found.names == ("carol", "1234")


def test_a_mail_address_names_a_user_only_where_it_is_said_to_be_verified() -> None:
    found = identity_of(CAROL, "")
    assert found.names == ("carol", "1234")
    assert (found.email, found.realm) == ("carol@example.org", "")
    assert identity_of({**CAROL, "email_verified": True}, "").realm == "example.org"


def test_a_name_that_does_not_fit_is_left_out() -> None:
    found = identity_of({**CAROL, "preferred_username": "../carol"}, "")
    assert found.names == ("1234",)


@pytest.mark.parametrize(
    ("claims", "path", "roles"),
    [
        ({"roles": ["a", "b", 3]}, "roles", ("a", "b")),
        ({"role": "a b,c"}, "role", ("a", "b", "c")),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ("a",)),
        ({"https://example.com/roles": ["a"]}, "https://example.com/roles", ("a",)),
        ({"roles": {"a": 1}}, "roles", ()),
        ({}, "a.b.c", ()),
        ({"a": "text"}, "a.b", ()),
    ],
)
def test_roles_stand_in_the_claim_that_is_named(
    claims: dict[str, object], path: str, roles: tuple[str, ...]
) -> None:
    assert identity_of({**CAROL, **claims}, path).roles == roles
