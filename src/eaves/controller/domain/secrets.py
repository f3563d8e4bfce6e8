"""What a stored secret is called: the object it belongs to and the member that held it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class SecretName:
    """Fields in use: `apiKey` and `apiPasswd` of a datastore, `WiFiPasswd` of a network,
    `variable/NAME` for a password variable of an app instance's custom configuration.
    """

    object_id: str
    field: str

    @property
    def purpose(self) -> str:
        """Authenticated with the ciphertext, so a value cannot move to another place."""
        return f"{self.object_id}/{self.field}"


def variable_field(variable: str) -> str:
    return f"variable/{variable}"
