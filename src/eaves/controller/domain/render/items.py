"""Configuration items, commands, the base OS and the operator console of a device."""

from eaves.controller.domain.contract.datastores import ImageConfig
from eaves.controller.domain.contract.devices import DeviceConfig, EDConfigItem
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.render.storage import content_tree
from eaves.controller.domain.signed_images import ImageTrust
from eaves.evapi.config import BaseOS, ConfigItem, DeviceOpsCmd, LOCConfig

SECURE_DEFAULTS = {
    "debug.enable.console": "false",
    "debug.enable.usb": "false",
    "debug.enable.vga": "false",
}
NO_TIME = "0001-01-01T00:00:00Z"


DEBUG = dict.fromkeys(SECURE_DEFAULTS, "true")
SSH = "debug.enable.ssh"


def config_items(inputs: DeviceInputs) -> tuple[ConfigItem, ...]:
    """Sorted by key; what the device record says wins over the secure defaults, debug access over
    both, for as long as it is granted, and the image policy of its project over all.
    """
    device, trust = inputs.device, inputs.trust
    of = (device.config_item, device.debug_knob, trust)
    return inputs.once_encoded("config items", of, lambda: _config_items(device, trust))


def _config_items(device: DeviceConfig, trust: ImageTrust) -> tuple[ConfigItem, ...]:
    values = SECURE_DEFAULTS | {item.key: _text(item) for item in device.config_item if item.key}
    knob = device.debug_knob
    if knob is not None and knob.debug_knob:
        values |= DEBUG
        if knob.ssh_key:
            values[SSH] = knob.ssh_key
    values |= {item.key: item.value for item in trust.config_items()}
    return tuple(ConfigItem(key=key, value=values[key]) for key in sorted(values))


def _text(item: EDConfigItem) -> str:
    kind = item.value_type.lower()
    if "bool" in kind:
        return "true" if item.bool_value or item.string_value.lower() == "true" else "false"
    if item.string_value or "string" in kind:
        return item.string_value
    if "float" in kind or (not kind and item.float_value):
        return f"{item.float_value:g}"
    number = item.uint64_value or item.uint32_value
    if number or "int" in kind:
        return str(number)
    return "true" if item.bool_value else "false"


def reboot(inputs: DeviceInputs) -> DeviceOpsCmd:
    """Always sent: leaving it out would make the next command a mere baseline."""
    return _sent(inputs.device.reset_counter, inputs.device.reset_time, inputs)


def shutdown(inputs: DeviceInputs) -> DeviceOpsCmd:
    device = inputs.device
    return _sent(device.prepare_power_off_counter, device.prepare_power_off_time, inputs)


def _sent(counter: int, time: str, inputs: DeviceInputs) -> DeviceOpsCmd:
    if counter or time:
        return _command(counter, time)
    return inputs.once_encoded("no command", (), lambda: _command(0, ""))


def _command(counter: int, time: str) -> DeviceOpsCmd:
    return DeviceOpsCmd(counter=counter, desired_state=True, ops_time=time or NO_TIME)


def base_os(inputs: DeviceInputs) -> tuple[BaseOS | None, ImageConfig | None, tuple[str, ...]]:
    """The wanted base OS with its image; one that is not there is a reason."""
    for wanted in inputs.device.base_image:
        image = inputs.images.get(wanted.image_name) or inputs.images.get(wanted.uuid)
        if image is None:
            reason = (
                f"base OS image {wanted.image_name!r} is not there; create it or change the device"
            )
            return None, None, (reason,)
        retry = inputs.device.base_os_retry_counter
        base = BaseOS(
            content_tree_uuid=content_tree(image).uuid,
            retry_update=(_command(retry, inputs.device.base_os_retry_time) if retry else None),
            activate=wanted.activate,
            base_os_version=wanted.version or image.image_version,
        )
        return base, image, ()
    return None, None, ()


def operator_console(inputs: DeviceInputs) -> tuple[LOCConfig | None, tuple[str, ...]]:
    """Whom the device asks while it does not reach the controller, and what of it goes nowhere.

    The device's own console goes before that of the policy of its project.
    """
    project = inputs.project
    policy = project.local_operator_console_policy if project is not None else None
    told = policy.local_operator_console_policy if policy is not None else None
    url = inputs.device.local_operator_console_url or str((told or {}).get("locURL") or "")
    if not url.strip():
        return None, ()
    if project is None or not (told or {}).get("datastoreId"):
        return LOCConfig(loc_url=url.strip()), ()
    why = (
        f"project {project.name!r}: the policy of its operator console names datastores for what "
        "devices collect about themselves, which they are not given; take datastoreId out of it"
    )
    return LOCConfig(loc_url=url.strip()), (why,)
