"""The element, its files, journal and change feed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "element",
        sa.Column("only_row", sa.Boolean, sa.CheckConstraint("only_row"), primary_key=True),
        sa.Column("feed_id", sa.Uuid, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("head", sa.BigInteger, nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "files",
        sa.Column("file_id", sa.Uuid, primary_key=True),
        sa.Column("place", sa.Text, nullable=False, unique=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("uploaded_by", sa.Text, nullable=False),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("attributes", JSONB, nullable=False),
    )
    op.create_table(
        "journal",
        sa.Column("file_id", sa.Uuid, primary_key=True),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("uploaded_by", sa.Text, nullable=False),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("owner", sa.Uuid, nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column(
            "begun_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
    )
    for table in ("files", "journal"):
        op.create_index(
            f"{table}_idempotency",
            table,
            ["uploaded_by", "idempotency_key"],
            unique=True,
            postgresql_where=sa.text("idempotency_key IS NOT NULL"),
        )
    op.create_table(
        "changes",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("file_id", sa.Uuid, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column(
            "committed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
    )


def downgrade() -> None:
    for table in ("changes", "journal", "files", "element"):
        op.drop_table(table)
