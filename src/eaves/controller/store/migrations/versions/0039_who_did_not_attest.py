"""Who did not pass, or has to attest and never tried, without looking at every device."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

STATE, HAS_TO = "ix_attestations_state", "ix_device_bindings_has_to_attest"


def upgrade() -> None:
    op.create_index(STATE, "attestations", ["enterprise_id", "state"])
    op.create_index(
        HAS_TO,
        "device_bindings",
        ["enterprise_id", "device_id"],
        sqlite_where=sa.text("attestation_required = 1"),
        postgresql_where=sa.text("attestation_required"),
    )


def downgrade() -> None:
    op.drop_index(HAS_TO, "device_bindings")
    op.drop_index(STATE, "attestations")
