"""What somebody does who stands before the machine, at its screen and keyboard."""

import json
import time
from collections.abc import Callable

import pytest
from support.image_control import Eaves, until
from support.image_machine import ImageMachine
from support.image_world import with_screen
from support.scenarios import EVIDENCE

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(2400),
    pytest.mark.usefixtures("disk_is_told", "apps_go_on"),
]

ADDRESS = "10.0.2.77"
QCODES = {".": "dot", "/": "slash"}  # where QEMU's word for a key is not the key's sign
TYPED = ("spc", "tab", *f"{ADDRESS}/24", "tab", *"10.0.2.2", "tab", *"10.0.2.3", "f2")
KEY_S = 0.5  # an emulated machine draws slowly
FORM_S = 15.0
TOLD_S = 60.0


def press(machine: ImageMachine, *keys: str) -> None:
    for key in keys:
        code = QCODES.get(key, key)
        machine.tell("send-key", keys=[{"type": "qcode", "data": code}])
        time.sleep(KEY_S)


def test_a_port_is_set_on_the_screen_and_given_back(
    app: ImageMachine, eaves: Eaves, record_property: Callable[[str, object], None]
) -> None:
    eaves.apply("world", with_screen())

    def told(*keys: str, there: bool) -> bool:
        """Keys that come too soon set nothing: the form begins anew with what is in force."""
        press(app, "esc", "2", "e")
        time.sleep(FORM_S)
        press(app, *keys)
        deadline = time.monotonic() + TOLD_S
        while time.monotonic() < deadline:
            if (ADDRESS in json.dumps(eaves.device())) is there:
                return True
            time.sleep(2)
        return False

    until("told with the address that was typed", lambda: told(*TYPED, there=True))
    record_property(EVIDENCE, f"{ADDRESS} was typed and is told by the device")
    until("told with its own address again", lambda: told("f4", there=False))
