"""Alembic runs this; the connection comes from `store.schema`, which owns the transaction."""

from typing import Final

from alembic import context

from eaves.controller.store import (
    tables,
    tables_devices,
    tables_lists,
    tables_people,
    tables_render,
    tables_shared,
    tables_sign_in,
)

# to import one of them adds its tables to the metadata that they share
PARTS: Final = (
    tables,
    tables_devices,
    tables_lists,
    tables_people,
    tables_render,
    tables_shared,
    tables_sign_in,
)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    render_as_batch=True,
)
context.run_migrations()
