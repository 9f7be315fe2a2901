#!/bin/sh
# What the official image does with POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB: a cluster at the first start, then the server.
set -eu
[ "${1:-postgres}" = postgres ] || exec "$@"
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" && chown postgres:postgres "$PGDATA" && chmod 700 "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    : "${POSTGRES_PASSWORD:?is not set: the superuser needs a password}"
    user="${POSTGRES_USER:-postgres}"
    words="$(mktemp)"
    printf '%s\n' "$POSTGRES_PASSWORD" >"$words"
    initdb --username="$user" --pwfile="$words" --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8
    rm "$words"
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    if [ "${POSTGRES_DB:=$user}" != postgres ]; then
        # The package has no psql: the single-user mode, one statement a line.
        printf 'CREATE DATABASE "%s"\n' "$(printf %s "$POSTGRES_DB" | sed 's/"/""/g')" | postgres --single -D "$PGDATA" postgres
    fi
fi
unset POSTGRES_PASSWORD
shift $(($# > 0 ? 1 : 0))
exec postgres -c listen_addresses='*' "$@"
