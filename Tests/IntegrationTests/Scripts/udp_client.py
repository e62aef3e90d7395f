"""A client whose datagrams go through a gateway to an echo server, one after the other.

usage: udp_client.py FORM GATEWAY_PORT HOST PORT SIZE...

FORM is assoc (SOCKS5 UDP ASSOCIATE), f3 (gost's 0xF3) or http (gost's CONNECT). Prints how many
bytes came back.
"""

import os
import socket
import struct
import sys


def exactly(stream, count):
    data = b""
    while len(data) < count:
        piece = stream.recv(count - len(data))
        assert piece, "the gateway closed"
        data += piece
    return data


def written(host, port):
    try:
        return b"\x01" + socket.inet_aton(host) + struct.pack("!H", port)
    except OSError:
        return b"\x03" + bytes([len(host)]) + host.encode() + struct.pack("!H", port)


def socks(port, command):
    control = socket.create_connection(("127.0.0.1", port), 10)
    control.sendall(b"\x05\x01\x00")
    assert exactly(control, 2) == b"\x05\x00"
    control.sendall(bytes([5, command, 0, 1]) + bytes(6))
    head = exactly(control, 4)
    assert head[:3] == b"\x05\0\0", head
    bound = exactly(control, {1: 6, 4: 18}[head[3]])
    return control, struct.unpack("!H", bound[-2:])[0]


def connect(port):
    control = socket.create_connection(("127.0.0.1", port), 10)
    control.sendall(b"CONNECT 192.0.2.1:9 HTTP/1.1\r\nHost: x\r\nX-Gost-Protocol: udp\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += exactly(control, 1)
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return control


def main():
    form, port, host, target = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    back = 0
    if form == "assoc":
        control, relay = socks(port, 3)
        inner = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        inner.settimeout(10)
    else:
        control = socks(port, 0xF3)[0] if form == "f3" else connect(port)
    control.settimeout(10)
    for size in (int(word) for word in sys.argv[5:]):
        payload = os.urandom(size)
        if form == "assoc":
            header = b"\0\0\0" + written(host, target)
            inner.sendto(header + payload, ("127.0.0.1", relay))
            data, _ = inner.recvfrom(65536)
            assert data[:4] == b"\0\0\0\x01", data[:4]
            source, data = data[4:10], data[10:]
        else:
            frame = struct.pack("!HB", size, 0xFF) + written(host, target) + payload
            # Two pieces, torn inside the address.
            control.sendall(frame[:6])
            control.sendall(frame[6:])
            length, fragment, kind = struct.unpack("!HBB", exactly(control, 4))
            assert fragment == 0xFF and kind == 1
            source, data = exactly(control, 6), exactly(control, length)
        assert source[4:] == struct.pack("!H", target), source
        assert data == payload, f"{len(data)} of {size} bytes"
        back += len(data)
    print(back)


main()
