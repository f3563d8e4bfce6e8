"""On PostgreSQL the keys of events and audit lead with their enterprise.

SQLite counts rows up only where the number is the whole key.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _key(*columns: str) -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for name in ("events", "audit"):
        op.drop_constraint(f"pk_{name}", name, type_="primary")
        op.create_primary_key(f"pk_{name}", name, list(columns))


def upgrade() -> None:
    _key("enterprise_id", "row")


def downgrade() -> None:
    _key("row")
