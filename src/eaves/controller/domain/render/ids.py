"""Ids of what has no object of its own: the same inputs give the same ids, for ever."""

import hashlib
import uuid
from functools import lru_cache
from typing import Final

from eaves.ids import name_based_uuid

_NAMESPACE: Final = uuid.UUID("7a0c9d63-1f5b-5f0e-9a53-0f3f6c1d8e21").bytes
_MOST_ACL_ID: Final = 4_194_302
_LONGEST_LIST: Final = 8191


def derived_id(*parts: str) -> str:
    """A UUID of version 5."""
    named = _NAMESPACE + "\0".join(parts).encode()
    return name_based_uuid(hashlib.sha1(named, usedforsecurity=False).digest())


@lru_cache(maxsize=4096)
def content_tree_id(image_id: str, sha256: str, url: str) -> str:
    """Another file is another content tree, so that a changed image is downloaded again."""
    return derived_id("content-tree", image_id, sha256.lower(), url)


def implicit_volume_id(instance_id: str, drive: int) -> str:
    return derived_id("volume", instance_id, str(drive))


def adapter_network_id(device_id: str, port: str) -> str:
    """A network that only this port has."""
    return derived_id("adapter-network", device_id, port)


def acl_id(instance_id: str, interface: int, rule: int) -> int:
    """1 to 4194302, for devices carry it in 22 bits; rules are told apart by it in flow logs.

    Distinct in each list, and within an app that has up to 8191 rules on each of 512 interfaces.
    """
    text = derived_id("acl", instance_id)
    begins = int(text.replace("-", ""), 16)
    return (begins + interface * _LONGEST_LIST + rule) % _MOST_ACL_ID + 1


def artifact_volume_id(image_id: str) -> str:
    """The volume of an image that a patch envelope carries; envelopes share it."""
    return derived_id("artifact-volume", image_id)
