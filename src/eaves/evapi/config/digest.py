"""Digests of a configuration: the hash that a poll compares, and one for each section.

The hash covers everything that the config says, fields we do not know included, except its own
timestamp: a config rendered again without a change keeps its hash, and polls are answered 304.
"""

import base64
import dataclasses
import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from eaves.evapi.config.devconfig import EdgeDevConfig
from eaves.evapi.config.wire import EDGE_DEV_CONFIG
from eaves.evapi.direct import SharedParts
from eaves.ids import ConfigHash


def config_hash(config: EdgeDevConfig) -> ConfigHash:
    """44 characters of base64url; opaque to devices, never empty."""
    return undated(config)[0]


def undated(config: EdgeDevConfig, shared: SharedParts | None = None) -> tuple[ConfigHash, bytes]:
    """The hash, and the encoded config without its timestamp: `dated` completes it.

    Parts that `shared` holds are encoded once for all configurations that have them.
    """
    if config.config_timestamp is None and not config.rest:
        encoded = EDGE_DEV_CONFIG.encode_with(config, shared or SharedParts())
    else:
        message = EDGE_DEV_CONFIG.message(config)
        message.ClearField("config_timestamp")
        encoded = message.SerializeToString(deterministic=True)
    digest = hashlib.sha256(encoded).digest()
    return ConfigHash(base64.urlsafe_b64encode(digest).decode("ascii")), encoded


def dated(encoded: bytes, timestamp: datetime) -> bytes:
    """What `undated` gave, with this timestamp: the fields of a message may come in any order."""
    return encoded + _timestamp(timestamp)


@lru_cache(maxsize=16)
def _timestamp(timestamp: datetime) -> bytes:
    return EDGE_DEV_CONFIG.encode(EdgeDevConfig(config_timestamp=timestamp))


def section_digests(config: EdgeDevConfig) -> Mapping[str, str]:
    """Hex SHA-256 by field name of EdgeDevConfig, empty sections too.

    A device does not apply a section again whose digest is that of the config in force.  `rest`
    is a section; `config_timestamp` is not.  Source: EVE API v2, order of processing.
    """
    names = (field.name for field in dataclasses.fields(config))
    return {
        name: hashlib.sha256(
            EDGE_DEV_CONFIG.encode(EdgeDevConfig(**{name: getattr(config, name)}))
        ).hexdigest()
        for name in names
        if name != "config_timestamp"
    }
