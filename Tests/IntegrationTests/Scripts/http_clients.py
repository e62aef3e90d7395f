"""Uses an HTTP proxy with a client library, against origins of its own, and says what moved.

usage: http_clients.py requests|httpx|aiohttp PROXY_URL CERTIFICATE KEY

The origins speak HTTP/1.1, one of them in TLS. Every answer is checked. Prints
{"requests": n, "received": bytes that the plain origin read, "tunnels": connections of the other}.
"""
import asyncio
import base64
import http.server
import io
import json
import ssl
import sys
import threading
import urllib.parse

PAYLOAD = bytes(index % 251 for index in range(300_000))
COUNT = {"requests": 0, "received": 0, "tunnels": 0}
LOCK = threading.Lock()


class CountingReader(io.RawIOBase):
    """What a socket gives, counted."""

    def __init__(self, connection):
        self.connection = connection

    def readable(self):
        return True

    def readinto(self, buffer):
        count = self.connection.recv_into(buffer)
        with LOCK:
            COUNT["received"] += count
        return count


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    is_tls = False

    def setup(self):
        super().setup()
        if self.is_tls:
            with LOCK:
                COUNT["tunnels"] += 1
        else:
            self.rfile = io.BufferedReader(CountingReader(self.connection))

    def log_message(self, *words):
        pass

    def content(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while True:
                size = int(self.rfile.readline(), 16)
                parts.append(self.rfile.read(size))
                assert self.rfile.readline() == b"\r\n"
                if size == 0:
                    return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status, content=b"", chunked=False):
        with LOCK:
            COUNT["requests"] += 1
        self.send_response(status)
        if status in (204, 304):
            return self.end_headers()
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if not chunked:
            self.wfile.write(content)
            return
        for start in range(0, len(content), 10_000):
            part = content[start : start + 10_000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def do_GET(self):
        if self.path == "/empty":
            self.answer(204)
        elif self.path == "/same":
            self.answer(304)
        else:
            self.answer(200, PAYLOAD, chunked=self.path == "/chunked")

    do_HEAD = do_GET

    def do_POST(self):
        self.answer(200, self.content()[::-1])


class TLSOrigin(Origin):
    is_tls = True


def serve(handler, context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


# What each client does with an origin: method, path, content, whether it is streamed, and what
# comes back.
EXCHANGES = [
    ("GET", "/plain", None, False, 200, PAYLOAD),
    ("GET", "/chunked", None, False, 200, PAYLOAD),
    ("HEAD", "/plain", None, False, 200, b""),
    ("GET", "/empty", None, False, 204, b""),
    ("GET", "/same", None, False, 304, b""),
    ("POST", "/echo", PAYLOAD, False, 200, PAYLOAD[::-1]),
    ("POST", "/echo", PAYLOAD, True, 200, PAYLOAD[::-1]),
    ("POST", "/echo", b"", False, 200, b""),
    ("GET", "/plain", None, False, 200, PAYLOAD),
]


def parts(content):
    for start in range(0, len(content), 7_777):
        yield content[start : start + 7_777]


async def parts_later(content):
    for part in parts(content):
        yield part


def basic(proxy):
    login = urllib.parse.urlsplit(proxy).netloc.rpartition("@")[0]
    return "Basic " + base64.b64encode(login.encode()).decode()


def check(exchange, status, content):
    assert (status, content) == exchange[4:], (exchange[:2], status, len(content))


def use_requests(proxy, origins):
    import requests

    with requests.Session() as session:
        session.proxies = {"http": proxy, "https": proxy}
        session.trust_env = False
        session.verify = sys.argv[3]
        for origin in origins:
            for exchange in EXCHANGES:
                method, path, content, streamed = exchange[:4]
                data = parts(content) if streamed else content
                # requests itself leaves the login out of what it sends in chunks.
                own = streamed and origin.startswith("http://")
                login = {"Proxy-Authorization": basic(proxy)} if own else None
                got = session.request(
                    method, origin + path, data=data, headers=login, timeout=20
                )
                check(exchange, got.status_code, got.content)


def use_httpx(proxy, origins):
    import httpx

    with httpx.Client(proxies=proxy, verify=sys.argv[3], trust_env=False, timeout=20) as client:
        for origin in origins:
            for exchange in EXCHANGES:
                method, path, content, streamed = exchange[:4]
                data = parts(content) if streamed else content
                got = client.request(method, origin + path, content=data)
                check(exchange, got.status_code, got.content)


def use_aiohttp(proxy, origins):
    import aiohttp

    async def use():
        context = ssl.create_default_context(cafile=sys.argv[3])
        limit = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(timeout=limit) as session:
            for origin in origins:
                for exchange in EXCHANGES:
                    method, path, content, streamed = exchange[:4]
                    data = parts_later(content) if streamed else content
                    async with session.request(
                        method, origin + path, data=data, proxy=proxy, ssl=context
                    ) as got:
                        check(exchange, got.status, await got.read())

    asyncio.run(use())


def main():
    library, proxy, certificate, key = sys.argv[1:5]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    origins = [
        "http://127.0.0.1:%d" % serve(Origin),
        "https://localhost:%d" % serve(TLSOrigin, context),
    ]
    {"requests": use_requests, "httpx": use_httpx, "aiohttp": use_aiohttp}[library](proxy, origins)
    print(json.dumps(COUNT))


main()
