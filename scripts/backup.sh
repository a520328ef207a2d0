#!/bin/sh
# The second half of a backup: dumps Admin's database (accounts, keys, registry, transfers, audit trail)
# into a folder and notes that the backup ended well, for the alert BackupOverdue. The first half are
# the elements' files (`python -m storage_element backup`); every other database is made from those.
#
#   backup.sh FOLDER [KEEP]       keeps the newest KEEP dumps, 14 unless told otherwise
#
# PGHOST and PGUSER say where; the password is in PGPASSWORD, or in the file $SECRETS/postgres_password.
# The dump holds signing keys sealed with KEY_ENCRYPTION_KEY: keep a copy of that one elsewhere.
set -eu
umask 077
folder=$1
keep=${2:-14}
if [ -n "${SECRETS:-}" ]; then
    PGPASSWORD=$(cat "$SECRETS/postgres_password")
    export PGPASSWORD
fi

mkdir -p "$folder"
dump=$folder/admin-$(date -u +%Y%m%dT%H%M%SZ).dump
trap 'rm -f "$dump.new"' EXIT
pg_dump --format=custom --file="$dump.new" artstore_admin
# Read once more from end to end: a dump that cannot be listed cannot be restored.
pg_restore --list "$dump.new" > /dev/null
sync "$dump.new"
mv "$dump.new" "$dump"
psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --dbname=artstore_admin \
    --command="INSERT INTO backups DEFAULT VALUES"
echo "saved $dump"

# By name is by time.
find "$folder" -name 'admin-*.dump' | sort -r | tail -n "+$((keep + 1))" | while read -r old; do
    rm -f "$old"
    echo "removed $old"
done
