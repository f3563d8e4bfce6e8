"""Ids of what has no object of its own: the same inputs give the same ids, for ever."""

import uuid
from typing import Final

_NAMESPACE: Final = uuid.UUID("7a0c9d63-1f5b-5f0e-9a53-0f3f6c1d8e21")


def derived_id(*parts: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, "\0".join(parts)))


def content_tree_id(image_id: str, sha256: str, url: str) -> str:
    """Another file is another content tree, so that a changed image is downloaded again."""
    return derived_id("content-tree", image_id, sha256.lower(), url)


def implicit_volume_id(instance_id: str, drive: int) -> str:
    return derived_id("volume", instance_id, str(drive))


def adapter_network_id(device_id: str, port: str) -> str:
    """A network that only this port has."""
    return derived_id("adapter-network", device_id, port)


def acl_id(instance_id: str, interface: int, rule: int) -> int:
    """Positive, 31 bits: rules are told apart by it in flow logs."""
    return uuid.uuid5(_NAMESPACE, f"acl\0{instance_id}\0{interface}\0{rule}").int % (2**31 - 2) + 1
