"""What the node says of where its keys are: the hardware security module of the info message."""

from dataclasses import dataclass

from eaves.evapi.info import HwSecurityModuleStatus, MaintenanceModeReason
from eaves.node.host.machine import Machine
from eaves.node.settings import Settings
from eaves.node.tpm.device import Tpm
from eaves.node.tpm.health import Health

MACHINE_TPM = "device:/dev/tpmrm0"


def find_tpm(settings: Settings, machine: Machine) -> Tpm | None:
    """The one that was named, else that of the machine."""
    tcti = settings.tpm
    if tcti is None:
        tcti = MACHINE_TPM if machine.tpm else ""
    return Tpm(tcti) if tcti else None


@dataclass(frozen=True, slots=True)
class SecurityModule:
    """`tcti`: of a TPM that is there; `health`: of one that holds the keys."""

    tcti: str = ""
    health: Health | None = None

    @property
    def status(self) -> HwSecurityModuleStatus:
        if self.health is not None:
            return HwSecurityModuleStatus.ENABLED
        return HwSecurityModuleStatus.DISABLED if self.tcti else HwSecurityModuleStatus.NOTFOUND

    @property
    def fault(self) -> str:
        return "" if self.health is None else self.health.fault

    def text(self) -> str:
        if self.health is not None:
            return self.fault or f"TPM 2.0 at {self.tcti}: the keys were made in it and stay there"
        if self.tcti:
            return (
                f"keys on disk: this device had them before the TPM at {self.tcti}; a new state"
                " folder makes a new device with keys in the TPM"
            )
        return "no TPM: keys on disk"

    def reasons(self) -> tuple[MaintenanceModeReason, ...]:
        """Why a device whose TPM fails takes no new configuration."""
        if self.health is None:
            return ()
        found: list[MaintenanceModeReason] = []
        if not self.health.encrypts:
            found.append(MaintenanceModeReason.MAINTENANCE_MODE_REASON_TPM_ENCRYPTION_FAILURE)
        if not self.health.quotes:
            found.append(MaintenanceModeReason.MAINTENANCE_MODE_REASON_TPM_QUOTE_FAILURE)
        return tuple(found)
