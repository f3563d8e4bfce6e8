"""`eaves login` at a real controller: whom it trusts, what it asks, what it refuses."""

import hashlib
import json
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.cli import Cli
from support.controller import Process, free_port, running

from eaves.cli.trust import shown_fingerprint

pytestmark = pytest.mark.system
CHOSEN = "correct horse battery"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with running(Process(tmp_path_factory.mktemp("login") / "state")) as started:
        yield started


@pytest.fixture
def cli(process: Process, tmp_path: Path) -> Cli:
    return Cli.of(process, tmp_path)


def _fingerprint(process: Process) -> str:
    pem = (process.state_dir / "tls/cert.pem").read_text()
    return shown_fingerprint(ssl.PEM_cert_to_DER_cert(pem[: pem.index("-----END") + 26]))


def _kept(cli: Cli) -> dict[str, str]:
    """The login in use."""
    told = json.loads((cli.home / "session.json").read_text())
    kept: dict[str, str] = told["contexts"][told["current"]]
    return kept


def _printed_password(process: Process) -> str:
    match = re.search(r"password (\S+)", "\n".join(process.output))
    assert match is not None
    return match.group(1)


@pytest.fixture(scope="module")
def changed(process: Process, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The first login of all, at a terminal: trust on first use, then a password of one's own."""
    cli = Cli.of(process, tmp_path_factory.mktemp("first"))
    generated = _printed_password(process)
    piped = cli(
        "login", cli.rest_url, "--ca", str(cli.root), "--password-file", "-", stdin=generated
    )
    assert piped.code == 1
    assert "nobody at a terminal to give 'New password'" in piped.err
    done = cli.at_terminal(
        "login",
        cli.rest_url,
        answers=[
            ("same", "y"),
            ("Password of admin", generated),
            ("New password", "short"),
            ("epeat", "short"),
            ("too weak(.|\n)*New password", CHOSEN),
            ("epeat", CHOSEN),
        ],
    )
    assert done.code == 0, done
    assert _fingerprint(process) in done.out
    assert generated not in done.out
    assert CHOSEN not in done.out
    assert "no project yet" in cli("get", "project").err
    return CHOSEN


def test_an_unknown_certificate_is_not_trusted_without_a_word(cli: Cli) -> None:
    done = cli.at_terminal("login", cli.rest_url, answers=[("same", "n")])
    assert done.code == 1
    assert "not logged in; give --ca FILE or --fingerprint SHA256" in done.out
    assert not (cli.home / "session.json").exists()


@pytest.mark.usefixtures("changed")
def test_a_fingerprint_says_whom_to_trust(cli: Cli, process: Process) -> None:
    right = _fingerprint(process)
    wrong = shown_fingerprint(hashlib.sha256(b"other").digest())
    (cli.home / "pw").write_text(CHOSEN + "\n")
    options = ("login", cli.rest_url, "--password-file", "pw", "--fingerprint")
    refused = cli(*options, wrong)
    assert refused.code == 1
    assert f"SHA-256 {right}" in refused.err
    assert "logged in at" in cli.ok(*options, right)
    kept = cli.home / "session.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert _kept(cli)["root_pem"] == cli.root.read_text()


@pytest.mark.usefixtures("changed")
def test_a_token_serves_a_script_until_it_is_revoked(cli: Cli) -> None:
    (cli.home / "pw").write_text(CHOSEN)
    cli.ok("login", cli.rest_url, "--ca", str(cli.root), "--password-file", "pw")
    token = cli.ok("token", "create").strip()
    assert len(token) > 30
    (cli.home / "token").write_text(token)
    said = cli.ok("login", cli.rest_url, "--ca", str(cli.root), "--token-file", "token")
    assert "as admin" in said
    cli.ok("logout")
    assert cli("get", "project").err.startswith("Error: not logged in; run `eaves login")
    done = cli("login", cli.rest_url, "--ca", str(cli.root), "--token-file", "token")
    assert done.code == 1
    assert "is unknown, revoked or expired" in done.err


@pytest.mark.usefixtures("changed")
def test_a_login_that_has_ended_is_said_in_a_sentence(cli: Cli) -> None:
    (cli.home / "pw").write_text(CHOSEN)
    cli.ok("login", cli.rest_url, "--ca", str(cli.root), "--password-file", "pw")
    ended = _kept(cli) | {"token": "old"}  # as a version without contexts kept it
    (cli.home / "session.json").write_text(json.dumps(ended))
    done = cli("get", "device")
    assert done.code == 1
    assert done.err == (
        "Error: the controller does not accept this login any more; run `eaves login` again\n"
    )
    again = cli.ok("login", "--password-file", "pw")
    assert f"logged in at {cli.rest_url} as admin" in again
    environment = {"EAVES_URL": cli.rest_url, "EAVES_TOKEN": "none", "EAVES_CA": str(cli.root)}
    assert "does not accept this login" in cli("get", "device", **environment).err


@pytest.mark.usefixtures("changed")
def test_a_wrong_password_tells_how_many_attempts_are_left(cli: Cli) -> None:
    options = ("login", cli.rest_url, "--ca", str(cli.root), "--password-file", "-")
    done = cli(*options, stdin="wrong")
    assert done.code == 1
    assert "user name or password is wrong; " in done.err
    assert cli(*options, stdin="").err == "Error: - is empty; write the password into it\n"


def test_what_stands_against_a_connection_is_a_sentence(cli: Cli) -> None:
    port = free_port()
    nobody = cli("login", f"https://127.0.0.1:{port}")
    assert nobody.code == 1
    assert f"cannot reach https://127.0.0.1:{port}: nothing listens there" in nobody.err
    session = {"url": cli.rest_url, "token": "x", "root_pem": "", "user": "admin"}
    (cli.home / "session.json").write_text(json.dumps(session))
    assert "its certificate is not trusted" in cli("get", "device").err
    (cli.home / "session.json").write_text("{")
    assert "is damaged" in cli("get", "device").err
    (cli.home / "no.pem").write_text("nothing")
    no_pem = cli("login", cli.rest_url, "--ca", "no.pem")
    assert "no.pem holds no PEM certificate" in no_pem.err
    assert cli("login", "ftp://example").code == 2
    assert cli("login").code == 2


@pytest.mark.usefixtures("changed")
def test_contexts_are_listed_used_and_forgotten(cli: Cli) -> None:
    (cli.home / "pw").write_text(CHOSEN)
    options = ("--ca", str(cli.root), "--password-file", "pw")
    said = cli.ok_inside("login", cli.rest_url, *options)
    usual = cli.rest_url.removeprefix("https://")
    assert f"context {usual}, kept in" in said
    cli.ok_inside("login", cli.rest_url, *options, "--context", "plant")
    assert (cli.home / "session.json").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in cli.home.iterdir() if p.suffix == ".tmp"] == []
    told = json.loads(cli.ok_inside("context", "list", "-o", "json"))
    assert [(one["name"], one["current"]) for one in told] == [(usual, False), ("plant", True)]
    assert "token" not in json.dumps(told)
    shown = cli.ok_inside("context", "list").splitlines()
    assert shown[2].split()[:4] == ["*", "plant", cli.rest_url, "admin"]
    assert f"context {usual} is in use" in cli.ok_inside("context", "use", usual)
    assert "name: plant" in cli.ok_inside("--context", "plant", "context", "show")
    assert "name: plant" in cli.inside("context", "show", EAVES_CONTEXT="plant").out
    assert cli.ok_inside("context", "show", "plant").count("current: false") == 1
    wrong = cli.inside("--context", "plnat", "get", "project")
    assert (wrong.code, wrong.err) == (
        1,
        "Error: there is no context 'plnat'; did you mean plant?\n",
    )
    assert "context plant, kept" in cli.ok_inside(
        "--context", "plant", "login", "--password-file", "pw"
    )
    cli.ok_inside("context", "use", usual)
    assert "context plant forgotten" in cli.ok_inside("context", "delete", "plant")
    cli.ok_inside("login", cli.rest_url, *options, "--context", "other")
    assert f"logged out\ncontext {usual} is in use now" in cli.ok_inside("logout")
    assert "no project yet" in cli.inside("get", "project").err
    cli.ok_inside("logout")
    assert not (cli.home / "session.json").exists()


@pytest.mark.usefixtures("changed")
def test_who_logged_in_from_here_before_is_not_held_up_by_others(cli: Cli) -> None:
    """At the same address somebody else uses up the attempts of the user."""
    for name, text in (("pw", CHOSEN), ("given", "given by an administrator")):
        (cli.home / name).write_text(text)
    options = ("login", cli.rest_url, "--ca", str(cli.root), "--password-file")
    cli.ok_inside(*options, "pw")
    token = cli.ok_inside("token", "create").split()[0]
    context = ssl.create_default_context(cafile=str(cli.root))
    of_admin = {"Authorization": f"Bearer {token}"}
    ursula = ("--user", "ursula")
    with httpx.Client(verify=context, base_url=f"{cli.rest_url}/api", headers=of_admin) as http:
        role = http.get("/v1/roles/name/SysMonitor").json()["id"]
        user = {"username": "ursula", "email": "ursula@example.org", "roleId": role}
        assert http.post("/v1/users", json=user).status_code == 200
        password = {"owner": "ursula", "newCred": "given by an administrator"}
        assert http.put("/v1/credentials", json=password).status_code == 200
        cli.ok_inside(*options, "given", "--new-password-file", "pw", *ursula)
        kept = (cli.home / "session.json").read_text()
        (cli.home / "session.json").unlink()
        for _ in range(10):
            wrong = http.post("/v1/login", json={"username": "ursula", "password": "wrong"})
            assert wrong.status_code == 401
    assert "too many wrong passwords" in cli(*options, "pw", *ursula).err
    (cli.home / "session.json").write_text(kept)
    assert "as ursula" in cli.ok_inside(*options, "pw", *ursula)
