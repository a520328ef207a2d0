#!/bin/sh
# Secrets of an installation: taken from the environment, else from an earlier run, else invented.
#
#   scripts/generate-secrets.sh           prints lines for .env, all newly invented
#   generate-secrets.sh FOLDER            what the compose service `secrets` does: keeps the originals
#                                         in FOLDER/originals and gives each service its own
#   generate-secrets.sh FOLDER --show     prints the originals as lines for .env
#
# With ENVIRONMENT=production nothing is invented: what is missing or weak is listed, and it fails.
set -eu
umask 077

names="POSTGRES_PASSWORD ADMIN_DB_PASSWORD STORAGE_01_DB_PASSWORD STORAGE_02_DB_PASSWORD
QUERY_DB_PASSWORD REDIS_PASSWORD MINIO_ROOT_PASSWORD KEY_ENCRYPTION_KEY INITIAL_CLIENT_SECRET
STORAGE_01_CLIENT_SECRET STORAGE_02_CLIENT_SECRET INGESTER_CLIENT_SECRET QUERY_CLIENT_SECRET
GRAFANA_ADMIN_PASSWORD PGADMIN_DEFAULT_PASSWORD"

invented() { # 32 random bytes in URL-safe base64: a Fernet key, and a good password
    made=-
    # None that begins like an option: a command line might take it for one.
    while [ "${made#-}" != "$made" ]; do
        made=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n')
    done
    printf %s "$made"
}

weakness() { # the same as Admin's: too short, too regular, or known to everybody
    if [ "${#1}" -lt 24 ]; then
        echo "is shorter than 24 characters"
    elif [ "$(printf %s "$1" | fold -w 1 | sort -u | wc -l)" -lt 8 ]; then
        echo "has too few different characters"
    else
        case $(printf %s "$1" | tr '[:upper:]' '[:lower:]') in
            *change* | *default* | *example* | *password* | *replace* | *secret* | *your-* | *12345*)
                echo "looks like a default or an example" ;;
        esac
    fi
}

if [ $# -eq 0 ]; then
    for name in $names; do echo "$name=$(invented)"; done
    exit 0
fi

folder=$1
originals=$folder/originals

if [ "${2:-}" = --show ]; then
    for name in $names; do echo "$name=$(cat "$originals/$name")"; done
    exit 0
fi

if [ "${ENVIRONMENT:-}" = production ]; then
    faults=
    for name in $names; do
        eval "value=\${$name:-}"
        if [ -z "$value" ]; then
            faults="$faults  $name is not set
"
        elif fault=$(weakness "$value") && [ -n "$fault" ]; then
            faults="$faults  $name $fault
"
        fi
    done
    if [ -n "$faults" ]; then
        printf 'ENVIRONMENT=production wants strong secrets in .env:\n%s' "$faults" >&2
        echo "scripts/generate-secrets.sh prints new ones." >&2
        exit 1
    fi
fi

# write FILE VALUE: all of it or nothing, and only if it differs. The service that mounts the folder
# reads it, whatever its user; nobody else can reach it.
write() {
    if [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; then return; fi
    printf %s "$2" > "$1.new"
    printf '\n' >> "$1.new"
    chmod 444 "$1.new"
    mv "$1.new" "$1"
}

for name in $names; do
    eval "value=\${$name:-}"
    if [ -z "$value" ] && [ -s "$originals/$name" ]; then continue; fi
    write "$originals/$name" "${value:-$(invented)}"
done

value() { cat "$originals/$1"; }

give() { # give SERVICE FILE VALUE
    chmod 755 "$folder/$1"
    write "$folder/$1/$2" "$3"
}

give postgres postgres_password "$(value POSTGRES_PASSWORD)"
give redis redis_password "$(value REDIS_PASSWORD)"
give minio minio_root_password "$(value MINIO_ROOT_PASSWORD)"
give grafana grafana_admin_password "$(value GRAFANA_ADMIN_PASSWORD)"
give pgadmin pgadmin_default_password "$(value PGADMIN_DEFAULT_PASSWORD)"

access_key=${STORAGE_S3_ACCESS_KEY:-${MINIO_ROOT_USER:-artstore}}
secret_key=${STORAGE_S3_SECRET_KEY:-$(value MINIO_ROOT_PASSWORD)}
for service in minio storage-element-01 storage-element-02; do
    give $service storage_s3_access_key "$access_key"
    give $service storage_s3_secret_key "$secret_key"
done

for pair in admin-module:ADMIN storage-element-01:STORAGE_01 storage-element-02:STORAGE_02 \
    query-module:QUERY; do
    name=${pair#*:}_DB_PASSWORD
    give "${pair%:*}" db_password "$(value "$name")"
    give postgres "$(echo "$name" | tr '[:upper:]' '[:lower:]')" "$(value "$name")"
done

accounts=
for triple in se-01:storage-element-01:STORAGE_01 se-02:storage-element-02:STORAGE_02 \
    ingester:ingester-module:INGESTER query:query-module:QUERY; do
    client=${triple%%:*}
    service=${triple#*:}
    secret=$(value "${triple##*:}_CLIENT_SECRET")
    give "${service%:*}" module_client_secret "$secret"
    accounts="${accounts:+$accounts,}$client:$secret"
done
give admin-module module_accounts "$accounts${MODULE_ACCOUNTS:+,$MODULE_ACCOUNTS}"
give admin-module key_encryption_key "$(value KEY_ENCRYPTION_KEY)"
give admin-module initial_client_secret "$(value INITIAL_CLIENT_SECRET)"

for service in admin-module storage-element-01 storage-element-02 ingester-module query-module; do
    give $service redis_password "$(value REDIS_PASSWORD)"
done
