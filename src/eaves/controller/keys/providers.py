"""Key providers: what wraps the data key that secrets at rest are sealed under.

The data key (32 bytes) is made once and lives in the memory of controllers.  On disk, in
`secret.key`, it stands as itself (provider `file`) or wrapped by a master key that the controller
never sees: one inside of a PKCS #11 token, or one that a `plugin` reaches, as the key management of
a cloud is.

A plugin is a function of an installed module, named `MODULE:FUNCTION`, that takes no argument and
returns an object with the three members of `KeyProvider`.  It finds its own settings and
credentials, wraps 32 bytes in at most `MOST_WRAPPED`, authenticates them, and raises
KeyProviderFailed with the next step when the master key cannot be reached.
"""

from importlib import import_module
from typing import Final, Protocol, runtime_checkable

from eaves.controller.key_settings import KeySettings, Provider
from eaves.errors import Rejected

MOST_WRAPPED: Final = 8192  # bytes


class KeyProviderFailed(Rejected):
    """A master key that cannot be reached or does not open what it is to; says the next step."""


@runtime_checkable
class KeyProvider(Protocol):
    @property
    def shown(self) -> str:
        """Which master key this is, for people: no secret in it."""
        ...

    def wrap(self, data_key: bytes) -> bytes:
        """Raises KeyProviderFailed."""
        ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """Raises KeyProviderFailed."""
        ...


def plugin_named(name: str) -> KeyProvider:
    """What `MODULE:FUNCTION` returns.  Raises KeyProviderFailed."""
    module, _, function = name.partition(":")
    try:
        make = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise KeyProviderFailed(
            f"EAVES_KEY_PLUGIN {name!r} cannot be loaded: {error}; install it beside the "
            "controller and write MODULE:FUNCTION"
        ) from error
    made: object = make() if callable(make) else None
    if not isinstance(made, KeyProvider):
        raise KeyProviderFailed(
            f"EAVES_KEY_PLUGIN {name!r} gives no key provider; it needs shown, wrap and unwrap"
        )
    return made


def provider_for(kind: str, settings: KeySettings, key: str = "") -> KeyProvider:
    """The provider of what is wrapped by it; `key`: the label that was noted with it."""
    if kind == Provider.PLUGIN:
        if not settings.plugin:
            raise KeyProviderFailed(
                "the secret key is wrapped by a plugin; name it in EAVES_KEY_PLUGIN"
            )
        return plugin_named(settings.plugin)
    if kind == Provider.PKCS11:
        if settings.token is None:
            raise KeyProviderFailed(
                f"the secret key is wrapped by key {key!r} of a PKCS #11 token; give "
                "EAVES_PKCS11_MODULE, EAVES_PKCS11_TOKEN and EAVES_PKCS11_PIN_FILE"
            )
        # the library is an extra, and a start without a token needs none of it
        from eaves.controller.keys.pkcs11 import TokenProvider  # noqa: PLC0415 - see above

        return TokenProvider(settings.token, key or settings.token.key, strict=settings.strict)
    raise KeyProviderFailed(f"the secret key is wrapped by {kind!r}, which this release has not")
