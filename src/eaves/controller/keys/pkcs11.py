"""A master key inside of a PKCS #11 token: an AES key that wraps the data key by AES-GCM.

The key is made in the token, may not leave it, and is found by its label.  The PIN is read from its
file when it is needed.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Final

from eaves.controller.key_settings import TokenSettings
from eaves.controller.keys.files import read_secret_text
from eaves.controller.keys.providers import KeyProviderFailed

try:
    import pkcs11
    from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, ObjectClass
    from pkcs11.exceptions import (
        MultipleObjectsReturned,
        NoSuchKey,
        NoSuchToken,
        PinExpired,
        PinIncorrect,
        PinInvalid,
        PinLenRange,
        PinLocked,
        PKCS11Error,
        TokenNotPresent,
    )
    from pkcs11.types import DecryptMixin, EncryptMixin
except ImportError as error:
    raise KeyProviderFailed(
        "EAVES_KEY_PROVIDER is pkcs11 and the library for it is not installed; "
        "pip install 'eaves[pkcs11]'"
    ) from error

NONCE_BYTES: Final = 12
TAG_BITS: Final = 128
KEY_BITS: Final = 256
ABOUT: Final = b"eaves secret key"  # authenticated with it: nothing else opens as a data key
BAD_PIN = (PinIncorrect, PinInvalid, PinLenRange)


class TokenProvider:
    """See the module text."""

    def __init__(self, settings: TokenSettings, key: str, *, strict: bool) -> None:
        self._settings = settings
        self._key = key
        self._strict = strict

    @property
    def shown(self) -> str:
        return f"key {self._key!r} of token {self._settings.token!r}"

    def wrap(self, data_key: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        with self._master(make=True) as master:
            if not isinstance(master, EncryptMixin):
                raise KeyProviderFailed(f"{self.shown} may not encrypt; name another key")
            return nonce + _whole(
                master.encrypt(
                    data_key, mechanism=Mechanism.AES_GCM, mechanism_param=_parameters(nonce)
                )
            )

    def unwrap(self, wrapped: bytes) -> bytes:
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        with self._master(make=False) as master:
            if not isinstance(master, DecryptMixin):
                raise KeyProviderFailed(f"{self.shown} may not decrypt; name another key")
            try:
                return _whole(
                    master.decrypt(
                        sealed, mechanism=Mechanism.AES_GCM, mechanism_param=_parameters(nonce)
                    )
                )
            except PKCS11Error as error:
                raise KeyProviderFailed(
                    f"{self.shown} does not open the secret key ({type(error).__name__}); it is "
                    "another key of the same label, or the file was changed: restore both from one "
                    "backup"
                ) from error

    @contextmanager
    def _master(self, *, make: bool) -> Generator[pkcs11.SecretKey]:
        """The key, in a session of its own.  `make`: it is made where it is not there yet."""
        told = self._settings
        pin = None
        if told.pin_file is not None:
            pin = read_secret_text(told.pin_file, "EAVES_PKCS11_PIN_FILE", strict=self._strict)
        try:
            token = pkcs11.lib(str(told.module)).get_token(token_label=told.token)
            with token.open(rw=make, user_pin=pin) as session:
                yield self._find(session, make=make)
        except KeyProviderFailed:
            raise
        except (NoSuchToken, TokenNotPresent) as error:
            raise KeyProviderFailed(
                f"{told.module} has no token {told.token!r}; plug it in or connect it, and check "
                "EAVES_PKCS11_TOKEN with `pkcs11-tool --module ... --list-slots`"
            ) from error
        except BAD_PIN as error:
            raise KeyProviderFailed(
                f"token {told.token!r} refuses the PIN in {told.pin_file or '(none)'}; correct "
                "EAVES_PKCS11_PIN_FILE before the token locks itself"
            ) from error
        except (PinLocked, PinExpired) as error:
            raise KeyProviderFailed(
                f"token {told.token!r} is locked ({type(error).__name__}); its security officer "
                "sets a new PIN, then write that to EAVES_PKCS11_PIN_FILE"
            ) from error
        except PKCS11Error as error:
            raise KeyProviderFailed(
                f"token {told.token!r} of {told.module}: {str(error) or type(error).__name__}; "
                "check EAVES_PKCS11_MODULE and that the token is reached"
            ) from error

    def _find(self, session: pkcs11.Session, *, make: bool) -> pkcs11.SecretKey:
        try:
            found = session.get_key(ObjectClass.SECRET_KEY, KeyType.AES, self._key)
        except NoSuchKey as error:
            if not make:
                blind = "" if self._settings.pin_file else "; EAVES_PKCS11_PIN_FILE is not given"
                raise KeyProviderFailed(
                    f"token {self._settings.token!r} shows no AES key {self._key!r}, which wraps "
                    f"the secret key{blind}; restore the token from its own backup, or correct "
                    "EAVES_PKCS11_TOKEN"
                ) from error
            found = session.generate_key(
                KeyType.AES,
                KEY_BITS,
                label=self._key,
                store=True,
                template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
            )
        except MultipleObjectsReturned as error:
            raise KeyProviderFailed(
                f"token {self._settings.token!r} has several AES keys {self._key!r}; give each its "
                "own label"
            ) from error
        if not isinstance(found, pkcs11.SecretKey):
            raise KeyProviderFailed(f"{self.shown} is no secret key; name another")
        return found


def _whole(result: bytes | Iterator[bytes]) -> bytes:
    return result if isinstance(result, bytes) else b"".join(result)


def _parameters(nonce: bytes) -> GCMParams:
    return GCMParams(nonce, ABOUT, TAG_BITS)
