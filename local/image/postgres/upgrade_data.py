#!/usr/bin/env python3
"""Bring a data directory to another major version with pg_upgrade.

As a program: upgrade_data.py DATADIR SUPERUSER VERSION upgrades data that no
server uses, such as a base backup just taken from an older cluster. As a
module it serves inplace_upgrade.py.

Files are copied, not linked: until the new directory takes the old one's
place, the old one is as it was.
"""
import glob
import os
import shutil
import subprocess
import sys

import psycopg2

SOCKET = '/var/run/postgresql'


def say(message):
    print('upgrade: ' + message, flush=True)


def version_of(data):
    with open(os.path.join(data, 'PG_VERSION')) as file:
        return file.read().strip()


def program(version, name):
    return os.path.join('/usr/lib/postgresql', version, 'bin', name)


def run(*command, cwd=None):
    """Run a command; its output belongs to ours, errors included."""
    say('running ' + ' '.join(command))
    subprocess.run(command, check=True, cwd=cwd, stderr=subprocess.STDOUT)


def connect(user, database='postgres', host=SOCKET, **more):
    connection = psycopg2.connect(host=host, user=user, dbname=database, **more)
    connection.autocommit = True
    return connection


def one(connection, query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


def prepare(data, user, new):
    """Make an empty directory of the new version that fits the running server.

    Returns its path and the libraries that both servers must load."""
    target = data + '_new'
    shutil.rmtree(target, ignore_errors=True)
    with connect(user) as connection:
        checksums = one(connection, 'SHOW data_checksums') == 'on'
        libraries = one(connection, 'SHOW shared_preload_libraries')
        encoding = one(connection, 'SHOW server_encoding')
        locale = one(connection, "SELECT datcollate FROM pg_database WHERE datname = 'template0'")
        segment = one(connection, "SELECT setting::bigint / 1048576 FROM pg_settings WHERE name = 'wal_segment_size'")
    connection.close()
    run(program(new, 'initdb'), '--pgdata', target, '--username', user, '--encoding', encoding, '--locale', locale,
        '--wal-segsize', str(segment), '--auth-local', 'trust', '--auth-host', 'scram-sha-256',
        '--data-checksums' if checksums else '--no-data-checksums')
    return target, libraries


def pg_upgrade(data, target, user, libraries, *more):
    old, new = version_of(data), version_of(target)
    work = data + '_upgrade'  # takes scripts that pg_upgrade leaves
    os.makedirs(work, exist_ok=True)
    try:
        run(program(new, 'pg_upgrade'), '--old-bindir', os.path.dirname(program(old, '')),
            '--new-bindir', os.path.dirname(program(new, '')), '--old-datadir', data, '--new-datadir', target,
            '--username', user, '--jobs', str(os.cpu_count()), '--old-options', '-c archive_mode=off',
            '--new-options', '-c archive_mode=off -c shared_preload_libraries=' + libraries.replace(' ', ''),
            *more, cwd=work)
    except subprocess.CalledProcessError:
        explain(os.path.join(target, 'pg_upgrade_output.d'))
        raise
    finally:
        shutil.rmtree(work)


def explain(output):
    """Show what pg_upgrade found: its reports, and the end of the logs that hold no passwords."""
    for path in sorted(glob.glob(os.path.join(output, '*', '*.txt')) + glob.glob(os.path.join(output, '*', 'log', 'pg_upgrade_dump_*.log'))):
        with open(path, errors='replace') as file:
            lines = file.read().splitlines()
        if lines:
            say('%s:\n%s' % (os.path.basename(path), '\n'.join(lines if path.endswith('.txt') else lines[-20:])))


def switch(data, target):
    """Let the new directory take the old one's place; returns where the old one is."""
    settings = os.path.join(data, 'postgresql.auto.conf')  # of ALTER SYSTEM
    if os.path.exists(settings):
        shutil.copy(settings, target)
    kept = data + '_old'
    shutil.rmtree(kept, ignore_errors=True)
    os.rename(data, kept)
    os.rename(target, data)
    return kept


def databases(user):
    with connect(user) as connection, connection.cursor() as cursor:
        cursor.execute('SELECT datname FROM pg_database WHERE datallowconn')
        names = [row[0] for row in cursor.fetchall()]
    connection.close()
    return names


def drop_foreign_options(user):
    """Debian's 17.12 notes pg_attver on every column, which its dumps repeat and other versions refuse."""
    for database in databases(user):
        connection = connect(user, database)
        with connection.cursor() as cursor:
            cursor.execute("""UPDATE pg_attribute
                                 SET attoptions = nullif(ARRAY(SELECT o FROM unnest(attoptions) o WHERE o NOT LIKE 'pg_attver=%'), '{}')
                               WHERE array_to_string(attoptions, ' ') LIKE '%pg_attver=%'""")
        connection.close()


def update_extensions(user):
    """Bring extensions to the versions of the new binaries; failures are told, not fatal."""
    for database in databases(user):
        connection = connect(user, database)
        with connection.cursor() as cursor:
            cursor.execute('SELECT quote_ident(name) FROM pg_available_extensions WHERE installed_version <> default_version')
            for (name,) in cursor.fetchall():
                try:
                    cursor.execute('ALTER EXTENSION ' + name + ' UPDATE')
                    say('database %s: updated extension %s' % (database, name))
                except psycopg2.Error as error:
                    say('database %s: extension %s stays as it is: %s' % (database, name, error))
        connection.close()


def upgrade_unused(data, user, new):
    old = version_of(data)
    if int(old) >= int(new):
        say('data is of version %s, nothing to do for %s' % (old, new))
        return
    # The old server completes the recovery of the backup; nobody else may come in.
    run(program(old, 'pg_ctl'), 'start', '--wait', '--timeout', '86400', '--pgdata', data, '--options',
        "-c listen_addresses='' -c unix_socket_directories=%s -c ssl=off -c archive_mode=off -c logging_collector=off" % SOCKET)
    try:
        target, libraries = prepare(data, user, new)
        drop_foreign_options(user)
    finally:
        run(program(old, 'pg_ctl'), 'stop', '--wait', '--timeout', '86400', '--mode', 'fast', '--pgdata', data)
    pg_upgrade(data, target, user, libraries)
    shutil.rmtree(switch(data, target))


if __name__ == '__main__':
    upgrade_unused(*sys.argv[1:4])
