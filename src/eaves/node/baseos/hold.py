"""What of a configuration waits while another system is about to boot.  Pure.

Apps may need what only the new system can do, so their changes wait for it; what runs goes on.
Source: EVE API v2, order of processing a configuration.
"""

from dataclasses import replace

from eaves.evapi.config import EdgeDevConfig


def held_back(config: EdgeDevConfig, before: EdgeDevConfig) -> EdgeDevConfig:
    """`config` with the apps of `before`, and with what those stand on."""
    stores = {store.id: store for store in (*before.datastores, *config.datastores)}
    trees = {
        (tree.uuid.lower(), tree.generation_count): tree
        for tree in (*before.content_info, *config.content_info)
    }
    return replace(
        config,
        datastores=tuple(stores.values()),
        content_info=tuple(trees.values()),
        network_instances=before.network_instances,
        volumes=before.volumes,
        apps=before.apps,
    )
