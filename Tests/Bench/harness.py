"""What the driver stands on: building the C programs, starting peers, timing one case."""

import atexit
import json
import os
import resource
import signal
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILT = os.path.join(ROOT, '.bench')
PXBENCH = os.path.join(BUILT, 'pxbench')
PXRELAY = os.path.join(BUILT, 'pxrelay')
BACKEND_PORT = 19000
BACKEND = f'127.0.0.1:{BACKEND_PORT}'
TRAIN_BACKEND = f'127.0.0.1:{BACKEND_PORT + 2}'
CORES = os.cpu_count() or 2
TICKS = os.sysconf('SC_CLK_TCK')
# A run during which other programs take more than this of a core is repeated once.
NOISE_MAX = 0.25


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def which(*names):
    """The first program that exists, also where Debian keeps daemons."""
    path = os.environ.get('PATH', '') + ':/usr/sbin:/sbin'
    for name in names:
        found = name and shutil.which(name, path=path)
        if found:
            return found
    return None


def build():
    """Compiles the generator and the probes when they are older than their source."""
    compiler = which('gcc', 'cc', 'clang')
    if not compiler:
        sys.exit('bench: no C compiler')
    os.makedirs(BUILT, exist_ok=True)
    header = os.path.getmtime(os.path.join(HERE, 'trains.h'))
    for name in ('pxbench', 'pxrelay'):
        source, output = os.path.join(HERE, name + '.c'), os.path.join(BUILT, name)
        newest = max(header, os.path.getmtime(source))
        if not os.path.exists(output) or os.path.getmtime(output) < newest:
            subprocess.check_call([compiler, '-O2', '-w', '-o', output, source, '-lpthread'])


def prepare_machine():
    """Many descriptors and ports; the kernel's settings come back when the driver ends."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit in (1 << 20, hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            break
        except (ValueError, OSError):
            continue
    set_sysctl('net.ipv4.ip_local_port_range', '23000 65535')
    set_sysctl('net.core.somaxconn', '16384')
    set_sysctl('net.ipv4.tcp_max_syn_backlog', '16384')
    # Few TIME_WAIT entries: else connect() of later peers scans a full table of ports.
    set_sysctl('net.ipv4.tcp_max_tw_buckets', '2000')
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    # A proxy needs two descriptors for each connection.
    return 10000 if limit >= 21000 else max(100, (limit - 1500) // 2 // 500 * 500)


def set_sysctl(name, value):
    path = '/proc/sys/' + name.replace('.', '/')
    try:
        with open(path) as file:
            old = file.read()
        with open(path, 'w') as file:
            file.write(value)
    except OSError:
        return

    def restore():
        with open(path, 'w') as file:
            file.write(old)

    atexit.register(restore)


def make_folder():
    """A folder for configurations and logs that is gone when the driver ends."""
    folder = tempfile.mkdtemp(prefix='weir-bench-')
    os.chmod(folder, 0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class Peer:
    """A program under measurement: command lines kept in the foreground, a port per protocol."""

    running = []

    def __init__(self, name, commands, ports, folder, idle=10000, one_flow=False):
        self.name = name
        self.commands = commands
        self.ports = ports
        self.folder = folder
        self.idle = idle
        self.one_flow = one_flow
        self.processes = []

    def start(self):
        log = os.path.join(self.folder, self.name + '.log')
        self.processes = []
        for command in self.commands:
            with open(log, 'ab') as file:
                self.processes.append(
                    subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                        cwd=self.folder, start_new_session=True))
        Peer.running.append(self)
        waiting = {port for kind, port in self.ports.items() if not kind.startswith('udp')}
        deadline = time.time() + 12
        while waiting and time.time() < deadline and self.is_alive():
            for port in sorted(waiting):
                try:
                    socket.create_connection(('127.0.0.1', port), 0.5).close()
                    waiting.discard(port)
                except OSError:
                    time.sleep(0.05)
        if not waiting and self.is_alive():
            time.sleep(0.1)
            return True
        with open(log, errors='replace') as file:
            say(f'{self.name}: did not open {sorted(waiting)}:', file.read()[-500:])
        self.stop()
        return False

    def is_alive(self):
        return bool(self.processes) and all(p.poll() is None for p in self.processes)

    def pids(self):
        return ','.join(str(p.pid) for p in self.processes)

    def stop(self):
        for process in self.processes:
            signal_group(process, signal.SIGTERM)
        deadline = time.time() + 5
        for process in self.processes:
            while process.poll() is None and time.time() < deadline:
                time.sleep(0.02)
            signal_group(process, signal.SIGKILL)
            process.wait()
        self.processes = []
        if self in Peer.running:
            Peer.running.remove(self)

    @staticmethod
    def stop_all():
        for peer in list(Peer.running):
            peer.stop()


def signal_group(process, number):
    try:
        os.killpg(process.pid, number)
    except OSError:
        pass


atexit.register(Peer.stop_all)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def backend(folder):
    """The server that every proxy relays to."""
    command = [PXBENCH, 'server', '--listen', BACKEND, '--nlisten', '8']
    return Peer('direct', [command], {'direct': BACKEND_PORT}, folder)


def busy_seconds():
    """Processor seconds that the machine has spent, idling and waiting for disks left out."""
    with open('/proc/stat') as file:
        fields = [int(word) for word in file.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS


def tree_seconds(pids):
    """Processor seconds of processes and everything below them."""
    wanted = {int(pid) for pid in pids.split(',') if pid}
    parents, seconds = {}, {}
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        try:
            with open(f'/proc/{name}/stat') as file:
                fields = file.read().rsplit(')', 1)[1].split()
        except OSError:
            continue
        parents[int(name)] = int(fields[1])
        seconds[int(name)] = sum(map(int, fields[11:15])) / TICKS
    grown = True
    while grown:
        below = {pid for pid, parent in parents.items() if parent in wanted} - wanted
        wanted |= below
        grown = bool(below)
    return sum(seconds.get(pid, 0) for pid in wanted)


def run_quietly(case, peer, protocol, server):
    """One timed run, repeated once when other programs were busy; the quieter one counts."""
    best = None
    for _ in range(2):
        pids = ','.join(filter(None, (peer.pids(), server.pids())))
        start = time.time()
        machine, ours, own = busy_seconds(), tree_seconds(pids), sum(os.times()[:4])
        row = run_once(case, peer, protocol)
        own = sum(os.times()[:4]) - own
        foreign = busy_seconds() - machine - (tree_seconds(pids) - ours) - own
        row['foreign'] = round(max(0.0, foreign) / (time.time() - start), 3)
        if best is None or ('error' in best, best['foreign']) > ('error' in row, row['foreign']):
            best = row
        if 'error' not in best and best['foreign'] < NOISE_MAX:
            break
    return best


def run_once(case, peer, protocol):
    """One timed run as the generator reports it; `error` instead of `value` when it failed."""
    kind = 'tcp' if protocol.startswith('udp') else protocol
    command = [
        PXBENCH, 'run', '--name', peer.name, '--label', case.label, '--case', case.kind,
        '--proto', kind, '--target', BACKEND, '--secs', str(case.seconds), '--warm', '0.25',
        '--pids', peer.pids(), *case.options,
    ]
    if kind != 'direct':
        command += ['--proxy', f'127.0.0.1:{peer.ports[protocol]}']
    row = {'name': peer.name, 'case': case.label}
    try:
        done = subprocess.run(command, capture_output=True, timeout=60)
        row = json.loads(done.stdout.decode().strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        row['error'] = 'the generator did not end'
    except (ValueError, IndexError):
        row['error'] = 'the generator said: ' + done.stderr.decode()[-200:].strip()
    row['proto'] = protocol
    return row
