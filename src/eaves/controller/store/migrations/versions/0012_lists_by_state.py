"""Indexes that count objects by state and that pages of lists follow."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

Columns = tuple[str, ...]

TITLE: dict[str, Columns] = {"title": ("title", "id")}
INDEXES: dict[str, dict[str, Columns]] = {
    "devices": {
        "sum": ("adminState", "project_id"),
        "serial": ("serialno", "id"),
        "run_state": ("project_id", "reported_state", "last_seen_at"),
        **TITLE,
    },
    "netinsts": {"sum": ("kind", "project_id"), **TITLE},
    "volume_instances": {"sum": ("type", "project_id"), **TITLE},
    "app_instances": {"sum": ("activate", "project_id"), **TITLE},
}


def upgrade() -> None:
    for kind, some in INDEXES.items():
        for name, columns in some.items():
            op.create_index(
                f"ix_listed_{kind}_{name}", f"listed_{kind}", ["enterprise_id", *columns]
            )


def downgrade() -> None:
    for kind, some in INDEXES.items():
        for name in some:
            op.drop_index(f"ix_listed_{kind}_{name}", table_name=f"listed_{kind}")
