#!/bin/sh
# Creates a role and a database for each service that keeps one, with the extensions of its full-text
# search. May run at any time: what is there stays, passwords are set anew.
#
# PGHOST and PGUSER say where, SECRETS is the folder with the passwords.
set -eu
cd "$SECRETS"
PGPASSWORD=$(cat postgres_password)
export PGPASSWORD

# One at a time, also when two start at once: the lock ends with the session.
psql --quiet --no-psqlrc --dbname=postgres --set=ON_ERROR_STOP=1 > /dev/null << 'SQL'
SELECT pg_advisory_lock(7267002);

CREATE TEMPORARY TABLE wanted (name text, password text);
\set password `cat admin_db_password`
INSERT INTO wanted VALUES ('artstore_admin', :'password');
\set password `cat storage_01_db_password`
INSERT INTO wanted VALUES ('artstore_storage_01', :'password');
\set password `cat storage_02_db_password`
INSERT INTO wanted VALUES ('artstore_storage_02', :'password');
\set password `cat query_db_password`
INSERT INTO wanted VALUES ('artstore_query', :'password');

SELECT format('CREATE ROLE %I LOGIN', name) FROM wanted
WHERE name NOT IN (SELECT rolname FROM pg_roles) \gexec
SELECT format('ALTER ROLE %I PASSWORD %L', name, password) FROM wanted \gexec
SELECT format('CREATE DATABASE %I OWNER %I', name, name) FROM wanted
WHERE name NOT IN (SELECT datname FROM pg_database) \gexec
-- A service reaches its own database only.
SELECT format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', name) FROM wanted \gexec

\connect artstore_query
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;
SQL
echo "databases are ready"
