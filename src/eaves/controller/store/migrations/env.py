"""Alembic runs this; the connection comes from `store.schema`, which owns the transaction."""

from alembic import context

from eaves.controller.store import tables_lists as _tables_lists  # noqa: F401 - adds its tables
from eaves.controller.store import tables_render as _tables_render  # noqa: F401 - adds its tables
from eaves.controller.store import tables_shared as _tables_shared  # noqa: F401 - adds its tables
from eaves.controller.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
