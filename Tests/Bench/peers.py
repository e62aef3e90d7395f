"""Who is measured: Weir, the probes, Debian's proxies, and others where they are on PATH.

Weir has ports 22000-22999, peers and probes 21000-21999, so that a configuration can be read.
"""

import json
import os

from harness import BACKEND, CORES, PXRELAY, ROOT, TRAIN_BACKEND, Peer, which

# Errors only, as every peer here logs; flows are metered all the same.
WEIR = """\
log: { level: error }
services:
  - name: socks
    addr: 127.0.0.1:22080
    handler: { type: socks5, metadata: { udp: true, statsGUID: meter } }
    listener: { type: tcp }
  - name: forward
    addr: 127.0.0.1:22081
    handler: { type: tcp, metadata: { statsGUID: meter } }
    listener: { type: tcp }
    forwarder: { nodes: [{ name: backend, addr: %(backend)s }] }
  - name: datagrams
    addr: 127.0.0.1:22082
    handler: { type: udp, metadata: { statsGUID: meter } }
    listener: { type: udp }
    forwarder: { nodes: [{ name: backend, addr: %(backend)s }] }
  - name: trains
    addr: 127.0.0.1:22083
    handler: { type: udp, metadata: { statsGUID: meter } }
    listener: { type: udp }
    forwarder: { nodes: [{ name: backend, addr: %(trains)s }] }
  - name: web
    addr: 127.0.0.1:22084
    handler: { type: http, metadata: { http.keepalive: true, statsGUID: meter } }
    listener: { type: tcp }
plugins:
  - guid: meter
    type: wing-meter
    options: { interval: 5s, store: { sqlite: %(folder)s/usage.db } }
"""

# Two gateways behind each other: the second is a node of the first one's chain.
FIRST = """\
log: { level: error }
services:
  - name: entry
    addr: 127.0.0.1:22090
    handler: { type: socks5, chain: second, metadata: { statsGUID: meter } }
    listener: { type: tcp }
chains:
  - name: second
    hops:
      - name: only
        nodes: [{ name: exit, addr: 127.0.0.1:22091, connector: { type: socks5 } }]
plugins:
  - guid: meter
    type: wing-meter
    options: { interval: 5s, store: { sqlite: %(folder)s/first.db } }
weir: { state: %(folder)s/first }
"""
SECOND = """\
log: { level: error }
services:
  - name: exit
    addr: 127.0.0.1:22091
    handler: { type: socks5, metadata: { statsGUID: meter } }
    listener: { type: tcp }
plugins:
  - guid: meter
    type: wing-meter
    options: { interval: 5s, store: { sqlite: %(folder)s/second.db } }
weir: { state: %(folder)s/second }
"""


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, 'w') as file:
        file.write(text)
    return path


def weir(folder):
    """The gateway with metering on."""
    values = {'backend': BACKEND, 'trains': TRAIN_BACKEND, 'folder': folder}
    command = [os.path.join(ROOT, 'weir'), '-C', write(folder, 'weir.yaml', WEIR % values)]
    ports = {'socks5': 22080, 'tcp': 22081, 'udpfwd': 22082, 'udptrain': 22083, 'http': 22084,
             'httpfwd': 22084}
    return Peer('weir', [command], ports, folder)


def weir_chain(folder):
    """Two gateways, one through the other, both with metering on."""
    program, values = os.path.join(ROOT, 'weir'), {'folder': folder}
    commands = [[program, '-C', write(folder, f'{name}.yaml', text % values)]
                for name, text in (('second', SECOND), ('first', FIRST))]
    return Peer('weir-chain', commands, {'socks5': 22090}, folder)


def probes(folder):
    """The least that a relay can do: no handshake, no metering, one fixed target."""
    found = []
    kinds = [('copy64k', 'copy', 1 << 16), ('copy256k', 'copy', 1 << 18),
             ('splice64k', 'splice', 1 << 16), ('splice1m', 'splice', 1 << 20)]
    for index, (name, mode, size) in enumerate(kinds):
        port = 21000 + index
        command = [PXRELAY, 'tcp', f'127.0.0.1:{port}', BACKEND, mode, str(size), str(CORES)]
        found.append(Peer('probe-' + name, [command], {'tcp': port}, folder))
    command = [PXRELAY, 'socks', '127.0.0.1:21004', BACKEND, 'copy', str(1 << 18), str(CORES)]
    found.append(Peer('probe-socks', [command], {'socks5': 21004}, folder))
    kinds = [('udp', 'plain', BACKEND, 'udpfwd'), ('udp-gso', 'gso', BACKEND, 'udpfwd'),
             ('udp-train', 'train', TRAIN_BACKEND, 'udptrain')]
    for index, (name, mode, target, protocol) in enumerate(kinds):
        port = 21010 + index
        command = [PXRELAY, 'udp', f'127.0.0.1:{port}', target, mode, '64']
        found.append(Peer('probe-' + name, [command], {protocol: port}, folder, one_flow=True))
    return found


def others(folder):
    """Other proxies that are installed. An entry without its program is left out."""
    makers = [hev, threeproxy, gost, v2ray, dante, microsocks, tinyproxy, squid, haproxy, nginx]
    return [peer for peer in (make(folder) for make in makers) if peer]


def hev(folder):
    program = which(os.environ.get('HEV_SOCKS5_SERVER'), 'hev-socks5-server')
    if not program:
        return None
    text = f"""\
main: {{ workers: {CORES}, port: 21100, listen-address: '127.0.0.1' }}
misc: {{ limit-nofile: 20000, log-level: error }}
"""
    command = [program, write(folder, 'hev.yml', text)]
    return Peer('hev-socks5', [command], {'socks5': 21100}, folder)


def threeproxy(folder):
    program = which(os.environ.get('THREEPROXY'), '3proxy')
    if not program:
        return None
    text = """\
maxconn 20000
auth none
allow *
timeouts 1 5 30 60 180 1800 15 60
socks -i127.0.0.1 -p21110
"""
    command = [program, write(folder, '3proxy.cfg', text)]
    return Peer('3proxy', [command], {'socks5': 21110}, folder)


def gost(folder):
    program = which(os.environ.get('GOST'), 'gost')
    if not program:
        return None
    command = [program, '-L', 'socks5://127.0.0.1:21120?udp=true']
    return Peer('gost', [command], {'socks5': 21120}, folder)


def v2ray(folder):
    program = which('v2ray')
    if not program:
        return None
    settings = {'auth': 'noauth', 'udp': True, 'ip': '127.0.0.1'}
    inbound = {'listen': '127.0.0.1', 'port': 21130, 'protocol': 'socks', 'settings': settings}
    text = json.dumps({
        'log': {'loglevel': 'none'}, 'inbounds': [inbound], 'outbounds': [{'protocol': 'freedom'}]})
    command = [program, '-config', write(folder, 'v2ray.json', text)]
    return Peer('v2ray', [command], {'socks5': 21130}, folder)


def dante(folder):
    program = which('danted')
    if not program:
        return None
    user = 'root' if os.getuid() == 0 else os.environ.get('USER', 'nobody')
    text = f"""\
logoutput: {folder}/danted.out
internal: 127.0.0.1 port = 21140
external: lo
socksmethod: none
clientmethod: none
user.privileged: {user}
user.unprivileged: {user}
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
"""
    command = [program, '-f', write(folder, 'danted.conf', text)]
    # A process for every few clients.
    return Peer('dante', [command], {'socks5': 21140}, folder, idle=2000)


def microsocks(folder):
    program = which('microsocks')
    if not program:
        return None
    command = [program, '-i', '127.0.0.1', '-p', '21150']
    return Peer('microsocks', [command], {'socks5': 21150}, folder)


def tinyproxy(folder):
    program = which('tinyproxy')
    if not program:
        return None
    text = """\
Port 21160
Listen 127.0.0.1
Bind 127.0.0.1
Timeout 600
MaxClients 20000
LogLevel Critical
LogFile "/dev/null"
Allow 127.0.0.0/8
"""
    command = [program, '-d', '-c', write(folder, 'tinyproxy.conf', text)]
    return Peer('tinyproxy', [command], {'http': 21160, 'httpfwd': 21160}, folder)


def squid(folder):
    program = which('squid')
    if not program:
        return None
    name = f'bench{os.getpid()}'
    text = f"""\
http_port 127.0.0.1:21170
http_access allow all
cache deny all
cache_mem 8 MB
access_log none
cache_log /dev/null
pid_filename none
coredump_dir {folder}
max_filedescriptors 20000
shutdown_lifetime 0 seconds
via off
"""
    command = [program, '-N', '-n', name, '-f', write(folder, 'squid.conf', text)]
    return Peer('squid', [command], {'http': 21170, 'httpfwd': 21170}, folder)


def haproxy(folder):
    program = which('haproxy')
    if not program:
        return None
    text = f"""\
global
  maxconn 9800
  nbthread {CORES}
defaults
  mode tcp
  timeout connect 5s
  timeout client 600s
  timeout server 600s
listen forward
  bind 127.0.0.1:21180
  server backend {BACKEND}
"""
    command = [program, '-f', write(folder, 'haproxy.cfg', text)]
    return Peer('haproxy', [command], {'tcp': 21180}, folder)


def nginx(folder):
    program, module = which('nginx'), '/usr/lib/nginx/modules/ngx_stream_module.so'
    if not program or not os.path.exists(module):
        return None
    user = 'user root;' if os.getuid() == 0 else ''
    text = f"""\
daemon off; {user} pid {folder}/nginx.pid; worker_processes {CORES}; error_log /dev/null;
load_module {module};
events {{ worker_connections 19500; }}
stream {{
    server {{
        listen 127.0.0.1:21190 reuseport;
        proxy_pass {BACKEND}; proxy_timeout 600s; proxy_buffer_size 64k;
    }}
    server {{
        listen 127.0.0.1:21191 udp reuseport;
        proxy_pass {BACKEND}; proxy_timeout 60s;
    }}
}}
http {{
    access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy; fastcgi_temp_path {folder}/nginx-1;
    uwsgi_temp_path {folder}/nginx-2; scgi_temp_path {folder}/nginx-3;
    upstream backend {{ server {BACKEND}; keepalive 256; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:21192 reuseport;
        location / {{
            proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
        }}
    }}
}}
"""
    config = write(folder, 'nginx.conf', text)
    command = [program, '-p', folder, '-e', '/dev/null', '-c', config]
    return Peer('nginx', [command], {'tcp': 21190, 'udpfwd': 21191, 'httpfwd': 21192}, folder)
