#!/usr/bin/env python3
"""One worker on a private Redis, a source of numbered packets, faults, and an independent judge of the streams.

  soak.py --colony .build/release/colony                          2 million packets; Redis killed, cut off or restarted every 20 s
  soak.py --colony .build/release/colony --outage 60 --spill      one outage at 5,000 packets/s; with spill nothing may be missing
  soak.py --colony .build/release/colony --outage 60              without: one gap, whose numbers must be right

Prints what happened as one line of JSON; exits with 1 when a promise was broken.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from judge import Judge
from resp import Redis, Refused
from source import SYMBOLS, Source


# Processes that end with this one.
children = []


class Server:
    """A private redis-server with an append-only file."""

    def __init__(self, directory, maxmemory):
        self.directory, self.socket = directory, directory + "/redis.sock"
        self.conf = directory + "/redis.conf"
        with open(self.conf, "w") as conf:
            conf.write(
                "port 0\nunixsocket %s\ndir %s\nsave \"\"\nappendonly yes\nappendfsync everysec\naof-load-truncated yes\n"
                "maxmemory-policy noeviction\nstream-node-max-bytes 16384\nstream-node-max-entries 0\n" % (self.socket, directory)
            )
            if maxmemory:
                conf.write("maxmemory %s\n" % maxmemory)
        self.process = None

    def start(self):
        log = open(self.directory + "/redis.log", "ab")
        self.process = subprocess.Popen(["redis-server", self.conf], stdout=log, stderr=log)
        children.append(self.process)

    def wait(self):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                redis = Redis(self.socket)
                redis.call("PING")
                return redis
            except (OSError, Refused):
                time.sleep(0.02)
        raise SystemExit("redis-server did not come up; see %s/redis.log" % self.directory)

    def kill(self, gently=False):
        if gently:
            try:
                Redis(self.socket).call("SHUTDOWN")
            except (OSError, Refused):
                pass
        else:
            self.process.kill()
        self.process.wait()


def configuration(directory, source, arguments, symbols=SYMBOLS):
    lines = [
        "redis:", '  url: "unix:%s/redis.sock"' % directory, "  direct: true", "worker:", "  name: soak",
        '  state_directory: "%s/state"' % directory, "placement:", "  settle: 1s", "ring:", '  bytes: "%d"' % arguments.ring,
    ]
    if arguments.spill:
        lines += ["spill:", '  path: "%s/spill"' % directory, "  max_bytes: 4GB"]
    lines += [
        "exchange:", "  connect_delay: 0s", "  retention: { maxlen: %d, control: 100000 }" % arguments.maxlen, "exchanges:", "  soak:",
        "    url: ws://127.0.0.1:%d/" % source.port, "    subscribe: '{\"op\":\"sub\",\"ch\":\"{channel}.{symbol}\"}'",
        "    channel_at: ch", "    symbol_at: s", "    heartbeat: { every: 15s }",
        "    topics: [ %s ]" % ", ".join('"trade S%d"' % n for n in range(symbols)),
    ]
    path = directory + "/colony.yaml"
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")
    return path


class Memory(threading.Thread):
    """The largest resident size of a process, in MB."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most = pid, 0
        self.start()

    def run(self):
        while True:
            try:
                with open("/proc/%d/status" % self.pid) as status:
                    size = next(line for line in status if line.startswith("VmRSS"))
            except (OSError, StopIteration):
                return
            self.most = max(self.most, int(size.split()[1]) // 1024)
            time.sleep(0.1)


def disturb(server, source, arguments, faults):
    """Kill, cut, restart in turn until the source has sent everything."""
    kinds = ["kill", "cut", "restart"]
    while source.sent == 0:
        time.sleep(0.05)
    while source.sent < source.count:
        end = time.monotonic() + arguments.every
        while time.monotonic() < end and source.sent < source.count:
            time.sleep(0.05)
        if source.sent >= source.count:
            return
        kind = kinds[len(faults) % 3]
        faults.append(kind)
        if kind == "cut":
            try:
                Redis(server.socket).call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            except (OSError, Refused) as error:
                print("soak: cut failed: %s" % error, flush=True)
        else:
            server.kill(gently=kind == "restart")
            time.sleep(arguments.down)
            server.start()
            server.wait().close()


def outage(server, source, arguments, faults):
    while source.sent < min(source.count, arguments.rate * 3):
        time.sleep(0.01)
    server.kill()
    began = source.sent
    end = time.monotonic() + arguments.outage
    while time.monotonic() < end:
        time.sleep(0.05)
    faults.append({"outage_s": arguments.outage, "packets_meanwhile": source.sent - began})
    server.start()
    server.wait().close()


def ended(number, frame):
    raise SystemExit(128 + number)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--colony", required=True, help="the program")
    parser.add_argument("--packets", type=int, help="2,000,000, or what an outage needs")
    parser.add_argument("--rate", type=int, help="packets per second; 20,000, or 5,000 with --outage")
    parser.add_argument("--every", type=float, default=20, help="seconds between faults")
    parser.add_argument("--down", type=float, default=1, help="seconds a killed Redis stays away")
    parser.add_argument("--outage", type=float, help="one outage of so many seconds instead")
    parser.add_argument("--spill", action="store_true")
    parser.add_argument("--ring", type=int, default=64 << 20, help="bytes")
    parser.add_argument("--maxlen", type=int, default=10_000, help="entries per stream")
    parser.add_argument("--maxmemory", help="of Redis")
    parser.add_argument("--patience", type=float, default=120, help="seconds the judge waits for the last packet after it was sent")
    parser.add_argument("--keep", action="store_true", help="keep the directory")
    arguments = parser.parse_args()
    arguments.rate = arguments.rate or (5_000 if arguments.outage else 20_000)
    arguments.packets = arguments.packets or (int(arguments.rate * (arguments.outage + 10)) if arguments.outage else 2_000_000)

    directory = tempfile.mkdtemp(prefix="colony-soak-")
    signal.signal(signal.SIGTERM, ended)
    try:
        return judged(arguments, directory)
    except BaseException:
        # Also for Ctrl-C and SIGTERM.
        for process in children:
            process.kill()
        if not arguments.keep:
            subprocess.run(["rm", "-rf", directory], check=False)
        raise


def judged(arguments, directory):
    server = Server(directory, arguments.maxmemory)
    server.start()
    redis = server.wait()
    # The data set is known to be fresh: nobody's lease has to be waited for.
    redis.call("HSET", "colony:{workers}:meta", "generation", "soak", "members_version", 0, "catalogue_version", 0)
    redis.close()
    source = Source(arguments.packets, arguments.rate)
    path = configuration(directory, source, arguments)
    log = open(directory + "/worker.log", "wb")
    worker = subprocess.Popen(
        [arguments.colony, "worker", "--single", "--config", path, "--log-level", "info"], stdout=subprocess.DEVNULL, stderr=log)
    children.append(worker)
    memory = Memory(worker.pid)
    judge = Judge(server.socket, "soak")
    faults = []
    work = outage if arguments.outage else disturb
    troubles = threading.Thread(target=work, args=(server, source, arguments, faults), daemon=True)
    troubles.start()
    sending = arguments.packets / arguments.rate + (arguments.outage or 0)
    complete = judge.follow(arguments.packets, time.monotonic() + 3 * sending + arguments.patience, lambda: worker.poll() is None)
    if worker.poll() is not None:
        judge.complain("the worker ended with code %s" % worker.returncode)
    troubles.join(60)
    spilled = 0
    if arguments.spill:
        spill = directory + "/spill/soak"
        spilled = len(os.listdir(spill)) if os.path.isdir(spill) else 0
    worker.send_signal(signal.SIGTERM)
    try:
        worker.wait(10)
    except subprocess.TimeoutExpired:
        judge.complain("the worker does not end")
        worker.kill()
    server.kill()

    lost = sum(end - start + 1 for _, start, end in judge.gaps)
    if not complete:
        judge.complain("packet %d was waited for in vain" % judge.next_number)
    if source.sockets != 1:
        judge.complain("%d websockets were opened" % source.sockets)
    if [kind for kind, _ in judge.markers if kind in ("rollback", "down")]:
        judge.complain("markers: %s" % judge.markers)
    if arguments.outage and not arguments.spill and len(judge.gaps) != 1:
        judge.complain("%d gaps instead of one: %s" % (len(judge.gaps), judge.gaps[:10]))
    if (arguments.spill or not arguments.outage) and judge.gaps:
        judge.complain("gaps: %s" % judge.gaps[:10])
    if judge.packets + lost != arguments.packets:
        judge.complain("%d stored and %d lost of %d" % (judge.packets, lost, arguments.packets))
    # Program, libraries, connections, and the ring at its bound twice over: what the allocator keeps is not the ring's.
    bound = 60 + 2 * (arguments.ring >> 20)
    if memory.most > bound:
        judge.complain("the worker took %d MB, more than %d" % (memory.most, bound))
    print(json.dumps({
        "packets": judge.packets, "megabytes": judge.bytes >> 20, "faults": faults, "gaps": judge.gaps, "lost": lost,
        "websockets": source.sockets, "worker_peak_mb": memory.most, "segments_left": spilled, "complaints": len(judge.faults),
        "seconds": round(time.monotonic() - (source.started or time.monotonic()), 1),
    }), flush=True)
    if judge.faults:
        print("\n".join(judge.faults[:20]), file=sys.stderr)
        print("logs are in %s" % directory, file=sys.stderr)
        return 1
    if not arguments.keep:
        subprocess.run(["rm", "-rf", directory], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
