#!/usr/bin/python3
"""Measures Weir, metering on, against probes and other proxies on loopback.

  bench.py weir     interleaved runs, a table for each case, and the targets (what `make bench` does)
  bench.py peers    the same without Weir
  bench.py list     what can be measured here

The figure to steer by is CPU per unit of work: user and system seconds of the proxy's process
tree, from /proc. Throughput shares the cores with the generator and the backend.
"""

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import dataclass, field

import harness
import peers
import reloading
import targets
from harness import Peer, say

STREAMS = ('tcp', 'socks5', 'http')


@dataclass
class Case:
    """One thing to measure, as the generator knows it."""
    label: str
    kind: str
    protocols: tuple
    options: list = field(default_factory=list)
    seconds: float = 1.0

    def fits(self, peer, protocol):
        many = '_100' in self.label or '_8' in self.label and self.kind == 'udptrain'
        return protocol in self.protocols and not (peer.one_flow and many)


def cases(seconds):
    found = []

    def add(label, kind, protocols, *options):
        found.append(Case(label, kind, protocols, [str(o) for o in options], seconds))

    for count in (1, 8):
        for direction in ('down', 'up', 'both'):
            if (count, direction) != (1, 'both'):
                add(f'bulk_{direction}_{count}', 'bulk', STREAMS, '--dir', direction,
                    '--streams', count)
    add('connections', 'connrate', STREAMS, '--streams', 64)
    add('http_gets', 'httprps', ('httpfwd',), '--streams', 64, '--size', 64)
    add('round_trips', 'rr', STREAMS, '--streams', 64, '--size', 64)
    for size, flows in ((512, 1), (1400, 1), (512, 100)):
        add(f'udp_{size}_{flows}', 'udp', ('socks5', 'udpfwd'), '--size', size, '--flows', flows)
    for size in (512, 1400):
        add(f'train_{size}_1', 'udptrain', ('socks5', 'udptrain'), '--size', size, '--flows', 1)
    return found


class Run:
    """All rows of one invocation, appended to a file as they come."""

    def __init__(self, output, deadline):
        self.rows = []
        self.lines = open(output, 'w')
        self.deadline = deadline

    def add(self, row):
        self.rows.append(row)
        self.lines.write(json.dumps(row) + '\n')
        self.lines.flush()
        if 'error' in row:
            say(row['name'], row['proto'], row['case'], row['error'])

    def is_late(self, reserve=0):
        return time.time() > self.deadline - reserve


def measure(run, plan, server, near, far, rounds):
    """Interleaved: in each round every case runs over all peers, starting with another each time.
    `near` are in every round, `far` in the first two. Returns the peers that started."""
    if not server.start():
        sys.exit(f'bench: the backend could not take port {harness.BACKEND_PORT}')
    live = [peer for peer in near + far if peer.start()]
    for peer in near:
        if peer not in live:
            sys.exit(f'bench: {peer.name} does not start')
    check = Case('verify', 'verify', STREAMS, ['--bytes', str(64 << 20)])
    for peer in live:
        for protocol in peer.ports:
            if check.fits(peer, protocol):
                run.add(harness.run_once(check, peer, protocol))
    for number in range(rounds):
        for index, case in enumerate(plan):
            chosen = [(peer, protocol) for peer in live for protocol in peer.ports
                      if case.fits(peer, protocol) and (peer in near or number < 2)]
            turn = (number * 7 + index) % max(1, len(chosen))
            for peer, protocol in chosen[turn:] + chosen[:turn]:
                if run.is_late(reserve=90):
                    say('bench: the time is over, the last round is not complete')
                    return live
                if not peer.is_alive():
                    say(peer.name, 'has ended; started again')
                    peer.stop()
                    if not peer.start():
                        continue
                run.add(harness.run_quietly(case, peer, protocol, server))
        say(f'round {number + 1} of {rounds} done')
    return live


def measure_idle(run, live, count):
    """Memory and descriptors of idle connections, each peer freshly started and alone."""
    for peer in live:
        peer.stop()
    for peer in live:
        protocol = next((p for p in ('socks5', 'http', 'tcp') if p in peer.ports), None)
        if not protocol or run.is_late() or not peer.start():
            continue
        case = Case('idle', 'idle', STREAMS, ['--idle', str(min(count, peer.idle))], 15)
        run.add(harness.run_once(case, peer, protocol))
        peer.stop()


def summarize(rows):
    """Medians by case and `peer/protocol`."""
    table = {}
    for row in rows:
        key = f"{row['name']}/{row['proto']}"
        table.setdefault(row['case'], {}).setdefault(key, []).append(row)
    for case in table.values():
        for key, same in case.items():
            good = [row for row in same if 'error' not in row and row.get('value') is not None]
            cell = {'runs': len(good), 'unit': good[0].get('unit') if good else ''}
            if not good:
                cell['error'] = same[-1].get('error', 'no value')
            for name in ('value', 'cpu_s_per_GiB', 'cpu_s_per_k', 'p50_us', 'p99_us', 'loss',
                         'fds_per_conn', 'opened', 'foreign'):
                values = [row[name] for row in good if row.get(name) is not None]
                if values:
                    cell[name] = statistics.median(values)
            case[key] = cell
    return table


def cost(cell):
    """CPU per unit with its name; nothing where it was not measured."""
    if 'cpu_s_per_GiB' in cell:
        return cell['cpu_s_per_GiB'], 's/GiB'
    if 'cpu_s_per_k' in cell:
        return cell['cpu_s_per_k'] * 1000, 'us each'
    return None, ''


def print_tables(table):
    for label, case in table.items():
        if label == 'verify':
            wrong = sorted(key for key, cell in case.items() if cell.get('value') != 1)
            print(f'every byte kept both ways: {len(case) - len(wrong)} of {len(case)}'
                  + (f"; not by {', '.join(wrong)}" if wrong else ''))
            continue
        unit = next((cell['unit'] for cell in case.values() if cell['unit']), '')
        print(f'\n{label} [{unit}]')
        print(f'  {"peer":24} {"median":>11} {"CPU":>9} {"":7} {"p50 us":>8} {"p99 us":>9} '
              f'{"lost":>7} {"noise":>6} {"runs":>4}')
        lowest_first = label == 'idle'
        order = sorted(case, key=lambda key: case[key].get('value', -1), reverse=not lowest_first)
        for key in order:
            cell = case[key]
            if 'error' in cell:
                print(f'  {key:24} {cell["error"][:70]}')
                continue
            spent, per = cost(cell)
            columns = [f'{cell["value"]:11.2f}' if lowest_first else f'{cell["value"]:11,.0f}',
                       f'{spent:9.3f} {per:7}' if spent is not None else ' ' * 17]
            for name, width, digits in (('p50_us', 8, 0), ('p99_us', 9, 0), ('loss', 7, 4),
                                        ('foreign', 6, 2)):
                columns.append(f'{cell[name]:{width}.{digits}f}' if name in cell else ' ' * width)
            extra = f' {cell["fds_per_conn"]:.2f} descriptors' if 'fds_per_conn' in cell else ''
            print(f'  {key:24} {" ".join(columns)} {cell["runs"]:4}{extra}')


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('mode', choices=['weir', 'peers', 'list'])
    parser.add_argument('--rounds', type=int, default=5, help='of Weir and the probes (5)')
    parser.add_argument('--seconds', type=float, default=0.8, help='of each timed run (0.8)')
    parser.add_argument('--limit', type=float, default=720, help='seconds for everything (720)')
    parser.add_argument('--only', help='names of peers, with commas; Weir is always measured')
    parser.add_argument('--cases', help='beginnings of case names, with commas')
    parser.add_argument('--no-idle', action='store_true', help='leave idle connections out')
    parser.add_argument('--out', default=os.path.join(harness.BUILT, 'results.jsonl'))
    options = parser.parse_args()

    harness.build()
    idle = harness.prepare_machine()
    folder = harness.make_folder()
    near, far = peers.probes(folder), peers.others(folder)
    if options.only:
        near = [peer for peer in near if peer.name in options.only.split(',')]
        far = [peer for peer in far if peer.name in options.only.split(',')]
    if options.mode == 'weir':
        near[:0] = [peers.weir(folder), peers.weir_chain(folder)]
        if not os.path.exists(near[0].commands[0][0]):
            sys.exit('bench: there is no ./weir; `make bench` builds it')
    if options.mode == 'list':
        for peer in near + far:
            print(f'{peer.name:16} {peer.ports}')
        return
    wanted = tuple((options.cases or '').split(','))
    plan = [case for case in cases(options.seconds) if case.label.startswith(wanted)]

    start = time.time()
    run = Run(options.out, start + options.limit)
    server = harness.backend(folder)
    live = measure(run, plan, server, near, far, options.rounds)
    if not options.no_idle:
        measure_idle(run, live, idle)
    server.stop()
    Peer.stop_all()
    table = summarize(run.rows)
    print_tables(table)
    if options.mode == 'weir':
        print('\n' + targets.report(table))
        took, lost = reloading.measure(near[0].commands[0][0], folder)
        print(f'\nreload, 1,000 services, every second one changed: {took:.0f} ms; '
              f'{lost} of {reloading.FLOWS} flows lost')
    print(f'\n{len(run.rows)} runs in {time.time() - start:.0f} s; every row in {options.out}')


if __name__ == '__main__':
    main()
