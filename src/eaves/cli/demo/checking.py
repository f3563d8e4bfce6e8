"""What checks have in common: a complaint, an address, a connection."""

import socket

from eaves.cli.demo.scene import Scene
from eaves.cli.demo.tell import DemoFailed

SLOW_S = 180.0  # for what has to come, on a machine with much else to do


class NotSo(DemoFailed):
    """A check found something else than it should."""


def demand(holds: bool, complaint: str) -> None:  # noqa: FBT001 - an assertion with a sentence
    if not holds:
        raise NotSo(complaint)


def connects(host: str, port: int) -> str:
    try:
        with socket.create_connection((host, port), timeout=3):
            return "connected"
    except TimeoutError:
        return "dropped"
    except OSError as error:
        return error.strerror or type(error).__name__


def address_of(scene: Scene, instance: str) -> str:
    def known() -> str:
        vifs = scene.current("instance", instance).net_status_list
        return next((a.partition("/")[0] for vif in vifs for a in vif.ip_addrs), "")

    return scene.until(f"the address of {instance} is reported", known, SLOW_S)
