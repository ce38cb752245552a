#!/bin/bash
# Starts PostgreSQL as the official image does, for as much as docker-compose.yml uses of it: PGDATA, POSTGRES_USER,
# POSTGRES_PASSWORD (or POSTGRES_PASSWORD_FILE), POSTGRES_DB, and /docker-entrypoint-initdb.d at the first start.
set -euo pipefail

run_file() {
    case "$1" in
    *.sh)
        if [ -x "$1" ]; then
            "$1"
        else
            # shellcheck disable=SC1090 # the deployment's own files
            . "$1"
        fi
        ;;
    *.sql) psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --file "$1" ;;
    esac
}

initialise() {
    : "${POSTGRES_USER:=postgres}"
    : "${POSTGRES_DB:=$POSTGRES_USER}"
    if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
        POSTGRES_PASSWORD=$(<"$POSTGRES_PASSWORD_FILE")
    fi
    if [ -z "${POSTGRES_PASSWORD:-}" ]; then
        echo "No password for $POSTGRES_USER: set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE." >&2
        exit 1
    fi
    export POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB
    # Scripts below come by the socket inside the container; everything else gives a password.
    initdb --username "$POSTGRES_USER" --pwfile <(printf '%s\n' "$POSTGRES_PASSWORD") \
        --auth-local trust --auth-host scram-sha-256 --encoding UTF8
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl --wait --options "-c listen_addresses=''" start
    if [ "$POSTGRES_DB" != postgres ]; then
        createdb --username "$POSTGRES_USER" --maintenance-db postgres "$POSTGRES_DB"
    fi
    for file in /docker-entrypoint-initdb.d/*; do
        run_file "$file"
    done
    pg_ctl --wait --mode fast stop
}

if [ "${1:-}" != postgres ]; then
    exec "$@"
fi
mkdir -p "$PGDATA"
if [ "$(id -u)" = 0 ]; then
    chown -R postgres: "$PGDATA" /var/run/postgresql
    exec setpriv --reuid postgres --regid postgres --clear-groups "${BASH_SOURCE[0]}" "$@"
fi
chmod 700 "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initialise
fi
exec "$@"
