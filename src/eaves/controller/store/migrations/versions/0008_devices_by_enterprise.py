"""The keys of what belongs to a device lead with its enterprise.

What was rendered loses its reference first and gets another one last: to rebuild a table on SQLite
is to drop it, which would drop what refers to it.  Rows of devices that are no more are dropped.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEYS = {
    "device_certificates": ("device_id", "type"),
    "attestations": ("device_id",),
    "rendered_configs": ("device_id",),
    "rendered_contents": ("device_id",),
    "device_seen": ("device_id",),
}
OLD = "fk_rendered_contents_device_id"
NEW = "fk_rendered_contents_enterprise_id_device_id"


def upgrade() -> None:
    with op.batch_alter_table("rendered_contents") as contents:
        contents.drop_constraint(OLD, type_="foreignkey")
    for name, key in KEYS.items():
        op.add_column(name, sa.Column("enterprise_id", sa.Text(), nullable=True))
        op.execute(
            sa.text(
                f"UPDATE {name} SET enterprise_id = (SELECT enterprise_id FROM object_ids "  # noqa: S608 - names from above
                f"WHERE object_ids.id = {name}.device_id)"
            )
        )
        op.execute(sa.text(f"DELETE FROM {name} WHERE enterprise_id IS NULL"))  # noqa: S608 - as above
        with op.batch_alter_table(name) as table:
            table.alter_column("enterprise_id", existing_type=sa.Text(), nullable=False)
            table.drop_constraint(f"pk_{name}", type_="primary")
            table.create_primary_key(f"pk_{name}", ["enterprise_id", *key])
            if name == "rendered_contents":
                columns = ["enterprise_id", "device_id"]
                table.create_foreign_key(
                    NEW, "rendered_configs", columns, columns, ondelete="CASCADE"
                )
        op.create_index(f"ix_{name}_device_id", name, ["device_id"])


def downgrade() -> None:
    with op.batch_alter_table("rendered_contents") as contents:
        contents.drop_constraint(NEW, type_="foreignkey")
    for name, key in KEYS.items():
        op.drop_index(f"ix_{name}_device_id", table_name=name)
        with op.batch_alter_table(name) as table:
            table.drop_constraint(f"pk_{name}", type_="primary")
            table.create_primary_key(f"pk_{name}", list(key))
            table.drop_column("enterprise_id")
            if name == "rendered_contents":
                table.create_foreign_key(
                    OLD, "rendered_configs", ["device_id"], ["device_id"], ondelete="CASCADE"
                )
