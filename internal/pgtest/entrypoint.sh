#!/bin/sh
# The official image's contract, as far as servers for tests need it: the first
# start makes the cluster from POSTGRES_USER, POSTGRES_PASSWORD and
# POSTGRES_INITDB_ARGS; arguments that begin with a dash are the server's.
set -e
case "$1" in -*) set -- postgres "$@" ;; esac
if test "$1" = postgres && ! test -s "$PGDATA/PG_VERSION"; then
    test -n "$POSTGRES_PASSWORD" || { echo "Error: Database is uninitialized and superuser password is not specified." >&2; exit 1; }
    umask 077
    echo "$POSTGRES_PASSWORD" > /tmp/pwfile
    # shellcheck disable=SC2086 # the arguments are words
    initdb -D "$PGDATA" --username="${POSTGRES_USER:-postgres}" --pwfile=/tmp/pwfile --no-sync $POSTGRES_INITDB_ARGS
    : > /tmp/pwfile
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
    if test "${POSTGRES_DB:-postgres}" != postgres; then
        echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$PGDATA" postgres > /dev/null
    fi
fi
export PGDATA
exec "$@"
