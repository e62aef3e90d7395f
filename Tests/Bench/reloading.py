"""A reload of 1,000 services, every second one changed, while flows run."""
import os
import signal
import socket
import statistics
import subprocess
import threading
import time

SERVICES = 1000
FLOWS = 100
# Below the ports of tests and of clients.
FIRST_PORT = 9_500


def configuration(folder, number):
    lines = ['services:']
    for index in range(SERVICES):
        timeout = 60 + number if index % 2 == 0 else 60
        lines.append(
            f'  - {{ name: s{index}, addr: "127.0.0.1:{FIRST_PORT + index}", handler: {{ type: '
            f'socks5, metadata: {{ statsGUID: meter, readTimeout: {timeout}s }} }} }}')
    lines += [
        'plugins:',
        f'  - {{ guid: meter, type: wing-meter, options: {{ store: {{ sqlite: {folder}/r.db }} }} }}',
        f'weir: {{ state: {folder}/reload-state }}', 'log: { format: json }']
    return '\n'.join(lines) + '\n'


def echo(listener):
    def serve(client):
        while data := client.recv(65_536):
            client.sendall(data)

    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(client,), daemon=True).start()


def connect(index, target):
    client = socket.create_connection(('127.0.0.1', FIRST_PORT + index), timeout=10)
    client.sendall(b'\x05\x01\x00')
    assert client.recv(2) == b'\x05\x00'
    client.sendall(b'\x05\x01\x00\x01\x7f\x00\x00\x01' + target.to_bytes(2, 'big'))
    assert client.recv(10)[1] == 0
    return client


def is_alive(client):
    try:
        client.sendall(b'x' * 100)
        left = 100
        while left > 0 and (data := client.recv(left)):
            left -= len(data)
        return left == 0
    except OSError:
        return False


def wait_for(log, text, count, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        with open(log) as file:
            if file.read().count(text) >= count:
                return
        time.sleep(0.001)
    raise RuntimeError(f'no {text} in {log}')


def measure(binary, folder, rounds=5):
    """The median milliseconds of a reload, and how many flows it cost."""
    path, log = os.path.join(folder, 'reload.yaml'), os.path.join(folder, 'reload.log')
    listener = socket.create_server(('127.0.0.1', 0), backlog=FLOWS)
    threading.Thread(target=echo, args=(listener,), daemon=True).start()
    with open(path, 'w') as file:
        file.write(configuration(folder, 0))
    with open(log, 'w') as output:
        gateway = subprocess.Popen([binary, '-C', path], stdout=output, stderr=output)
    try:
        wait_for(log, '"ready"', 1)
        target = listener.getsockname()[1]
        clients = [connect(10 * index, target) for index in range(FLOWS)]
        took = []
        for number in range(1, rounds + 1):
            with open(path + '.new', 'w') as file:
                file.write(configuration(folder, number))
            os.rename(path + '.new', path)
            start = time.time()
            gateway.send_signal(signal.SIGHUP)
            wait_for(log, '"reloaded"', number)
            took.append((time.time() - start) * 1000)
        lost = sum(not is_alive(client) for client in clients)
        for client in clients:
            client.close()
        return statistics.median(took), lost
    finally:
        gateway.terminate()
        gateway.wait(30)
        listener.close()
