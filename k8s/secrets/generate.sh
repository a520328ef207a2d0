#!/bin/sh
# Prints secrets.yaml.example with a random value in place of each @NAME@ (the same for the same name).
set -eu
example=$(dirname "$0")/secrets.yaml.example
program=$(mktemp)
trap 'rm -f "$program"' EXIT
grep -o '@[A-Z0-9_]*@' "$example" | grep -v '@NAME@' | sort -u | while read -r name; do
    # 32 random bytes in URL-safe base64: a Fernet key, and a good password; none that begins like an
    # option, which a command line might take it for.
    value=-
    while [ "${value#-}" != "$value" ]; do
        value=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n')
    done
    echo "s|$name|$value|g"
done > "$program"
sed -f "$program" "$example"
