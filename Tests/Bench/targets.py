"""The targets: what Weir must reach, of CPU per unit, against probes of the same invocation."""

import math

BULK = ('bulk_down_1', 'bulk_up_1', 'bulk_down_8', 'bulk_up_8', 'bulk_both_8')


def report(table):
    """A line for each target: the figure, the limit, and reached or by how much not."""
    lines = [f'{"target":60} {"Weir":>10} {"limit":>10}']

    def judge(name, figure, limit, unit, more_is_better=False):
        if figure is None or limit is None:
            lines.append(f'{name:60} {"not measured":>10}')
            return
        ratio = limit / figure if more_is_better else figure / limit
        verdict = 'reached' if ratio <= 1 else f'missed by {100 * (ratio - 1):.0f} %'
        lines.append(f'{name:60} {figure:10.3f} {limit:10.3f} {unit:8} {verdict}')

    def cpu(case, key, name='cpu_s_per_k', scale=1000):
        value = table.get(case, {}).get(key, {}).get(name)
        return value * scale if value is not None else None

    for protocol in ('socks5', 'tcp'):
        ratios = []
        for case in BULK:
            ours = cpu(case, f'weir/{protocol}', 'cpu_s_per_GiB', 1)
            probe = cpu(case, 'probe-splice1m/tcp', 'cpu_s_per_GiB', 1)
            judge(f'{case}, {protocol}: 1.15x splice probe', ours, times(probe, 1.15), 's/GiB')
            if ours and probe:
                ratios.append(ours / probe)
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None
        judge(f'bulk, {protocol}: mean ratio to the splice probe', mean, 1.15, 'x')

    for protocol in ('socks5', 'tcp'):
        judge(f'connection, {protocol}: 1.3x plain forward probe',
              cpu('connections', f'weir/{protocol}'),
              times(cpu('connections', 'probe-copy256k/tcp'), 1.3), 'us')
    judge('connection, socks5: 1.3x the probe that also speaks SOCKS5',
          cpu('connections', 'weir/socks5'), times(cpu('connections', 'probe-socks/socks5'), 1.3),
          'us')
    for protocol in ('socks5', 'tcp'):
        judge(f'64-byte round trip, {protocol}: 1.1x copy probe',
              cpu('round_trips', f'weir/{protocol}'),
              times(cpu('round_trips', 'probe-copy256k/tcp'), 1.1), 'us')
    judge('HTTP GET on a kept connection', cpu('http_gets', 'weir/httpfwd'), 20.0, 'us')
    for case in ('connections', 'round_trips'):
        judge(f'{case}, CONNECT: as socks5', cpu(case, 'weir/http'), cpu(case, 'weir/socks5'), 'us')
    for case in ('connections', 'round_trips'):
        judge(f'{case}, two gateways in a chain: 1.15x twice one',
              cpu(case, 'weir-chain/socks5'), times(cpu(case, 'weir/socks5'), 2.3), 'us')
    for case in BULK:
        judge(f'{case}, two gateways in a chain: 1.15x twice one',
              cpu(case, 'weir-chain/socks5', 'cpu_s_per_GiB', 1),
              times(cpu(case, 'weir/socks5', 'cpu_s_per_GiB', 1), 2.3), 's/GiB')
    for case in ('udp_512_1', 'udp_1400_1'):
        for protocol in ('socks5', 'udpfwd'):
            judge(f'{case} echo, {protocol}: the probe with segmentation',
                  cpu(case, f'weir/{protocol}'), cpu(case, 'probe-udp-gso/udpfwd'), 'us')
    for case in ('train_512_1', 'train_1400_1'):
        for protocol in ('socks5', 'udptrain'):
            each = cpu(case, f'weir/{protocol}')
            judge(f'{case} echoes per core, {protocol}: 1 million',
                  1 / each if each else None, 1.0, 'M/s', more_is_better=True)
    idle = table.get('idle', {}).get('weir/socks5', {})
    judge('memory of an idle flow', idle.get('value'), 1.0, 'KiB')
    judge('descriptors of an idle flow', idle.get('fds_per_conn'), 2.0, '')
    return '\n'.join(lines)


def times(value, factor):
    return value * factor if value is not None else None
