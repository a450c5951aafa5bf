#!/bin/sh -eu
# Patroni runs this once for a new cluster: post_init.sh HUMAN_ROLE CONNECTION.
# It makes the roles that the operator grants and expects: see zalando/spilo, post_init.sh.
human=$1
connection=$2
export PGOPTIONS="-c synchronous_commit=local -c search_path=pg_catalog"
exec psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set human="$human" --dbname "$connection" <<'SQL'
SELECT format('CREATE ROLE %I %s', name, options)
  FROM (VALUES ('admin', 'CREATEDB'), ('cron_admin', ''), ('robot_zmon', ''), (:'human', '')) AS wanted (name, options)
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec
GRANT cron_admin TO admin;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_cron SCHEMA pg_catalog;
GRANT USAGE ON SCHEMA cron TO cron_admin;
SQL
