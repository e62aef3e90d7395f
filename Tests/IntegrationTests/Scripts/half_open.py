"""Opens many connections to a SOCKS5 gateway that never finish their handshake.

usage: half_open.py GATEWAY_PORT COUNT

They stop at different bytes. Prints "open" when all are, then waits to be killed.
"""
import resource
import signal
import socket
import sys

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
whole = b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x00"
held = []
for index in range(int(sys.argv[2])):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
    s.sendall(whole[: index % (len(whole) + 1)])
    held.append(s)
print("open", flush=True)
signal.pause()
