#!/usr/bin/env python3
"""Time from the exchange's send to a reader of the streams, with few and with many streams, at the same rate.

  latency.py --colony .build/release/colony --streams 1 1000 --rate 5000 --seconds 10 --rounds 3

The reader follows eight streams (or all, where there are fewer), so that what is compared is the way there and not the reader. One line of JSON
per number of streams: milliseconds at p50, p99, p99.9 over all rounds, and the median over the rounds of p99.
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from soak import Server, configuration
from source import Source, framed


def once(colony, streams, rate, seconds):
    directory = tempfile.mkdtemp(prefix="colony-latency-")
    server = Server(directory, None)
    server.start()
    redis = server.wait()
    redis.call("HSET", "colony:{workers}:meta", "generation", "latency", "members_version", 0, "catalogue_version", 0)

    def make(number):
        return framed(b'{"ch":"trade","s":"S%d","n":%d,"t":%d,"x":"%s"}' % (number % streams, number, time.monotonic_ns(), b"x" * 140))

    source = Source(int(rate * seconds), rate, make, burst=8)
    arguments = argparse.Namespace(ring=64 << 20, spill=False, maxlen=10_000)
    path = configuration(directory, source, arguments, streams)
    worker = subprocess.Popen([colony, "worker", "--single", "--config", path, "--log-level", "error"], stdout=subprocess.DEVNULL)
    keys = {"colony:{soak}:trade:S%d" % n: (0, 0) for n in range(min(streams, 8))}
    taken, deadline = [], time.monotonic() + seconds * 3 + 60
    try:
        while source.sent < source.count and time.monotonic() < deadline:
            # Only the streams that are read: the rules for merging are not what is measured.
            got = redis.xread(keys, 1000, block=100)
            now = time.monotonic_ns()
            for key, entries in got:
                keys[key] = entries[-1][:2]
                for entry in entries:
                    taken.append((now - int(entry[4].split(b'"t":', 1)[1].split(b",", 1)[0])) / 1e6)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(20)
        server.kill()
        subprocess.run(["rm", "-rf", directory], check=False)
    if source.sent < source.count:
        raise SystemExit("only %d of %d packets were sent" % (source.sent, source.count))
    # The first second opens the streams.
    return taken[int(len(taken) / seconds) :]


def at(values, share):
    values = sorted(values)
    return round(values[min(len(values) - 1, int(len(values) * share))], 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--colony", required=True)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 1000])
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    found = {streams: [] for streams in arguments.streams}
    for _ in range(arguments.rounds):
        for streams in arguments.streams:
            found[streams].append(once(arguments.colony, streams, arguments.rate, arguments.seconds))
    for streams, rounds in found.items():
        every = [value for values in rounds for value in values]
        print(json.dumps({
            "streams": streams, "rate": arguments.rate, "samples": len(every), "p50": at(every, 0.5), "p99": at(every, 0.99),
            "p999": at(every, 0.999), "median_p99": round(statistics.median(at(values, 0.99) for values in rounds), 3),
        }), flush=True)


if __name__ == "__main__":
    main()
