#!/usr/bin/python3
"""Runs Weir under mixed load for minutes, then asks whether everything came back.

  soak.py --minutes 10

Two users: the transfers of `counted` are known to the byte (curl and checked transfers), `other`
brings noise: bulk, round trips, connections that come and go, datagrams, connections that reset.
Afterwards memory and descriptors must be where they were after the first minute, the usage of
`counted` must be what its clients moved, and the gateway must drain and exit with 0.
"""

import argparse
import http.server
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'Bench'))
import harness  # noqa: E402
from harness import BACKEND, PXBENCH, ROOT, Peer, say  # noqa: E402

PORT = 22180
PIPES_PER_LOOP = 32  # Limits.pipesPerLoop
WEIR = os.path.join(ROOT, 'weir')
CONFIG = """\
services:
  - name: socks
    addr: 127.0.0.1:%(port)d
    handler:
      type: socks5
      auther: users
      metadata: { udp: true, statsGUID: meter }
    listener: { type: tcp }
authers:
  - name: users
    auths:
      - { username: counted, password: counted-pass }
      - { username: other, password: other-pass }
plugins:
  - guid: meter
    type: wing-meter
    options: { interval: 1s, store: { sqlite: %(folder)s/usage.db } }
"""


class Totals:
    """Bytes that the clients of `counted` know they moved."""

    def __init__(self):
        self.lock = threading.Lock()
        self.uplink = 0
        self.downlink = 0
        self.transfers = 0
        self.failures = []

    def add(self, uplink, downlink):
        with self.lock:
            self.uplink += uplink
            self.downlink += downlink
            self.transfers += 1

    def fail(self, what):
        with self.lock:
            self.failures.append(what)


class Pages(http.server.BaseHTTPRequestHandler):
    """An origin: GET /N answers with N bytes, PUT is read and answered with its length."""

    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        self.answer(b'w' * int(self.path[1:]))

    def do_PUT(self):
        count = int(self.headers['Content-Length'])
        left = count
        while left:
            left -= len(self.rfile.read(min(left, 1 << 16)))
        self.answer(str(count).encode())

    def answer(self, body):
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


def curl(totals, origin, chance, folder):
    """A download or an upload; curl says how many bytes it moved, headers included."""
    command = [
        'curl', '-sS', '--max-time', '30', '-o', '/dev/null', '-H', 'Expect:', '-x',
        f'socks5h://counted:counted-pass@127.0.0.1:{PORT}', '-w',
        '%{size_request} %{size_upload} %{size_header} %{size_download}']
    size = chance.choice((0, 1, 1000, 100_000, 5_000_000))
    if chance.random() < 0.5:
        command.append(f'http://127.0.0.1:{origin}/{size}')
    else:
        path = os.path.join(folder, f'body-{size}')
        if not os.path.exists(path):
            with open(path, 'wb') as file:
                file.write(b'u' * size)
        command += ['-T', path, f'http://127.0.0.1:{origin}/put']
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        totals.fail('curl: ' + done.stderr.strip())
        return
    request, up, header, down = map(int, done.stdout.split())
    totals.add(request + up, header + down)


def checked_transfer(totals, chance):
    """Megabytes compared byte by byte in both directions, and a half-close."""
    size = chance.choice((1 << 16, 1 << 20, 1 << 24))
    row = generate('verify', 'counted', '--bytes', str(size))
    if row.get('value') != 1 or not row.get('half_close_ok'):
        totals.fail(f'checked transfer: {row}')
        return
    # Requests of 9, 9 and 1 bytes; 1 MiB before the half-close; two answers of 16 bytes.
    totals.add(9 + 9 + size + 1 + (1 << 20), size + 16 + 16)


def checked_datagrams(totals, chance):
    """Datagrams one after another, each answered before the next, so that none is lost."""
    with socket.create_connection(('127.0.0.1', PORT), 10) as control:
        user, password = b'counted', b'counted-pass'
        control.sendall(b'\5\1\2')
        receive(control, 2)
        control.sendall(b'\1' + bytes([len(user)]) + user + bytes([len(password)]) + password)
        receive(control, 2)
        control.sendall(b'\5\3\0\1' + bytes(6))
        reply = receive(control, 10)
        if reply[1]:
            totals.fail(f'UDP ASSOCIATE: reply {reply[1]}')
            return
        relay = (socket.inet_ntoa(reply[4:8]), struct.unpack('>H', reply[8:])[0])
        header = b'\0\0\0\1' + socket.inet_aton('127.0.0.1') + struct.pack('>H', 19000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.connect(relay)
            for _ in range(50):
                payload = bytes(chance.randrange(0, 1400))
                client.send(header + payload)
                if client.recv(2048) != header + payload:
                    totals.fail('a datagram came back changed')
                totals.add(len(payload), len(payload))


def receive(stream, count):
    data = b''
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            raise ConnectionError('the gateway closed during the handshake')
        data += more
    return data


def resets(_totals, chance):
    """Connections that end with a reset, some in the middle of the handshake."""
    for _ in range(50):
        stream = socket.create_connection(('127.0.0.1', PORT), 10)
        stream.sendall(b'\5\1\2'[:chance.randrange(4)])
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        stream.close()


def generate(kind, user, *options):
    command = [
        PXBENCH, 'run', '--case', kind, '--proto', 'socks5', '--target', BACKEND, '--secs', '2',
        '--proxy', f'127.0.0.1:{PORT}', '--user', user, '--pass', user + '-pass', *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return {'error': done.stderr}


def noise(totals, chance):
    """Load that nobody counts."""
    kind, options = chance.choice((
        ('bulk', ('--streams', '8', '--dir', 'both')), ('bulk', ('--streams', '64')),
        ('rr', ('--streams', '64')), ('connrate', ('--streams', '64')),
        ('udp', ('--flows', '20', '--size', '512')), ('udptrain', ('--flows', '4')),
        ('idle', ('--idle', '1000'))))
    row = generate(kind, 'other', *options)
    if 'error' in row:
        totals.fail(f'{kind}: {row["error"]}')


def repeat(until, totals, work, seed):
    chance = random.Random(seed)
    while time.time() < until:
        try:
            work(totals, chance)
        except (OSError, subprocess.TimeoutExpired) as error:
            totals.fail(f'{work}: {error}')
        time.sleep(0.05)


def load(seconds, totals, origin, folder, seed):
    """The mixed load; returns when every client has ended."""
    until = time.time() + seconds
    work = [
        lambda t, c: curl(t, origin, c, folder), lambda t, c: curl(t, origin, c, folder),
        checked_transfer, checked_datagrams, resets, noise, noise]
    threads = [
        threading.Thread(target=repeat, args=(until, totals, each, seed + index))
        for index, each in enumerate(work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def state(pid):
    """Resident KiB, open descriptors without pipes, and pipe ends: the loops keep some of those."""
    with open(f'/proc/{pid}/status') as file:
        resident = next(int(line.split()[1]) for line in file if line.startswith('VmRSS'))
    names = []
    for number in os.listdir(f'/proc/{pid}/fd'):
        try:
            names.append(os.readlink(f'/proc/{pid}/fd/{number}'))
        except OSError:
            continue
    pipes = sum(name.startswith('pipe:') for name in names)
    return resident, len(names) - pipes, pipes


def settle(pid, descriptors=None, seconds=90):
    """The state once nothing moves, or once descriptors are down to a number."""
    deadline = time.time() + seconds
    last = None
    while time.time() < deadline:
        now = state(pid)
        if descriptors is not None and now[1] <= descriptors:
            return now
        if descriptors is None and last and now[1] == last[1]:
            return now
        last = now
        time.sleep(3)
    return state(pid)


def usage(folder):
    command = [WEIR, 'usage', '--by', 'user', '--json', '--db', os.path.join(folder, 'usage.db')]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode:
        sys.exit(f'soak: weir usage failed: {done.stderr}')
    return {row['key']: row for row in json.loads(done.stdout)['rows']}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', type=float, default=10)
    parser.add_argument('--seed', type=int, default=int(time.time()))
    options = parser.parse_args()

    harness.build()
    harness.prepare_machine()
    folder = harness.make_folder()
    config = os.path.join(folder, 'weir.yaml')
    with open(config, 'w') as file:
        file.write(CONFIG % {'port': PORT, 'folder': folder})
    origin = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Pages)
    threading.Thread(target=origin.serve_forever, daemon=True).start()
    server = harness.backend(folder)
    gateway = Peer('weir', [[WEIR, '-C', config]], {'socks5': PORT}, folder)
    if not server.start() or not gateway.start():
        sys.exit('soak: no start')
    process = gateway.processes[0]

    say(f'soak: seed {options.seed}, {options.minutes} minutes')
    totals = Totals()
    seconds = options.minutes * 60
    port = origin.server_address[1]
    load(min(60, seconds / 4), totals, port, folder, options.seed)
    resident, descriptors, pipes = settle(process.pid)
    say(f'soak: warm: {resident} KiB, {descriptors} descriptors, {pipes} pipe ends')
    load(seconds - min(60, seconds / 4), totals, port, folder, options.seed + 100)
    resident_end, descriptors_end, pipes = settle(process.pid, descriptors)
    say(f'soak: end: {resident_end} KiB, {descriptors_end} descriptors, {pipes} pipe ends')

    process.send_signal(signal.SIGTERM)
    try:
        status = process.wait(60)
    except subprocess.TimeoutExpired:
        status = 'none: it did not end within 60 s'
    stored = usage(folder)
    counted = stored.get('counted', {'uplink_bytes': 0, 'downlink_bytes': 0})
    moved = (totals.uplink, totals.downlink)
    metered = (counted['uplink_bytes'], counted['downlink_bytes'])

    problems = list(dict.fromkeys(totals.failures))[:10]
    if moved != metered:
        problems.append(f'clients moved {moved} (uplink, downlink), the meter says {metered}')
    if stored.get('other', {}).get('downlink_bytes', 0) == 0:
        problems.append('nothing was metered for the other user')
    if descriptors_end > descriptors:
        problems.append(f'descriptors went from {descriptors} to {descriptors_end}')
    if pipes > PIPES_PER_LOOP * 2 * harness.CORES:
        problems.append(f'{pipes} pipe ends stay open')
    if resident_end > resident * 1.2 + 8192:
        problems.append(f'memory went from {resident} to {resident_end} KiB')
    if status != 0:
        problems.append(f'exit status after SIGTERM: {status}')
    for problem in problems:
        print('soak:', problem)
    print(f'soak: {totals.transfers} counted transfers, {sum(moved)} bytes; '
          f'{"failed" if problems else "passed"}')
    Peer.stop_all()
    sys.exit(1 if problems else 0)


if __name__ == '__main__':
    main()
