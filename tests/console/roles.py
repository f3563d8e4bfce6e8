"""Somebody with a role of its own, who signed in elsewhere."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from console.browser import Site, at_console
from playwright.sync_api import Page, Playwright

from eaves.controller.domain.authz import EVERY_VERB, Area, Verb, access_word

FIRST, OWN = "given by somebody else", "and this one is my own"
Verbs = Mapping[Area, frozenset[Verb]]
LOOKS: Verbs = dict.fromkeys(Area, frozenset({Verb.READ}))
EVERYTHING: Verbs = dict.fromkeys(Area, EVERY_VERB)


@contextmanager
def as_role(playwright: Playwright, site: Site, name: str, verbs: Verbs) -> Generator[Page]:
    """At the console.  The role and its user are made, both with this name."""
    held = json.dumps(json.dumps(session_of(site, name, verbs)))
    with at_console(playwright, site) as page:
        page.context.add_init_script(f'sessionStorage.setItem("eaves-session", {held});')
        yield page


def session_of(site: Site, name: str, verbs: Verbs) -> Mapping[str, Any]:
    """As the console keeps it; the password is `OWN` by then."""
    with site.api() as http:
        scope = {area.value: access_word(granted) for area, granted in verbs.items()}
        body = {"name": name, "title": name, "type": "USER_ROLE_USER_DEFINED", "scopes": [scope]}
        made = http.post("/v1/roles", json=body)
        assert made.status_code == 200, made.text
        user = {"username": name, "email": f"{name}@example.org"}
        made = http.post("/v1/users", json={**user, "roleId": made.json()["objectId"]})
        assert made.status_code == 200, made.text
        given = {"owner": made.json()["objectId"], "newCred": FIRST}
        told = http.post("/v1/credentials", json={**given, "type": "CREDENTIAL_TYPE_PASSWORD"})
        assert told.status_code == 200, told.text
    with httpx.Client(base_url=f"{site.base}/api", verify=site.process.tls(), timeout=60) as http:
        begun = http.post("/v1/login", json={"usernameAtRealm": name, "password": FIRST}).json()
        http.headers["Authorization"] = f"Bearer {begun['tempToken']['base64']}"
        change = {"currentCred": FIRST, "newCred": OWN, "owner": name}
        assert http.put("/v1/credentials", json=change).status_code == 200
        del http.headers["Authorization"]
        token = http.post("/v1/login", json={"usernameAtRealm": name, "password": OWN}).json()[
            "token"
        ]
    return {"token": token["base64"], "expires": 1000 * int(token["expires"])}
