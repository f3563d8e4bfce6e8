"""Audit rows from before there were seals: an empty one is bytes, as everywhere.

SQLite gave them the default of the column as it was spelled there, which is a text.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(sa.text("UPDATE audit SET seal = X'' WHERE typeof(seal) = 'text'"))


def downgrade() -> None:
    pass
