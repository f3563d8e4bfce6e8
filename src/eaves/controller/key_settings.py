"""Who keeps the key that secrets at rest are sealed under, and how it is reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

STRICT: Final = "EAVES_SECRET_KEY_STRICT"


class Provider(StrEnum):
    FILE = "file"  # the key itself stands in the file
    PKCS11 = "pkcs11"  # wrapped by a key that never leaves a token
    PLUGIN = "plugin"  # wrapped by what is installed beside: the key management of a cloud


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """A PKCS #11 token."""

    module: Path  # the library of the vendor
    token: str  # label
    key: str  # label of an AES key of 256 bits in it
    pin_file: Path | None = None


@dataclass(frozen=True, slots=True)
class KeySettings:
    provider: Provider = Provider.FILE
    strict: bool = True  # refuse key and PIN files that others can read
    token: TokenSettings | None = None
    plugin: str = ""  # MODULE:FUNCTION


def read_key_settings(environment: Mapping[str, str]) -> KeySettings:
    """Raises ValueError with the name of a variable that cannot be used."""
    word = environment.get("EAVES_KEY_PROVIDER", "") or Provider.FILE
    strict = environment.get(STRICT, "") or "true"
    module = environment.get("EAVES_PKCS11_MODULE", "")
    token = environment.get("EAVES_PKCS11_TOKEN", "")
    key = environment.get("EAVES_PKCS11_KEY", "") or "eaves"
    pin_file = environment.get("EAVES_PKCS11_PIN_FILE", "")
    plugin = environment.get("EAVES_KEY_PLUGIN", "")
    if word not in set(Provider):
        raise ValueError(f"EAVES_KEY_PROVIDER is {word!r}; give {', '.join(Provider)}")
    if strict not in ("true", "false"):
        raise ValueError(f"{STRICT} is {strict!r}; give true or false")
    if word == Provider.PKCS11 and not (module and token):
        raise ValueError(
            "EAVES_KEY_PROVIDER is pkcs11; give EAVES_PKCS11_MODULE, the library of the token, and "
            "EAVES_PKCS11_TOKEN, its label"
        )
    if (word == Provider.PLUGIN or plugin) and not all(plugin.partition(":")):
        raise ValueError(f"EAVES_KEY_PLUGIN is {plugin!r}; give MODULE:FUNCTION")
    return KeySettings(
        Provider(word),
        strict == "true",
        TokenSettings(Path(module), token, key, Path(pin_file) if pin_file else None)
        if module and token
        else None,
        plugin,
    )
