"""Keep how far uploads in pieces have come."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006_uploads"
down_revision = "0005_maintenance"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "uploads",
        sa.Column("file_id", sa.Uuid, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("new", JSONB, nullable=False),
        sa.Column("uploaded_by", sa.Text, nullable=False),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("length", sa.BigInteger),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("notes", JSONB, nullable=False),
        sa.Column("sha256", sa.Text),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("writer", sa.Uuid),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False, index=True),
    )
    op.create_index(
        "uploads_idempotency",
        "uploads",
        ["uploaded_by", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL AND state <> 'ended'"),
    )


def downgrade() -> None:
    op.drop_table("uploads")
