"""The key of secrets at rest: in a file, in a token (a real PKCS #11 library), behind a plugin."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.controller import Process, running

from eaves.controller.key_settings import KeySettings, Provider, TokenSettings, read_key_settings
from eaves.controller.keys import KeyStore, open_keys
from eaves.controller.keys.files import BadKeyFile
from eaves.controller.keys.providers import KeyProviderFailed
from eaves.controller.keys.secret_key import needs, rewrap
from eaves.controller.settings import BadSetting, Options, Settings, read_settings

pytestmark = pytest.mark.system

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN, OTHER_PIN = "4711-0815", "0000-0000"
needs_token = pytest.mark.skipif(
    not MODULE.exists() or shutil.which("softhsm2-util") is None,
    reason="no PKCS #11 token in software; install the package softhsm2",
)


def utc_now() -> datetime:
    return datetime.now(UTC)


def private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


@dataclass(frozen=True)
class Tokens:
    """Two tokens in one folder, each with a PIN file of its own."""

    folder: Path

    @property
    def environment(self) -> Mapping[str, str]:
        return {"SOFTHSM2_CONF": str(self.folder / "softhsm2.conf")}

    def make(self, label: str) -> None:
        subprocess.run(
            [
                *("softhsm2-util", "--init-token", "--free", "--label", label),
                *("--so-pin", "12345678", "--pin", PIN),
            ],
            check=True,
            capture_output=True,
            env={**os.environ, **self.environment},
        )

    def settings(self, token: str = "eaves", key: str = "eaves", pin: str = PIN) -> KeySettings:
        file = private(self.folder / f"pin-{pin}", pin + "\n")
        return KeySettings(Provider.PKCS11, token=TokenSettings(MODULE, token, key, file))

    def variables(self, key: str = "eaves") -> Mapping[str, str]:
        return {
            **self.environment,
            "EAVES_KEY_PROVIDER": "pkcs11",
            "EAVES_PKCS11_MODULE": str(MODULE),
            "EAVES_PKCS11_TOKEN": "eaves",
            "EAVES_PKCS11_KEY": key,
            "EAVES_PKCS11_PIN_FILE": str(private(self.folder / f"pin-{PIN}", PIN)),
        }


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tokens]:
    made = Tokens(tmp_path_factory.mktemp("tokens"))
    (made.folder / "store").mkdir()
    (made.folder / "softhsm2.conf").write_text(f"directories.tokendir = {made.folder}/store\n")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment.items():
            patch.setenv(name, value)
        made.make("eaves")
        made.make("spare")
        yield made
        import pkcs11  # noqa: PLC0415 - only where a token was used

        pkcs11.unload(str(MODULE))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "state")


def opened(settings: Settings) -> KeyStore:
    return open_keys(settings, clock=utc_now)


PLUGIN = """
from pathlib import Path

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from eaves.controller.keys.providers import KeyProviderFailed


class Service:
    shown = "key 7 of the service"

    def __init__(self):
        self._master = bytes.fromhex(Path(__file__).with_name("master").read_text())

    def wrap(self, data_key):
        return aes_key_wrap(self._master, data_key)

    def unwrap(self, wrapped):
        try:
            return aes_key_unwrap(self._master, wrapped)
        except InvalidUnwrap as error:
            raise KeyProviderFailed("the service does not open it; ask who runs it") from error


class Broken(Service):
    def unwrap(self, wrapped):
        return bytes(32)


class Half:
    shown = "half"
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The module of a master key that only it knows, as somebody would install it."""
    name = f"plugin_{os.urandom(4).hex()}"
    (tmp_path / f"{name}.py").write_text(PLUGIN)
    private(tmp_path / "master", os.urandom(32).hex())
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return name


def plugged(name: str, made_by: str = "Service") -> KeySettings:
    return KeySettings(Provider.PLUGIN, plugin=f"{name}:{made_by}")


@needs_token
def test_the_first_start_leaves_no_key_on_the_disk_that_opens_anything(
    tokens: Tokens, settings: Settings
) -> None:
    settings = replace(settings, keys=tokens.settings())
    keys = opened(settings)
    sealed = keys.seal("a/b", b"a secret")
    told = json.loads(settings.secret_key_path.read_text())
    assert (told["provider"], told["key"]) == ("pkcs11", "eaves")
    assert len(told["wrapped"]) == len("A" * 80)  # nonce, key and tag, and nothing beside them
    assert opened(settings).open("a/b", sealed) == b"a secret"
    assert "key 'eaves' of token 'eaves'" in needs(settings)


@needs_token
def test_the_master_key_cannot_leave_the_token(tokens: Tokens, settings: Settings) -> None:
    import pkcs11  # noqa: PLC0415 - only where there is a token
    from pkcs11.exceptions import AttributeSensitive  # noqa: PLC0415 - as above

    opened(replace(settings, keys=tokens.settings(key="held")))
    with pkcs11.lib(str(MODULE)).get_token(token_label="eaves").open(user_pin=PIN) as session:
        held = session.get_key(pkcs11.ObjectClass.SECRET_KEY, pkcs11.KeyType.AES, "held")
        assert held[pkcs11.Attribute.NEVER_EXTRACTABLE]
        assert held[pkcs11.Attribute.ALWAYS_SENSITIVE]
        with pytest.raises(AttributeSensitive):
            _ = held[pkcs11.Attribute.VALUE]


@needs_token
def test_secrets_open_through_every_move_of_the_key(
    tokens: Tokens, settings: Settings, plugin: str
) -> None:
    sealed = opened(settings).seal("a/b", b"a secret")
    clear = settings.secret_key_path.read_text().strip()
    program = plugged(plugin)
    for keys in (
        tokens.settings(),
        tokens.settings(key="next year"),
        program,
        tokens.settings(),
    ):
        both = replace(keys, token=tokens.settings().token, plugin=program.plugin)
        if keys.token is not None:
            both = replace(both, token=keys.token)
        before, after = rewrap(replace(settings, keys=both))
        assert before != after
        assert clear not in settings.secret_key_path.read_text()
        assert opened(replace(settings, keys=both)).open("a/b", sealed) == b"a secret"
    rewrap(replace(settings, keys=replace(tokens.settings(), provider=Provider.FILE)))
    assert settings.secret_key_path.read_text().strip() == clear
    assert opened(settings).open("a/b", sealed) == b"a secret"
    assert needs(settings) == ""


@needs_token
def test_what_is_wrong_with_a_token_is_told_with_the_next_step(
    tokens: Tokens, settings: Settings, tmp_path: Path
) -> None:
    good = tokens.settings()
    opened(replace(settings, keys=good))
    assert good.token is not None
    cases = {
        "refuses the PIN in .*correct EAVES_PKCS11_PIN_FILE": tokens.settings(pin=OTHER_PIN),
        "has no token 'lost'; plug it in": tokens.settings(token="lost"),
        "shows no AES key 'eaves'.*restore the token": tokens.settings(token="spare"),
        "EAVES_PKCS11_PIN_FILE is not given": replace(
            good, token=replace(good.token, pin_file=None)
        ),
        "check EAVES_PKCS11_MODULE": replace(
            good, token=replace(good.token, module=tmp_path / "none.so")
        ),
        "EAVES_PKCS11_PIN_FILE .*none cannot be read": replace(
            good, token=replace(good.token, pin_file=tmp_path / "none")
        ),
        "EAVES_KEY_PROVIDER is file; set it to pkcs11, or move the key": KeySettings(),
    }
    for says, keys in cases.items():
        with pytest.raises((KeyProviderFailed, BadKeyFile), match=f"(?s){says}") as caught:
            opened(replace(settings, keys=keys))
        assert PIN not in str(caught.value)
        assert OTHER_PIN not in str(caught.value).replace(f"pin-{OTHER_PIN}", "")


@needs_token
def test_a_changed_file_or_another_key_of_the_same_label_opens_nothing(
    tokens: Tokens, settings: Settings, tmp_path: Path
) -> None:
    keys = tokens.settings(key="doubled")
    opened(replace(settings, keys=keys))
    opened(Settings(tmp_path / "other", keys=tokens.settings(token="spare", key="doubled")))
    with pytest.raises(KeyProviderFailed, match="does not open the secret key"):
        opened(replace(settings, keys=tokens.settings(token="spare", key="doubled")))
    told = json.loads(settings.secret_key_path.read_text())
    told["wrapped"] = told["wrapped"][:-8] + "AAAAAAA="
    settings.secret_key_path.write_text(json.dumps(told))
    with pytest.raises(KeyProviderFailed, match="restore both from one backup"):
        opened(replace(settings, keys=keys))


@needs_token
def test_a_controller_runs_with_its_key_in_a_token_and_its_backup_says_so(
    tokens: Tokens, tmp_path: Path
) -> None:
    private(tmp_path / "passphrase", "correct horse battery staple")
    process = Process(tmp_path / "state", environment=tokens.variables("served"))
    with running(process):
        made = eaves(
            tokens.variables("served"),
            *("--state-dir", str(process.state_dir), "backup", "--out", str(tmp_path / "b")),
            *("--passphrase-file", str(tmp_path / "passphrase")),
        )
    assert "open only with key 'served' of token 'eaves' (pkcs11)" in made.stdout
    assert PIN not in process.log.read_text()
    restored = eaves(
        tokens.variables("served"),
        *("--state-dir", str(tmp_path / "back"), "restore", str(tmp_path / "b")),
        *("--passphrase-file", str(tmp_path / "passphrase")),
    )
    assert "keep a backup of that by its own means" in restored.stdout
    moved = eaves(
        {**tokens.variables(), "EAVES_KEY_PROVIDER": "file"}, "rewrap", state=tmp_path / "back"
    )
    assert "was wrapped by key 'served' of token 'eaves'" in moved.stdout
    assert "is wrapped by nothing" in moved.stdout


def eaves(
    environment: Mapping[str, str], *arguments: str, state: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    where = ("--state-dir", str(state)) if state is not None else ()
    done = subprocess.run(
        [sys.executable, "-m", "eaves", "controller", *where, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_a_key_behind_a_plugin_opens_what_was_sealed(
    settings: Settings, plugin: str, tmp_path: Path
) -> None:
    settings = replace(settings, keys=plugged(plugin))
    sealed = opened(settings).seal("a/b", b"a secret")
    assert opened(settings).open("a/b", sealed) == b"a secret"
    private(tmp_path / "master", os.urandom(32).hex())
    with pytest.raises(KeyProviderFailed, match="ask who runs it"):
        opened(settings)


def test_a_plugin_that_fails_changes_nothing(settings: Settings, plugin: str) -> None:
    opened(settings)
    before = settings.secret_key_path.read_bytes()
    cases = {
        "does not give back what it wrapped": plugged(plugin, "Broken"),
        "gives no key provider": plugged(plugin, "Half"),
        "has no attribute 'Nobody'": plugged(plugin, "Nobody"),
        "No module named 'no_such_module'": plugged("no_such_module"),
    }
    for says, keys in cases.items():
        with pytest.raises(KeyProviderFailed, match=says):
            rewrap(replace(settings, keys=keys))
        assert settings.secret_key_path.read_bytes() == before


def test_a_key_file_that_others_can_read_is_refused_unless_that_is_allowed(
    settings: Settings,
) -> None:
    opened(settings)
    for mode in (0o604, 0o620, 0o644, 0o660):
        settings.secret_key_path.chmod(mode)
        with pytest.raises(BadKeyFile, match=f"has mode {mode:03o}: others can read or change it"):
            opened(settings)
    opened(replace(settings, keys=KeySettings(strict=False)))
    for mode in (0o400, 0o440, 0o600, 0o640):
        settings.secret_key_path.chmod(mode)
        opened(settings)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"EAVES_KEY_PROVIDER": "vault"}, "give file, pkcs11, plugin"),
        ({"EAVES_KEY_PROVIDER": "pkcs11"}, "EAVES_PKCS11_MODULE"),
        ({"EAVES_KEY_PROVIDER": "plugin"}, "give MODULE:FUNCTION"),
        ({"EAVES_KEY_PROVIDER": "plugin", "EAVES_KEY_PLUGIN": "kms"}, "give MODULE:FUNCTION"),
        ({"EAVES_SECRET_KEY_STRICT": "maybe"}, "give true or false"),
    ],
)
def test_settings_that_cannot_work_are_named(given: Mapping[str, str], says: str) -> None:
    with pytest.raises(BadSetting, match=says):
        read_settings(Options(state_dir="/nowhere"), given)
    assert read_key_settings({}) == KeySettings()
