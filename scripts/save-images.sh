#!/bin/sh
# For machines without a registry: every image of the whole stack in one file.
#
#   scripts/save-images.sh save artstore-images.tar    builds or pulls what is missing, then writes
#   scripts/save-images.sh load artstore-images.tar    on the other machine, then `up` as everywhere
#
# COMPOSE_PROFILES chooses what beyond the default is taken along; unset: multi-storage.
set -eu
usage() { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# -eq 2 ] || usage
file=$2
export COMPOSE_PROFILES="${COMPOSE_PROFILES-multi-storage}"
compose() { docker compose --file "$(dirname "$0")/../docker-compose.full.yml" "$@"; }

case $1 in
    save)
        compose build --quiet
        images=$(compose config --images | sort -u)
        for image in $images; do
            docker image inspect "$image" > /dev/null 2>&1 || docker pull --quiet "$image"
        done
        # Either the whole file or none.
        trap 'rm -f "$file.part"' EXIT
        # shellcheck disable=SC2086 # names of images have no spaces
        docker save --output "$file.part" $images
        mv "$file.part" "$file"
        printf '%s\n' $images
        ;;
    load)
        docker load --quiet --input "$file"
        ;;
    *) usage ;;
esac
