#!/usr/bin/env python3
"""Upgrade a running cluster in place to the version that PGVERSION asks for.

inplace_upgrade.py MEMBERS runs as postgres in the primary's pod, where MEMBERS
is how many pods the cluster has. The interface is that of zalando/spilo, which
operators call; exit code 0 means that all members run the new version.

 1. check that all members are there and replicas keep up; try pg_upgrade --check
 2. pause Patroni everywhere, stop the primary, upgrade a copy of its data
 3. tell the members of the new data (Patroni's initialize key), start the primary
 4. let every replica drop its data and fetch it anew; resume; update statistics

Up to the switch in step 3 a failure leaves the old data untouched, and the
cluster resumes with it. On a replica the script calls itself as
inplace_upgrade.py rebuild VERSION, see rebuild_replicas.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
import psycopg2
from patroni.config import Config
from patroni.dcs import get_dcs

from upgrade_data import connect, drop_foreign_options, pg_upgrade, prepare, program, run, say, switch, update_extensions, version_of

CONFIG_FILE = '/run/postgres.yml'
BIN_LINK = '/run/postgresql-bin'
MAX_LAG = 16 * 1024 * 1024  # bytes


class Stop(Exception):
    """A reason not to go on."""


def load_config():
    with open(CONFIG_FILE) as file:
        return json.load(file)


def wanted_version():
    own = json.loads(os.environ.get('SPILO_CONFIGURATION') or '{}')
    directory = own.get('postgresql', {}).get('bin_dir', '')
    return directory.split('/')[-2] if directory else os.environ.get('PGVERSION', '')


def set_version(version):
    """Make Patroni, once started again, and the shell use other binaries."""
    config = load_config()
    config['postgresql']['bin_dir'] = os.path.dirname(program(version, ''))
    with open(CONFIG_FILE, 'w') as file:
        json.dump(config, file, indent=2)
    os.remove(BIN_LINK)
    os.symlink(config['postgresql']['bin_dir'], BIN_LINK)


def kill_patroni():
    """The entry point starts it again, with the configuration as it is then."""
    for process in psutil.process_iter(['cmdline']):
        command = process.info['cmdline'] or []
        if len(command) > 1 and command[1].endswith('/patroni'):
            process.send_signal(signal.SIGKILL)


def call(url, method='GET', body=None):
    """Call Patroni's REST API; the answer, or None when there is none."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            content = response.read()
    except urllib.error.HTTPError as error:
        content = error.read()
        if method != 'GET':
            say('%s %s: %s %s' % (method, url, error.code, content.decode()))
            return None
    except OSError:
        return None
    try:
        return json.loads(content)
    except ValueError:
        return content.decode()


def wait(what, seconds, condition):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.5)
    raise Stop('%s: not after %d seconds' % (what, seconds))


class Upgrade:
    def __init__(self, count):
        config = load_config()
        self.count = count
        self.name = config['name']
        self.data = config['postgresql']['data_dir']
        self.user = config['postgresql']['authentication']['superuser']['username']
        self.password = config['postgresql']['authentication']['superuser']['password']
        self.url = 'http://' + config['restapi']['connect_address']
        self.old, self.new = version_of(self.data), wanted_version()

    def members(self):
        return (call(self.url + '/cluster') or {}).get('members', [])

    def check(self):
        """Only a complete and healthy cluster is worth the risk."""
        if not os.path.exists(program(self.new, 'pg_upgrade')):
            raise Stop('version %r is not in this image' % self.new)
        own = call(self.url + '/patroni') or {}
        if own.get('role') not in ('primary', 'master') or own.get('state') != 'running':
            raise Stop('this member is not a running primary')
        if own.get('pause'):
            raise Stop('Patroni is paused')
        members = self.members()
        if len(members) != self.count:
            raise Stop('found %d members, expected %d' % (len(members), self.count))
        for member in members:
            if member['name'] == self.name:
                continue
            if member['state'] != 'streaming':
                raise Stop('member %s is %s, not streaming' % (member['name'], member['state']))
            lag = member.get('lag', 0)
            if not isinstance(lag, int) or lag > MAX_LAG:
                raise Stop('member %s lags %s bytes behind' % (member['name'], lag))
        self.replicas = [member for member in members if member['name'] != self.name]

    def pause(self, paused):
        def done():
            states = [call('http://%s:%s/patroni' % (m['host'], self.url.rsplit(':', 1)[1])) for m in self.members()]
            return all(state and bool(state.get('pause')) == paused for state in states)
        if call(self.url + '/config', 'PATCH', {'pause': paused or None}) is None:
            raise Stop('cannot change the pause of Patroni')
        if paused:
            wait('pause Patroni on all members', 60, done)

    def start(self):
        """Start Postgres while Patroni is paused."""
        wait('answer of Patroni', 60, lambda: call(self.url + '/patroni'))
        wait('start of the primary', 120, lambda: call(self.url + '/restart', 'POST', {}) is not None)
        wait('primary', 60, lambda: (call(self.url + '/patroni') or {}).get('role') in ('primary', 'master'))

    def announce(self):
        """Patroni refuses data of another system than the initialize key says."""
        controldata = subprocess.run([program(self.new, 'pg_controldata'), self.data],
                                     check=True, capture_output=True, text=True, env={'LC_ALL': 'C'}).stdout
        system = next(line.split(':')[1].strip() for line in controldata.splitlines() if 'system identifier' in line)
        config = Config(CONFIG_FILE)
        dcs = get_dcs({**config.copy(), 'patronictl': True})
        for _ in range(20):
            cluster = dcs.get_cluster()
            if cluster.initialize == system:
                return
            dcs.cancel_initialization() if cluster.initialize else dcs.initialize(create_new=False, sysid=system)
        raise Stop('cannot write the new system identifier')

    def rebuild_replicas(self, connections):
        """There is no other way into the replicas' pods than a superuser's connection."""
        for name, connection in connections.items():
            say('member %s: fetching the data anew' % name)
            try:
                with connection.cursor() as cursor:
                    cursor.execute("COPY (SELECT 1) TO PROGRAM '%s %s rebuild %s >/dev/null 2>&1'"
                                   % (sys.executable, os.path.abspath(__file__), self.new))
                connection.close()
            except psycopg2.Error as error:
                say('member %s: %s' % (name, error))  # run ends with an error, for it will not stream

    def run(self):
        if self.new and int(self.old) >= int(self.new):
            say('data is of version %s, PGVERSION asks for %s: an upgrade is not required' % (self.old, self.new))
            return
        self.check()
        say('upgrading %d members from %s to %s' % (self.count, self.old, self.new))
        target, libraries = prepare(self.data, self.user, self.new)
        try:
            pg_upgrade(self.data, target, self.user, libraries, '--check')
            connections = {m['name']: connect(self.user, host=m['host'], port=m['port'], password=self.password) for m in self.replicas}
            self.exchange(target, libraries)
        except Exception:
            shutil.rmtree(target, ignore_errors=True)
            raise
        try:
            self.start()
            self.rebuild_replicas(connections)
        finally:
            self.pause(False)
        say('downtime of the primary: %.1f s' % (time.monotonic() - self.stopped))
        wait('replicas that stream', 600, self.complete)
        run(program(self.new, 'vacuumdb'), '--all', '--analyze-only', '--quiet', '--username', self.user)
        update_extensions(self.user)
        shutil.rmtree(self.data + '_old')
        say('all %d members run version %s' % (self.count, self.new))

    def exchange(self, target, libraries):
        """Upgrade a copy of the stopped primary and put it in place."""
        try:
            self.pause(True)
            drop_foreign_options(self.user)
            self.stopped = time.monotonic()
            run(program(self.old, 'pg_ctl'), 'stop', '--wait', '--timeout', '600', '--mode', 'fast', '--pgdata', self.data)
            pg_upgrade(self.data, target, self.user, libraries)
        except Exception:
            say('the upgrade failed, resuming with version ' + self.old)
            self.start()
            self.pause(False)
            raise
        switch(self.data, target)
        set_version(self.new)
        self.announce()
        kill_patroni()

    def complete(self):
        states = [member['state'] for member in self.members() if member['role'] != 'leader']
        return len(states) == self.count - 1 and all(state == 'streaming' for state in states)


def rebuild(version):
    """On a replica: drop the data. Patroni then fetches it from the primary."""
    backend = psutil.Process()
    while not backend.cmdline()[0].startswith('postgres:'):
        backend = backend.parent()
    if os.fork():
        return
    os.setsid()
    backend.wait(60)  # it, too, would be stopped: the caller's connection must end first
    config = load_config()
    data = config['postgresql']['data_dir']
    run(program(version_of(data), 'pg_ctl'), 'stop', '--wait', '--timeout', '600', '--mode', 'fast', '--pgdata', data)
    for entry in os.scandir(data):
        shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.remove(entry.path)
    set_version(version)
    kill_patroni()


def main(arguments):
    if len(arguments) == 2 and arguments[0] == 'rebuild':
        return rebuild(arguments[1])
    if len(arguments) != 1 or not arguments[0].isdigit():
        raise Stop('usage: inplace_upgrade.py MEMBERS')
    Upgrade(int(arguments[0])).run()


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except subprocess.CalledProcessError as error:
        say('failed: %s ended with code %d' % (os.path.basename(error.cmd[0]), error.returncode))
        sys.exit(1)
    except (Stop, OSError, psycopg2.Error) as error:
        say('failed: %s' % error)
        sys.exit(1)
