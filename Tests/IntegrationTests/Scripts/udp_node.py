"""A node that carries UDP, as gost does it or as RFC 1928 has it.

usage: udp_node.py FORM

FORM is f3 (SOCKS5 command 0xF3 only), rfc (UDP ASSOCIATE only, its address left for the client to
guess), closes (as rfc, and 0xF3 ends the connection without a reply) or http (CONNECT with
X-Gost-Protocol). Prints its port, then "COMMAND" for each request.
"""

import socket
import struct
import sys
import threading

FORM = sys.argv[1]


def exactly(stream, count):
    data = b""
    while len(data) < count:
        piece = stream.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def address(data):
    """ATYP, ADDR, PORT at the beginning: the address, and how many bytes that was."""
    kind = data[0]
    if kind == 1:
        host, end = socket.inet_ntoa(data[1:5]), 5
    elif kind == 4:
        host, end = socket.inet_ntop(socket.AF_INET6, data[1:17]), 17
    else:
        assert kind == 3, data
        end = 2 + data[1]
        host = socket.gethostbyname(data[2:end].decode())
    return (host, struct.unpack("!H", data[end : end + 2])[0]), end + 2


def written(endpoint):
    return b"\x01" + socket.inet_aton(endpoint[0]) + struct.pack("!H", endpoint[1])


def frames(stream):
    """RSV is the length, FRAG 0xFF, then the address and the payload."""
    outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outside.bind(("127.0.0.1", 0))

    def back():
        while True:
            data, sender = outside.recvfrom(65536)
            # gost writes a datagram in three pieces.
            stream.sendall(struct.pack("!HB", len(data), 0xFF))
            stream.sendall(written(sender))
            stream.sendall(data)

    threading.Thread(target=back, daemon=True).start()
    while True:
        head = exactly(stream, 5)
        length, fragment = struct.unpack("!HB", head[:3])
        assert length > 0 and fragment == 0xFF, head
        rest = {1: 5, 4: 17, 3: 2 + head[4]}[head[3]]
        target, _ = address(head[3:] + exactly(stream, rest))
        outside.sendto(exactly(stream, length), target)


def relay(stream):
    inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inside.bind(("127.0.0.1", 0))
    outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outside.bind(("127.0.0.1", 0))
    client = []

    def out():
        while True:
            data, sender = inside.recvfrom(65536)
            client[:] = [sender]
            assert data[:3] == b"\0\0\0", data[:3]
            target, end = address(data[3:])
            outside.sendto(data[3 + end :], target)

    def back():
        while True:
            data, sender = outside.recvfrom(65536)
            inside.sendto(b"\0\0\0" + written(sender) + data, client[0])

    for body in (out, back):
        threading.Thread(target=body, daemon=True).start()
    port = struct.pack("!H", inside.getsockname()[1])
    stream.sendall(b"\x05\0\0\x01\0\0\0\0" + port)
    while stream.recv(100):
        pass


def serve_http(stream):
    head = b""
    while b"\r\n\r\n" not in head:
        head += exactly(stream, 1)
    lines = head.decode().split("\r\n")
    print(lines[0].split(" ")[0], flush=True)
    assert "X-Gost-Protocol: udp" in lines, lines
    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    frames(stream)


def serve_socks(stream):
    version, count = exactly(stream, 2)
    assert version == 5
    exactly(stream, count)
    stream.sendall(b"\x05\0")
    request = exactly(stream, 10)
    print(f"{request[1]:02x}", flush=True)
    if request[1] == 0xF3 and FORM == "f3":
        assert request == b"\x05\xf3\0\x01" + bytes(6), request
        stream.sendall(b"\x05\0\0\x04" + bytes(16) + b"\x12\x34")
        frames(stream)
    elif request[1] == 3 and FORM != "f3":
        relay(stream)
    elif FORM != "closes":
        stream.sendall(b"\x05\x07\0\x01" + bytes(6))


def serve(stream):
    try:
        serve_http(stream) if FORM == "http" else serve_socks(stream)
    except (EOFError, OSError):
        pass
    stream.close()


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
