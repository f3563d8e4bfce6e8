"""May this object be written?  Pure answers, with every reason at once.

Each `admit_*` takes the object as it would be stored and what it refers to, looked up by the
caller, and returns the reasons to refuse it: an empty tuple admits.  A reference that the caller
looked up in vain is passed as None.  Nothing here reads a clock, a database or the network.
"""

from eaves.controller.domain.admission.apps import (
    DeviceLoad,
    admit_app,
    admit_app_instance,
    effective_vminfo,
    netinst_of,
    resource_of,
)
from eaves.controller.domain.admission.hardware import (
    admit_brand,
    admit_device,
    admit_model,
    admit_project,
)
from eaves.controller.domain.admission.networks import admit_netinst, admit_network
from eaves.controller.domain.admission.refusal import Refusal, admit_names, http_status
from eaves.controller.domain.admission.storage import admit_datastore, admit_image, admit_volume

__all__ = [
    "DeviceLoad",
    "Refusal",
    "admit_app",
    "admit_app_instance",
    "admit_brand",
    "admit_datastore",
    "admit_device",
    "admit_image",
    "admit_model",
    "admit_names",
    "admit_netinst",
    "admit_network",
    "admit_project",
    "admit_volume",
    "effective_vminfo",
    "http_status",
    "netinst_of",
    "resource_of",
]
