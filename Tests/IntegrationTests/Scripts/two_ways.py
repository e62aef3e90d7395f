"""An origin at 10.9.9.9 and fd09::9 that two links lead to, in a network of its own.

Prints its process id, waits for the links b1 and b2, prints its port, and then for each TCP
connection and datagram the address that it came from. Everything is echoed.
"""

import os
import socket
import subprocess
import threading
import time


def ip(words):
    subprocess.run(["ip"] + words.split(), check=True)


def echo(connection, address):
    print("tcp", address[0].removeprefix("::ffff:"), flush=True)
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)


def echo_datagrams(receiver):
    while True:
        data, address = receiver.recvfrom(65536)
        print("udp", address[0].removeprefix("::ffff:"), flush=True)
        receiver.sendto(data, address)


print(os.getpid(), flush=True)
while not os.path.exists("/proc/self/net/dev") or not all(
    f"b{number}:" in open("/proc/self/net/dev").read() for number in (1, 2)
):
    time.sleep(0.05)
ip("link set lo up")
ip("addr add 10.9.9.9/32 dev lo")
ip("addr add fd09::9/128 dev lo nodad")
for number in (1, 2):
    ip(f"addr add 10.{number}.0.2/24 dev b{number}")
    ip(f"addr add fd0{number}::2/64 dev b{number} nodad")
    ip(f"link set b{number} up")
for number in ("all", "b1", "b2"):
    try:
        with open(f"/proc/sys/net/ipv4/conf/{number}/rp_filter", "w") as file:
            file.write("0")
    except OSError:
        pass
listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
port = listener.getsockname()[1]
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
# Bound to it, so that replies come from it.
receiver.bind(("10.9.9.9", port))
threading.Thread(target=echo_datagrams, args=(receiver,), daemon=True).start()
print(port, flush=True)
while True:
    threading.Thread(target=echo, args=listener.accept(), daemon=True).start()
