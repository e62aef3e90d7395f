"""Moves bytes through a SOCKS5 gateway with PySocks and says how many.

usage: pysocks_client.py tcp|udp GATEWAY_PORT TARGET_PORT USER PASSWORD SIZE...

Each SIZE is sent to an echo server and read back. Prints {"sent": n, "received": n}.
"""
import json
import sys

import socks


def main():
    kind, gateway, target, user, password = sys.argv[1:6]
    sizes = [int(size) for size in sys.argv[6:]]
    stream = kind == "tcp"
    s = socks.socksocket(type=socks.socket.SOCK_STREAM if stream else socks.socket.SOCK_DGRAM)
    s.settimeout(10)
    s.set_proxy(socks.SOCKS5, "127.0.0.1", int(gateway), True, user or None, password or None)
    sent = received = 0
    destination = ("127.0.0.1", int(target))
    if stream:
        s.connect(destination)
    for size in sizes:
        payload = bytes(index % 251 for index in range(size))
        if stream:
            s.sendall(payload)
            back = b""
            while len(back) < size:
                more = s.recv(65536)
                assert more, "the stream ended early"
                back += more
        else:
            s.sendto(payload, destination)
            back, sender = s.recvfrom(65536)
            assert sender == destination, sender
        assert back == payload
        sent += size
        received += len(back)
    s.close()
    print(json.dumps({"sent": sent, "received": received}))


main()
