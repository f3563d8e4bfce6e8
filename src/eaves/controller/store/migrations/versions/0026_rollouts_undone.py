"""Roll-outs: what was written to each object, who undoes it, and who waits where."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

BEFORE = "ix_rollout_objects_standing"
WAITING = "ix_rollout_objects_waiting"
ENDED = "ix_rollouts_ended_at"
OF_OBJECT = ["enterprise_id", "rollout_id", "standing", "wave"]
NAMES = ("undo_user_id", "undo_user_name")


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''"))


def upgrade() -> None:
    for name in NAMES:
        op.add_column("rollouts", _text(name))
    op.create_index(ENDED, "rollouts", ["ended_at"])
    op.add_column("rollout_objects", _text("made"))
    op.drop_index(BEFORE, table_name="rollout_objects")
    op.create_index(WAITING, "rollout_objects", [*OF_OBJECT, "grp", "zone", "object_id"])


def downgrade() -> None:
    """What the release before does not know becomes what is nearest: an undo begins anew."""
    op.execute("UPDATE rollouts SET phase = 'ABORTED' WHERE phase = 'UNDO_HELD'")
    op.execute("UPDATE rollout_objects SET standing = 'FAILED' WHERE standing = 'UNDOING'")
    op.execute("UPDATE rollout_objects SET standing = 'UNDONE' WHERE standing = 'NOT_UNDONE'")
    op.drop_index(WAITING, table_name="rollout_objects")
    op.create_index(BEFORE, "rollout_objects", [*OF_OBJECT, "object_id"])
    op.drop_column("rollout_objects", "made")
    op.drop_index(ENDED, table_name="rollouts")
    for name in reversed(NAMES):
        op.drop_column("rollouts", name)
