"""Claims say whether attestation is enforced; marks are facts that every controller shares."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "onboarding_claims",
        sa.Column(
            "attestation_required", sa.Boolean(), nullable=False, server_default=sa.text("false")
        ),
    )
    # a claim whose device has registered knows what its binding knows; others learn it with the
    # next write of their device or project
    op.execute(
        sa.text(
            "UPDATE onboarding_claims SET attestation_required = true WHERE device_id IN "
            "(SELECT device_id FROM device_bindings WHERE attestation_required)"
        )
    )
    op.create_table(
        "marks",
        sa.Column("name", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("value", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_marks"),
    )


def downgrade() -> None:
    op.drop_table("marks")
    with op.batch_alter_table("onboarding_claims") as table:
        table.drop_column("attestation_required")
