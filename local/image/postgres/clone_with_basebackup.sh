#!/bin/sh -eu
# Patroni runs this instead of initdb: it fills --datadir from another cluster.
for argument; do
	case $argument in
	--datadir=*) data=${argument#*=} ;;
	--passfile=*) export PGPASSFILE=${argument#*=} ;;
	--host=*) export PGHOST=${argument#*=} ;;
	--port=*) export PGPORT=${argument#*=} ;;
	--user=*) export PGUSER=${argument#*=} ;;
	--superuser=*) superuser=${argument#*=} ;;
	esac
done
pg_basebackup --pgdata "$data" --wal-method stream --checkpoint fast --no-password
unset PGPASSFILE PGHOST PGPORT PGUSER

# The source may be of an older version.
version=$(postgres --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
exec python3 /scripts/upgrade_data.py "$data" "$superuser" "$version"
