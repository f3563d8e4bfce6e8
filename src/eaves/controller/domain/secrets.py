"""What a stored secret is called: the object it belongs to and the member that held it."""

from dataclasses import dataclass
from typing import Final

USER_DATA: Final = "userData"
CELLULAR_PARTS: Final = ("username", "password", "attachUsername", "attachPassword")


@dataclass(frozen=True, slots=True, order=True)
class SecretName:
    """Fields in use: `apiKey` and `apiPasswd` of a datastore, `WiFiPasswd` of a network,
    `cellular/SLOT/APN/...` of an access point of one,
    `clientSecret`, `cryptoKey` and `encryptedSecrets` of an authorization profile, `totp` of a
    user, `userData` of an app instance; `variable/NAME` and `default/NAME` for a password variable
    in the custom configuration of an app instance or a bundle; the same behind `APP|` for an app of
    a project, a deployment or an app profile.
    """

    object_id: str
    field: str

    @property
    def purpose(self) -> str:
        """Authenticated with the ciphertext, so a value cannot move to another place."""
        return f"{self.object_id}/{self.field}"


def cellular_field(sim_slot: int, apn: str, part: str) -> str:
    """Of an access point: it has no id, and people know it by SIM slot and name."""
    return f"cellular/{sim_slot}/{apn}/{part}"


def variable_field(variable: str) -> str:
    return f"variable/{variable}"


def default_field(variable: str) -> str:
    return f"default/{variable}"


def policy_field(app: str, field: str) -> str:
    """`field` of an app of a policy."""
    return f"{policy_prefix(app)}{field}"


def policy_prefix(app: str) -> str:
    return f"{app}|"
