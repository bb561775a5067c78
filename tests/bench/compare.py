#!/usr/bin/python3
"""Runs mnemo_bench and other programs with the same command line and workloads in turn, A B A B, in
the same environment, and prints the ratios of their times with their spread, and each workload's
share of what the machine can do, measured in the same run.

  compare.py --build BUILD --peer 'LABEL=COMMAND' [--peer ...] [--threads 2] [--rounds 3]
             [--only NAME,PREFIX*] [--neighbour]

A ratio is the peer's time over mnemo's: above 1, mnemo is faster. "best" divides the least times of
all rounds, "median" the medians of the rounds' medians; the spread is that of the rounds' ratios of
least times. A workload that a peer does not have is left out there; ckpt_load_unchecked, which has no
CRC to check, stands beside the peer's ckpt_load, as equal work, and outside the means. --neighbour adds
how the time of mlp_step rises beside a process that keeps one processor busy. OPENBLAS_CORETYPE and
OPENBLAS_L2_SIZE are unset for all programs, unless --keep-environment is given.
"""
import argparse
import fcntl
import json
import math
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

# Arithmetic (FLOP), memory traffic (bytes) or file traffic of one iteration of each workload, as its
# definition demands them: what mnemo saves by another algorithm counts as done.
CONV1 = 2 * 64 * 64 * 16 * 196  # 1x28x28 -> 64, 4x4, stride 2, batch 64, one direction
CONV2 = 2 * 64 * 64 * 128 * 16 * 49  # 64x14x14 -> 128, 4x4, stride 2
PROJECT = 2 * 64 * 100 * 6272
FLOPS = {
    'mlp_step': 2 * 128 * (2 * 784 * 512 + 3 * (512 * 256 + 256 * 10)),
    'convnet_step': 2 * 64 * (2 * 32 * 9 * 784 + 3 * (64 * 32 * 9 * 196 + 3136 * 128 + 128 * 10)),
    'dcgan_step': 2 * PROJECT + 3 * (CONV1 + CONV2) + 2 * (2 * CONV1 + 3 * CONV2)
                  + 2 * (CONV1 + CONV2),
    'dcgan_step_unfrozen': 2 * PROJECT + 3 * (CONV1 + CONV2) + 2 * (2 * CONV1 + 3 * CONV2)
                           + 3 * (CONV1 + CONV2),
    'wgan_gp_step': 4 * (CONV1 + CONV2) + 2 * (2 * CONV1 + 3 * CONV2),
    'matmul_1024': 6 * 1024 ** 3,
    'matmul_32': 6 * 32 ** 3,
    'conv_c64_28_k3': 6 * 64 * 64 * 64 * 9 * 784,
    'conv_c128_14_k3': 6 * 64 * 128 * 128 * 9 * 196,
    'conv_c1_28_k4s2': 3 * CONV1,
    'conv_c64_14_k4s2': 3 * CONV2,
    'convt_c128_7_k4s2': 3 * CONV2,
}
BYTES = {
    'adam_10m': (7 * 40e6, 'update'),
    'sgd_momentum_10m': (5 * 40e6, 'update'),
    'elementwise_16m': (5 * 4 * 2 ** 24, 'triad_nontemporal'),
    'softmax_4096x1000': (5 * 4 * 4096 * 1000, 'triad_nontemporal'),
    'sum_axis0_4096': (4 * 4096 ** 2, 'read'),
    'sum_axis1_4096': (4 * 4096 ** 2, 'read'),
}
FILES = {'ckpt_save': 'file_write', 'ckpt_save_fsync': 'file_write_fsync', 'ckpt_load': 'file_read',
         'ckpt_load_unchecked': 'file_read'}


def share(name, milliseconds, ceilings):
    """Which part of the machine's rate the workload reaches, as text."""
    seconds = milliseconds * 1e-3
    if name in FLOPS:
        part, unit = FLOPS[name] / seconds / (ceilings['sgemm'] * 1e9), 'sgemm'
    elif name in BYTES:
        traffic, unit = BYTES[name]
        part = traffic / seconds / (ceilings[unit] * 1e9)
    elif name in FILES:
        part, unit = 400e6 / seconds / (ceilings[FILES[name]] * 1e6), FILES[name]
    else:
        return ''
    return f'{100 * part:.0f} % of {unit}'


def busy_share(seconds=0.7):
    """The share of the machine's processors that is in use."""

    def used_and_all():
        with open('/proc/stat') as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks)

    used, total = used_and_all()
    time.sleep(seconds)
    used_then, total_then = used_and_all()
    return (used_then - used) / max(1, total_then - total)


def wait_until_quiet(most_seconds):
    end = time.monotonic() + most_seconds
    while busy_share() > 0.08 and time.monotonic() < end:
        pass


class Runner:
    def __init__(self, arguments, environment):
        self.arguments = arguments
        self.environment = environment
        self.disturbed = set()

    def output(self, command):
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment)
        if done.returncode:
            sys.exit(f'compare.py: {shlex.join(command)} ended with {done.returncode}: '
                     f'{done.stderr.strip()[-500:]}')
        return done.stdout

    def names(self, command):
        return self.output(command + ['--list']).split()

    def startup(self, command):
        """From exec to exit, the first of several runs left out: it reads the program from the disk."""
        times = []
        for _ in range(6):
            start = time.perf_counter()
            self.output(command + ['--threads', str(self.arguments.threads), '--only', 'startup'])
            times.append(1e3 * (time.perf_counter() - start))
        return {'median_ms': statistics.median(times[1:]), 'min_ms': min(times[1:]), 'rss': math.nan}

    def run(self, command, name, quiet=True):
        if quiet:
            wait_until_quiet(self.arguments.wait)
        if name == 'startup':
            return self.startup(command)
        report = json.loads(self.output(
            command + ['--threads', str(self.arguments.threads), '--only', name, '--json',
                       '--check', '--seconds', str(self.arguments.seconds)]))
        result = report['workloads'][name]
        if result.get('other_cpu', 0) > 0.05 or result.get('steal', 0) > 0.03:
            self.disturbed.add(name)
        return {**result, 'rss': report['peak_rss_mib'], 'checks': report['checks']}


def peer_name(name):
    """The peer's workload that does the same work."""
    return name.removesuffix('_unchecked')


def matches(name, patterns):
    return not patterns or any(
        name == pattern or (pattern.endswith('*') and name.startswith(pattern[:-1]))
        for pattern in patterns)


def check_differences(name, ours, theirs):
    """Values that both programs must reproduce, and do not."""
    for key, value in ours.get('checks', {}).items():
        other = theirs.get('checks', {}).get(key)
        allowed = 1e-3 if '@10' in key else 1e-4
        if other is not None and not abs(value - other) <= allowed * abs(other):
            yield f'{name}: check {key} is {value:.8g}, the peer has {other:.8g}'


def medians(runs):
    return statistics.median(run['median_ms'] for run in runs)


def print_table(runs, ceilings, disturbed):
    """One line for each workload, a group of columns for each peer, and the geometric means."""
    ours, peers = runs['mnemo'], [label for label in runs if label != 'mnemo']
    print(f"{'':22s}{'mnemo':>9s}{'':9s}{'':6s}"
          + ''.join(f'| {label:<55s}' for label in peers))
    print(f"{'workload':22s}{'best ms':>9s}{'median':>9s}{'MiB':>6s}"
          + f"| {'best ms':>9s}{'median':>9s}{'MiB':>6s}{'best':>8s}{'spread':>14s}{'median':>8s} "
          * len(peers) + '| share of the ceiling')
    ratios = {label: ([], []) for label in peers}
    problems = []
    for name in ours:
        least = min(run['min_ms'] for run in ours[name])
        line = f"{name:22s}{least:9.4g}{medians(ours[name]):9.4g}{memory(ours[name]):6.0f}"
        for label in peers:
            theirs = runs[label].get(name)
            if not theirs:
                line += f"| {'-':>55s}"
                continue
            peer_least = min(run['min_ms'] for run in theirs)
            rounds = [b['min_ms'] / a['min_ms'] for a, b in zip(ours[name], theirs)]
            best, median = peer_least / least, medians(theirs) / medians(ours[name])
            if peer_name(name) == name:
                ratios[label][0].append(best)
                ratios[label][1].append(median)
            line += (f'| {peer_least:9.4g}{medians(theirs):9.4g}{memory(theirs):6.0f}'
                     f'{best:8.2f}{min(rounds):8.2f}-{max(rounds):<5.2f}{median:8.2f} ')
            problems += check_differences(f'{name} of {label}', ours[name][0], theirs[0])
        print(line + f'| {share(name, least, ceilings)}'
              + ('  (disturbed)' if name in disturbed else ''))
    for label, (best, median) in ratios.items():
        if best:
            print(f'{label}: geometric mean of the ratios {statistics.geometric_mean(best):.2f} of the '
                  f'best times, {statistics.geometric_mean(median):.2f} of the medians')
    for problem in problems:
        print(problem)
    return not problems


def memory(runs):
    return max(run['rss'] for run in runs)


def print_neighbour(runner, commands):
    """How mlp_step rises beside a process that keeps one processor busy."""
    name = 'mlp_step'
    for label, command in commands.items():
        alone = runner.run(command, name)['median_ms']
        with subprocess.Popen([sys.executable, '-c', 'while True: pass']) as neighbour:
            crowded = runner.run(command, name, quiet=False)['median_ms']
            neighbour.kill()
        print(f'{name} of {label}: {alone:.4g} ms alone, {crowded:.4g} ms beside a busy process: '
              f'{crowded / alone:.2f} times as long')


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', type=pathlib.Path, required=True, help='build folder of mnemo')
    parser.add_argument('--peer', action='append', default=[], metavar='LABEL=COMMAND',
                        help='another program; may be given several times')
    parser.add_argument('--neighbour', action='store_true', help='also mlp_step beside a busy process')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=2.0, help='of timing for each line')
    parser.add_argument('--only', default='', help='NAME[,PREFIX*...]')
    parser.add_argument('--wait', type=float, default=20, help='seconds to wait for a quiet machine')
    parser.add_argument('--dir', default='/tmp', help='folder for the checkpoints')
    parser.add_argument('--out', type=pathlib.Path, help='write all results there as JSON')
    parser.add_argument('--keep-environment', action='store_true')
    parser.add_argument('--no-build', action='store_true', help='measure what is there')
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    environment = dict(os.environ)
    if not arguments.keep_environment:
        for name in ('OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE'):
            environment.pop(name, None)
    if not arguments.no_build:
        subprocess.run(['cmake', '--build', arguments.build, '--target', 'bench'], check=True)
    programs = arguments.build / 'tests' / 'bench'
    commands = {'mnemo': [str(programs / 'mnemo_bench'), '--dir', arguments.dir]}
    for peer in arguments.peer:
        label, _, command = peer.partition('=')
        commands[label] = shlex.split(command)
    runner = Runner(arguments, environment)
    patterns = [pattern for pattern in arguments.only.split(',') if pattern]
    names = [name for name in runner.names(commands['mnemo']) if matches(name, patterns)]
    runs = {}
    for label, command in commands.items():
        known = runner.names(command)
        runs[label] = {name: [] for name in names if label == 'mnemo' or peer_name(name) in known}
    # Held by whoever measures on this machine, so that two never do at once.
    with open(os.path.join(tempfile.gettempdir(), 'mnemo-bench.lock'), 'a') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ceilings = dict(line.split() for line in runner.output(
            [str(programs / 'ceilings'), str(arguments.threads), arguments.dir]).splitlines())
        ceilings = {name: float(rate) for name, rate in ceilings.items()}
        print(f'ceilings with {arguments.threads} threads (sgemm GF/s, memory GB/s, files MB/s): '
              + ', '.join(f'{name} {rate:.5g}' for name, rate in ceilings.items()), flush=True)
        for turn in range(arguments.rounds):
            for name in names:
                for label, command in commands.items():
                    if name in runs[label]:
                        called = name if label == 'mnemo' else peer_name(name)
                        runs[label][name].append(runner.run(command, called))
                print(f'# round {turn + 1} of {arguments.rounds}: {name}', file=sys.stderr, flush=True)
        if arguments.neighbour:
            print_neighbour(runner, commands)
    if arguments.out:
        arguments.out.write_text(json.dumps(
            {'threads': arguments.threads, 'ceilings': ceilings, 'runs': runs}, indent=1))
    return 0 if print_table(runs, ceilings, runner.disturbed) else 1


if __name__ == '__main__':
    sys.exit(main())
