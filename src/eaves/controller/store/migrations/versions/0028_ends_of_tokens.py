"""Tokens end with the one that they were made with, sessions for good; wrong codes are counted."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

PARENT = "fk_tokens_parent_id"


def upgrade() -> None:
    with op.batch_alter_table("tokens") as table:
        table.add_column(sa.Column("parent_id", sa.Text(), nullable=True))
        table.add_column(sa.Column("ends_at", sa.BigInteger(), nullable=True))
        table.create_foreign_key(PARENT, "tokens", ["parent_id"], ["id"], ondelete="CASCADE")
    op.create_index("ix_tokens_parent_id", "tokens", ["parent_id"])
    for name, kind in (("wrong_codes", sa.Integer()), ("wrong_at", sa.BigInteger())):
        column = sa.Column(name, kind, nullable=False, server_default=sa.text("0"))
        op.add_column("second_factors", column)


def downgrade() -> None:
    with op.batch_alter_table("second_factors") as table:
        for name in ("wrong_codes", "wrong_at"):
            table.drop_column(name)
    # those that hold only as long as another one, which the release before does not know
    op.execute("DELETE FROM tokens WHERE parent_id IS NOT NULL")
    op.drop_index("ix_tokens_parent_id", "tokens")
    with op.batch_alter_table("tokens") as table:
        table.drop_constraint(PARENT, type_="foreignkey")
        for name in ("parent_id", "ends_at"):
            table.drop_column(name)
