"""How often files are read."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table("file_statistics", sa.Column("file_id", sa.Uuid, primary_key=True), *_counts())
    op.create_table(
        "total_statistics",
        sa.Column("only_row", sa.Boolean, sa.CheckConstraint("only_row"), primary_key=True),
        *_counts(),
    )


def _counts() -> list[sa.Column[object]]:
    return [
        sa.Column("downloads", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("last_read", sa.DateTime(timezone=True)),
    ]


def downgrade() -> None:
    op.drop_table("total_statistics")
    op.drop_table("file_statistics")
