"""Damage of an audit log can be acknowledged; the address of content is that of one device.

Devices get their configuration anew at the next start: what they hold names an address that lets
nobody in any more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

marks = sa.table("marks", sa.column("name", sa.Text), sa.column("value", sa.Text))


def upgrade() -> None:
    op.add_column(
        "audit_heads",
        sa.Column(
            "acknowledged_number", sa.BigInteger(), nullable=False, server_default=sa.text("0")
        ),
    )
    op.add_column(
        "audit_heads",
        sa.Column("acknowledged_digest", sa.Text(), nullable=False, server_default=sa.text("''")),
    )
    _render_all()


def _render_all() -> None:
    published = sa.update(marks).where(marks.c.name == "published_certificates")
    op.get_bind().execute(published.values(value=""))


def downgrade() -> None:
    """An acknowledgement is lost; heads whose seal speaks of one are told as damaged."""
    for name in ("acknowledged_digest", "acknowledged_number"):
        op.drop_column("audit_heads", name)
    _render_all()
