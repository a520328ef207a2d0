#!/bin/sh
# Puts Admin's database back from a dump that backup.sh made. Stop Admin before, start it afterwards.
#
#   restore.sh FOLDER             from the newest dump in it
#   restore.sh FOLDER/admin-...   from this one
#
# The database and its role must be there (init-databases.sh makes them); what it holds is replaced, all
# of it or nothing. PGHOST, PGUSER and the password are those of backup.sh.
set -eu
dump=$1
if [ -d "$dump" ]; then
    dump=$(find "$1" -name 'admin-*.dump' | sort | tail -n 1)
    [ -n "$dump" ] || { echo "$1 holds no admin-*.dump" >&2; exit 1; }
fi
if [ -n "${SECRETS:-}" ]; then
    PGPASSWORD=$(cat "$SECRETS/postgres_password")
    export PGPASSWORD
fi
if [ "$(psql --no-psqlrc --tuples-only --no-align --dbname=artstore_admin --command="
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = 'artstore_admin' AND usename = 'artstore_admin'")" != 0 ]; then
    echo "Admin is connected to its database: stop it first" >&2
    exit 1
fi
pg_restore --dbname=artstore_admin --clean --if-exists --exit-on-error --single-transaction "$dump"
echo "restored $dump"
