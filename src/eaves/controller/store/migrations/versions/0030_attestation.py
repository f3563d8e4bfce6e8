"""What devices measured: the last genuine quote, who is blocked, certificates that may change."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

EMPTY, NO = sa.text("''"), sa.text("false")
BYTES = ("event_log", "counted_by", "refused_certificate")
FLAGS = ("had_tpm", "certificates_open")
TEXTS = ("versions", "pcrs", "counters", "template", "differences", "blocked")


def _flag(name: str) -> "sa.Column[bool]":
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=NO)


def upgrade() -> None:
    op.add_column("attestations", sa.Column("quoted_at", sa.BigInteger(), nullable=True))
    for name in TEXTS:
        empty = sa.Column(name, sa.Text(), nullable=False, server_default=EMPTY)
        op.add_column("attestations", empty)
    for name in BYTES:
        op.add_column("attestations", sa.Column(name, sa.LargeBinary(), nullable=True))
    for name in FLAGS:
        op.add_column("attestations", _flag(name))
    op.add_column("device_certificates", _flag("mutable"))


def downgrade() -> None:
    op.drop_column("device_certificates", "mutable")
    for name in (*FLAGS, *BYTES, *TEXTS, "quoted_at"):
        op.drop_column("attestations", name)
