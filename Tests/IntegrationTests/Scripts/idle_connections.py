"""Opens many relayed connections through a SOCKS5 gateway and lets them be.

usage: idle_connections.py GATEWAY_PORT ORIGIN_PORT COUNT

Is the origin itself. Prints "open" when all are, then waits to be killed.
"""
import os
import resource
import signal
import socket
import sys

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
gateway, port, count = (int(word) for word in sys.argv[1:4])
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", port))
listener.listen(1024)
request = b"\x05\x01\x00\x01\x7f\x00\x00\x01" + port.to_bytes(2, "big")
if os.fork() == 0:
    held = []
    while True:
        held.append(listener.accept()[0])
held = []
for _ in range(count):
    s = socket.create_connection(("127.0.0.1", gateway), 20)
    s.sendall(b"\x05\x01\x00")
    assert s.recv(2) == b"\x05\x00"
    s.sendall(request)
    reply = s.recv(10)
    assert len(reply) == 10 and reply[1] == 0, reply
    held.append(s)
print("open", flush=True)
signal.pause()
