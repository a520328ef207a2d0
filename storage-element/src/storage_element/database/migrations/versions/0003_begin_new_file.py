"""Record the intent to store a new file in one journey to the database."""

from alembic import op

revision = "0003_begin_new_file"
down_revision = "0002_deleted_files"

# Each statement of a function in PL/pgSQL sees what was committed before it began. The insert waits
# for a writer of the same file or key; the look at `files` then sees what that writer committed.
BEGIN_NEW_FILE = """
CREATE FUNCTION begin_new_file(
    new_id uuid, new_operation text, new_place text, new_uploaded_by text, new_key text,
    new_owner uuid, lease interval, OUT begun boolean, OUT stored jsonb
) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO journal
        (file_id, operation, place, uploaded_by, idempotency_key, owner, lease_until)
    VALUES
        (new_id, new_operation, new_place, new_uploaded_by, new_key, new_owner, now() + lease)
    ON CONFLICT DO NOTHING;
    begun := FOUND;
    SELECT attributes INTO stored FROM files WHERE file_id = new_id
    UNION ALL
    SELECT attributes FROM files WHERE uploaded_by = new_uploaded_by AND idempotency_key = new_key
    LIMIT 1;
    IF begun AND stored IS NOT NULL THEN
        DELETE FROM journal WHERE file_id = new_id;
        begun := false;
    END IF;
END
$$
"""


def upgrade() -> None:
    op.execute(BEGIN_NEW_FILE)


def downgrade() -> None:
    op.execute("DROP FUNCTION begin_new_file")
