"""The key of every object leads with its enterprise.

Claims name the device in `object_ids`, not in `devices`: that table is everywhere, `devices` may be
spread by enterprise.  They come first, since to rebuild a table on SQLite is to drop it, which
would drop what refers to it.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KINDS = (
    *("enterprises", "users", "brands", "sysmodels", "projects", "networks", "datastores"),
    *("images", "devices", "netinsts", "volume_instances", "apps", "app_instances"),
)
CLAIM = "fk_onboarding_claims_device_id"


def _claims_refer_to(table: str) -> None:
    with op.batch_alter_table("onboarding_claims") as claims:
        claims.drop_constraint(CLAIM, type_="foreignkey")
        claims.create_foreign_key(CLAIM, table, ["device_id"], ["id"], ondelete="CASCADE")


def _key(table: str, *columns: str) -> None:
    with op.batch_alter_table(table) as altered:
        altered.drop_constraint(f"pk_{table}", type_="primary")
        altered.create_primary_key(f"pk_{table}", list(columns))


def upgrade() -> None:
    _claims_refer_to("object_ids")
    for kind in KINDS:
        _key(kind, "enterprise_id", "id")
        op.create_index(f"ix_{kind}_id", kind, ["id"])


def downgrade() -> None:
    for kind in KINDS:
        op.drop_index(f"ix_{kind}_id", table_name=kind)
        _key(kind, "id")
    _claims_refer_to("devices")
