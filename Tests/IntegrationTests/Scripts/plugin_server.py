"""A plugin's server: plugin_server.py PORT MANNERFILE REQUESTFILE [CERTIFICATE KEY]

Written from gost's protocol, by path: /auth, /observer and /limiter. What MANNERFILE says decides
every answer: `good`, `hang`, `nonsense`, `error`, `refuse` (ok is false), `lost` (done, and the
connection is closed without an answer), or `random SEED` for one of these after another.
/limiter answers what stands in MANNERFILE.limits, `SCOPE IN OUT` in each line.
Each request is one JSON object in a line of REQUESTFILE: path, token, body, and what became of it."""
import http.server
import json
import random
import ssl
import sys
import threading
import time

port, manners, requests = int(sys.argv[1]), sys.argv[2], sys.argv[3]
lock = threading.Lock()
chances = {}


def manner():
    with open(manners) as file:
        words = file.read().split()
    if words[0] != "random":
        return words[0]
    chance = chances.setdefault(words[1], random.Random(int(words[1])))
    return chance.choice(["good", "good", "nonsense", "error", "refuse", "lost"])


def auth(asked):
    ok = asked["password"] == "pw-of-" + asked["username"]
    return {"ok": ok, "id": "id-of-" + asked["username"]}


def limiter(asked):
    with open(manners + ".limits") as file:
        for line in file:
            scope, up, down = line.split()
            if scope == asked["scope"]:
                return {"in": int(up), "out": int(down)}
    return {"in": 0, "out": 0}


answers = {"/auth": auth, "/limiter": limiter, "/observer": lambda asked: {"ok": True}}


class Plugin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(body)
        with lock:
            now = manner()
            record = {"path": self.path, "token": self.headers["Authorization"], "manner": now}
            with open(requests, "a") as file:
                file.write(json.dumps({**record, "body": asked}) + "\n")
        if now == "hang":
            time.sleep(30)
        if now == "lost":
            self.close_connection = True
            return
        answer = json.dumps(answers[self.path](asked)).encode()
        if now == "refuse":
            answer = b'{"ok":false}'
        if now == "nonsense":
            answer = b"<html>ok</html>"
        self.send_response(500 if now == "error" else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Plugin)
if len(sys.argv) > 4:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
