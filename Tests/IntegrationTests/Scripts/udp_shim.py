"""A local UDP port whose datagrams go through a SOCKS5 UDP association to one target.

usage: udp_shim.py LOCAL_PORT GATEWAY_PORT TARGET_PORT FIGURES_FILE

After each datagram FIGURES_FILE holds {"sent": bytes, "received": bytes}, payload only.
"""
import json
import os
import select
import socket
import struct
import sys


def associate(port):
    control = socket.create_connection(("127.0.0.1", port), 10)
    control.sendall(b"\x05\x01\x00")
    assert control.recv(2) == b"\x05\x00"
    control.sendall(b"\x05\x03\x00\x01" + bytes(6))
    reply = control.recv(10)
    assert len(reply) == 10 and reply[:4] == b"\x05\x00\x00\x01", reply
    return control, (socket.inet_ntoa(reply[4:8]), struct.unpack("!H", reply[8:])[0])


def main():
    local_port, gateway_port, target_port = (int(word) for word in sys.argv[1:4])
    figures = {"sent": 0, "received": 0}
    control, relay = associate(gateway_port)
    inner = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inner.bind(("127.0.0.1", local_port))
    header = b"\0\0\0\x01" + socket.inet_aton("127.0.0.1") + struct.pack("!H", target_port)
    client = None
    while True:
        for ready in select.select([inner, outer], [], [])[0]:
            data, sender = ready.recvfrom(65536)
            if ready is inner:
                client = sender
                outer.sendto(header + data, relay)
                figures["sent"] += len(data)
            else:
                assert data[:10] == header, data
                inner.sendto(data[10:], client)
                figures["received"] += len(data) - 10
        with open(sys.argv[4] + ".new", "w") as file:
            json.dump(figures, file)
        os.rename(sys.argv[4] + ".new", sys.argv[4])


main()
