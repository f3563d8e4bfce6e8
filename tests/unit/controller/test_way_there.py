"""Who ends a sign-in that somebody began, and which provider answers it."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eaves.controller.keys import KeyStore, open_keys
from eaves.controller.northbound.way_there import (
    Way,
    challenge_of,
    new_way,
    open_way,
    sealed_way,
)
from eaves.controller.settings import Settings
from eaves.ids import EnterpriseId

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
HONEST, OTHER = "https://honest.example", "https://other.example"


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    settings = Settings(state_dir=tmp_path, device_server="controller.example:8443")
    return open_keys(settings, clock=lambda: NOW, random=os.urandom)


@pytest.fixture
def way() -> Way:
    return new_way(
        os.urandom,
        profile_id="profile",
        revision="7",
        issuer=HONEST,
        issuer_named=True,
        owner=EnterpriseId("above"),
        enterprise=EnterpriseId("below"),
        redirect_uri="https://controller/oauth/callback",
        challenge=challenge_of("a secret"),
        loopback_port=4567,
        in_console=True,
        expires_at=NOW + timedelta(minutes=10),
    )


def test_a_state_holds_all_of_it_and_nobody_else_makes_one(keys: KeyStore, way: Way) -> None:
    state = sealed_way(keys, way)
    assert open_way(keys, state, NOW) == way
    at_home = replace(way, enterprise=way.owner)
    assert open_way(keys, sealed_way(keys, at_home), NOW) == at_home
    assert open_way(keys, state, NOW + timedelta(minutes=10)) is None
    assert open_way(keys, state[:-4] + "AAAA", NOW) is None
    assert way.seed not in state


@pytest.mark.parametrize(
    ("named", "answers", "fits"),
    [
        (True, HONEST, True),
        (True, OTHER, False),
        (True, "", False),  # it always says so
        (False, "", True),
        (False, HONEST, True),
        (False, OTHER, False),
        (False, HONEST + "/", False),  # compared letter by letter
    ],
)
def test_an_answer_is_of_the_provider_that_was_asked(
    way: Way, answers: str, *, named: bool, fits: bool
) -> None:
    assert replace(way, issuer_named=named).is_of(answers) is fits


def test_only_whoever_began_ends_it(way: Way) -> None:
    assert way.is_ended_by("a secret")
    assert not way.is_ended_by("another one")
    assert not way.is_ended_by("")
    assert replace(way, challenge="").is_ended_by("")
