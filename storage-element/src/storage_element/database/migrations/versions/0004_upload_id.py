"""Remember the id under which a bucket keeps an upload in parts."""

import sqlalchemy as sa
from alembic import op

revision = "0004_upload_id"
down_revision = "0003_begin_new_file"


def upgrade() -> None:
    op.add_column("journal", sa.Column("upload_id", sa.Text))


def downgrade() -> None:
    op.drop_column("journal", "upload_id")
