"""The file of the data key: as it is, or wrapped by a provider, with what is needed to unwrap it.

As it is: 64 hexadecimal digits.  Wrapped: a JSON object that names provider and master key; it
holds nothing secret, and is worth nothing without them.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eaves.controller.key_settings import KeySettings, Provider
from eaves.controller.keys import files
from eaves.controller.keys.providers import KeyProviderFailed, provider_for
from eaves.controller.keys.secrets import KEY_BYTES, SecretBox
from eaves.controller.settings import Settings

FORMAT: Final = 1
MOVE: Final = "eaves controller rewrap"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What the file says of a data key that a provider wrapped."""

    provider: str
    key: str  # which master key, where the provider has several
    shown: str  # the same for people
    wrapped: bytes


def secret_box(settings: Settings, random: Callable[[int], bytes]) -> SecretBox:
    """The box that opens with the key of the file.  Raises BadKeyFile, KeyProviderFailed."""
    return SecretBox(read_data_key(settings.secret_key_path, settings.keys), random)


def kept_secret_box(settings: Settings, random: Callable[[int], bytes]) -> SecretBox:
    """As `secret_box`; the first start makes the key."""
    path = settings.secret_key_path
    if not path.exists():
        if settings.secret_key_file is not None:
            raise files.BadKeyFile(
                f"EAVES_SECRET_KEY_FILE {path} is missing; make one with `openssl rand -hex 32`, "
                "readable by the controller alone, and give every controller the same"
            )
        write_data_key(path, settings.keys, random(KEY_BYTES))
    return secret_box(settings, random)


def read_data_key(path: Path, settings: KeySettings) -> bytes:
    found = read_file(path, settings)
    if isinstance(found, bytes):
        if settings.provider is not Provider.FILE:
            raise KeyProviderFailed(
                f"{path} holds the secret key as it is, EAVES_KEY_PROVIDER is "
                f"{settings.provider}; move it there with `{MOVE}`"
            )
        return found
    if found.provider != settings.provider:
        raise KeyProviderFailed(
            f"{path} is wrapped by {found.shown} ({found.provider}), EAVES_KEY_PROVIDER is "
            f"{settings.provider}; set it to {found.provider}, or move the key with `{MOVE}`"
        )
    return _unwrapped(path, found, settings)


def read_file(path: Path, settings: KeySettings) -> bytes | Wrapped:
    """Nothing is unwrapped.  Raises BadKeyFile."""
    text = files.read_secret_text(path, "the secret key", strict=settings.strict)
    if text.startswith("{"):
        return _wrapped(path, text)
    try:
        key = bytes.fromhex(text)
    except ValueError as error:
        raise files.BadKeyFile(f"{path} is not hexadecimal; restore it") from error
    if len(key) != KEY_BYTES:
        raise files.BadKeyFile(f"{path} holds {len(key)} bytes, {KEY_BYTES} are needed")
    return key


def _wrapped(path: Path, text: str) -> Wrapped:
    try:
        said = json.loads(text)
        if said["format"] != FORMAT:
            raise files.BadKeyFile(f"{path} has format {said['format']}; a later release wrote it")
        return Wrapped(
            str(said["provider"]),
            str(said["key"]),
            str(said["shown"]),
            base64.b64decode(said["wrapped"], validate=True),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise files.BadKeyFile(f"{path} is no wrapped key ({error!r}); restore it") from error


def _unwrapped(path: Path, found: Wrapped, settings: KeySettings) -> bytes:
    key = provider_for(found.provider, settings, found.key).unwrap(found.wrapped)
    if len(key) != KEY_BYTES:
        raise KeyProviderFailed(
            f"{found.shown} opens {path} as {len(key)} bytes, {KEY_BYTES} are needed; restore it"
        )
    return key


def write_data_key(path: Path, settings: KeySettings, data_key: bytes) -> str:
    """Write it as the settings say; which master key wraps it.  Whole or not at all.

    What was wrapped is unwrapped again first: a key that nobody can open must not replace one.
    """
    if settings.provider is Provider.FILE:
        files.write_private(path, data_key.hex().encode() + b"\n")
        return "nothing: it stands there as it is"
    label = settings.token.key if settings.token is not None else ""
    provider = provider_for(settings.provider, settings, label)
    wrapped = provider.wrap(data_key)
    if provider.unwrap(wrapped) != data_key:
        raise KeyProviderFailed(
            f"{provider.shown} does not give back what it wrapped; nothing was changed"
        )
    told = {
        "format": FORMAT,
        "provider": settings.provider.value,
        "key": label if settings.provider is Provider.PKCS11 else "",
        "shown": provider.shown,
        "wrapped": base64.b64encode(wrapped).decode("ascii"),
    }
    files.write_private(path, json.dumps(told, indent=1).encode() + b"\n")
    return provider.shown


def rewrap(settings: Settings) -> tuple[str, str]:
    """Move the data key to the provider and master key of the settings; from and to, for people.

    Every secret stays as it is: they are sealed under the data key, which does not change.
    """
    path = settings.secret_key_path
    if not path.exists():
        raise files.BadKeyFile(
            f"{path} is missing; correct --state-dir, or start `eaves controller` once"
        )
    found = read_file(path, settings.keys)
    if isinstance(found, bytes):
        return "nothing: it stood there as it is", write_data_key(path, settings.keys, found)
    data_key = _unwrapped(path, found, settings.keys)
    return found.shown, write_data_key(path, settings.keys, data_key)


def needs(settings: Settings) -> str:
    """What opens the secret key beside its file, as a sentence for a backup; empty: nothing."""
    path = settings.secret_key_path
    found = read_file(path, settings.keys) if path.exists() else b""
    if isinstance(found, bytes):
        return ""
    return (
        f"the secrets in it open only with {found.shown} ({found.provider}), which is not in the "
        "backup: keep a backup of that by its own means"
    )
