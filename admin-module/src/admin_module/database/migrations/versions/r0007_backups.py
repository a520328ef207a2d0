"""When backups ended well; `scripts/backup.sh` notes it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "backups",
        sa.Column(
            "finished_at",
            sa.DateTime(timezone=True),
            primary_key=True,
            server_default=sa.func.now(),
        ),
    )


def downgrade() -> None:
    op.drop_table("backups")
