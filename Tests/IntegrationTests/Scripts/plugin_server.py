"""A plugin's server: plugin_server.py PORT MANNERFILE REQUESTFILE [CERTIFICATE KEY]

What the first line of MANNERFILE says decides every answer: `good`, `hang`, `nonsense`, `error`.
Each request is written to REQUESTFILE, one JSON object in a line."""
import http.server
import json
import ssl
import sys
import time

port, manners, requests = int(sys.argv[1]), sys.argv[2], sys.argv[3]


class Plugin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(body)
        with open(requests, "a") as file:
            file.write(json.dumps({"token": self.headers["Authorization"], "body": asked}) + "\n")
        with open(manners) as file:
            manner = file.read().strip()
        if manner == "hang":
            time.sleep(30)
        ok = asked["password"] == "pw-of-" + asked["username"]
        answer = json.dumps({"ok": ok, "id": "id-of-" + asked["username"]}).encode()
        if manner == "nonsense":
            answer = b"<html>ok</html>"
        self.send_response(500 if manner == "error" else 200)
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
