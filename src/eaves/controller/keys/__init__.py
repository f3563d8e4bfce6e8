"""Certificates, the signing chain and the key of secrets at rest."""

from eaves.controller.keys.ring import EcdhIdentity, Identity, Ring
from eaves.controller.keys.secrets import SecretUnreadable
from eaves.controller.keys.store import (
    KeyStore,
    OnboardingIdentity,
    Part,
    Renewed,
    TlsFiles,
    open_keys,
)

__all__ = [
    "EcdhIdentity",
    "Identity",
    "KeyStore",
    "OnboardingIdentity",
    "Part",
    "Renewed",
    "Ring",
    "SecretUnreadable",
    "TlsFiles",
    "open_keys",
]
