"""Find by its id what was deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0002_deleted_files"
down_revision = "0001"


def upgrade() -> None:
    op.create_index(
        "changes_deleted", "changes", ["file_id"], postgresql_where=sa.text("action = 'deleted'")
    )


def downgrade() -> None:
    op.drop_index("changes_deleted", "changes")
