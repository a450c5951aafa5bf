#!/bin/sh -eu
# Patroni runs this instead of initdb: it fills --datadir from another cluster.
for argument; do
	case $argument in
	--datadir=*) data=${argument#*=} ;;
	--passfile=*) export PGPASSFILE=${argument#*=} ;;
	--host=*) export PGHOST=${argument#*=} ;;
	--port=*) export PGPORT=${argument#*=} ;;
	--user=*) export PGUSER=${argument#*=} ;;
	esac
done
exec pg_basebackup --pgdata "$data" --wal-method stream --checkpoint fast --no-password
