"""Remember when each file was verified, what is damaged, and how far maintenance has come."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005_maintenance"
down_revision = "0004_upload_id"


def upgrade() -> None:
    # Places are compared with listings, which are in the order of bytes whatever the locale.
    op.alter_column("files", "place", type_=sa.Text(collation="C"))
    now = sa.func.now()
    moment = sa.DateTime(timezone=True)
    op.add_column("files", sa.Column("verified_at", moment, nullable=False, server_default=now))
    op.add_column("files", sa.Column("damage", sa.Text))
    op.create_index("files_verified", "files", ["verified_at"])
    op.create_index(
        "files_damaged", "files", ["file_id"], postgresql_where=sa.text("damage IS NOT NULL")
    )
    ends = sa.text("(attributes #>> '{retention,expires_at}')")
    op.create_index(
        "files_expiry",
        "files",
        [ends, "file_id"],
        postgresql_where=sa.text("attributes #>> '{retention,expires_at}' IS NOT NULL"),
    )
    # Every database there is so far knows all of its store.
    op.add_column(
        "element", sa.Column("complete", sa.Boolean, nullable=False, server_default=sa.true())
    )
    op.create_table(
        "maintenance",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("dry_run", sa.Boolean, nullable=False),
        sa.Column("scheduled", sa.Boolean, nullable=False),
        sa.Column("position", sa.Text, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger),
        sa.Column("counts", JSONB, nullable=False),
        sa.Column("findings", JSONB, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("token", sa.Uuid, nullable=False),
        sa.Column("lease_until", moment, nullable=False),
        sa.Column("started_at", moment, nullable=False, server_default=now),
        sa.Column("updated_at", moment, nullable=False, server_default=now),
        sa.Column("finished_at", moment),
    )


def downgrade() -> None:
    op.drop_table("maintenance")
    op.drop_column("element", "complete")
    for index in ("files_expiry", "files_damaged", "files_verified"):
        op.drop_index(index, "files")
    op.drop_column("files", "damage")
    op.drop_column("files", "verified_at")
    op.alter_column("files", "place", type_=sa.Text)
