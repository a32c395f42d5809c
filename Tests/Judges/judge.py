"""Checks a feed's streams by the documented layout alone: every id once, in order, contiguous or declared, contents equal."""
import time

from resp import Redis, Refused
from source import payload

SEQUENCES = 10**12


class Judge:
    """Follows all streams of one feed of the source `source.py`, over outages of Redis."""

    def __init__(self, address, feed, namespace="colony"):
        self.address, self.prefix, self.feed = address, "%s:{%s}:" % (namespace, feed), feed
        self.control = self.prefix + "feed:" + feed
        self.cursors = {self.control: (0, 0)}
        self.redis = None
        self.packets = 0
        self.bytes = 0
        self.next_number = 1
        self.position = (0, 0)  # of the last entry of all streams
        self.epoch, self.sequence = 0, 0
        self.last = {}  # per stream: (epoch, sequence, id)
        self.gaps = []  # (epoch, from, to)
        self.markers = []
        self.faults = []

    def complain(self, text):
        self.faults.append(text)
        if len(self.faults) <= 20:
            print("judge: " + text, flush=True)

    def connect(self):
        self.redis = Redis(self.address)
        self.discover()

    def discover(self):
        for key in (self.redis.call("HGETALL", self.prefix + "streams:" + self.feed) or [])[::2]:
            self.cursors.setdefault(key.decode(), (0, 0))

    def follow(self, until, deadline, goes_on=lambda: True):
        """Reads until packet number `until` was seen or declared lost. False when the deadline (monotonic) passes or `goes_on` says no first."""
        while self.next_number <= until:
            if time.monotonic() > deadline or not goes_on():
                return False
            try:
                if self.redis is None:
                    self.connect()
                if not self.step():
                    self.discover()
                    self.redis.xread(self.cursors, 1, block=500)
            except (OSError, Refused) as error:
                if self.redis:
                    self.redis.close()
                self.redis = None
                if isinstance(error, Refused) and not str(error).startswith(("LOADING", "BUSY")):
                    raise
                time.sleep(0.05)
        return True

    def step(self, count=2000):
        """One snapshot of all streams; what may come before an entry not yet read waits for the next."""
        got = self.redis.xread(self.cursors, count)
        limit, entries = None, []
        for key, found in got:
            if len(found) == count and (limit is None or found[-1][:2] < limit):
                limit = found[-1][:2]
            entries += [(entry[:2], key, entry) for entry in found]
        entries.sort(key=lambda item: item[0])
        if self.unknown(entries):
            self.discover()
            return True
        for at, key, entry in entries:
            if limit and at > limit:
                break
            self.cursors[key] = at
            self.check(at, key, entry)
        return bool(got)

    def unknown(self, entries):
        """A hole in S may be in a stream that opened since the registry was read: it must be known before anything is judged."""
        before = len(self.cursors)
        self.discover()
        return len(self.cursors) > before

    def check(self, at, key, entry):
        _, part, _, prev, data, after = entry
        epoch, sequence = divmod(part, SEQUENCES)
        where = "%d-%d in %s" % (at + (key,))
        if at <= self.position:
            if self.is_late_gap(key, epoch, sequence, data):
                return
            return self.complain("%s comes behind %d-%d" % ((where,) + self.position))
        self.position = at
        if isinstance(data, dict):
            return self.check_marker(where, key, epoch, sequence, data, at)
        if epoch != self.epoch or sequence != self.sequence + 1:
            self.complain("%s follows %d/%d: something is missing and not declared" % (where, self.epoch, self.sequence))
        if data != payload(self.next_number):
            self.complain("%s is not packet %d: %r" % (where, self.next_number, data[:80]))
            self.next_number = int(data.split(b'"n":', 1)[1].split(b",", 1)[0])
        known = self.last.get(key)
        if known and known[0] == epoch:
            if prev != known[1] and not any(e == epoch and a <= prev <= b for e, a, b in self.gaps):
                self.complain("%s has prev %d, not %d" % (where, prev, known[1]))
        elif key != self.control and prev == 0 and after != (b"0-0" if known is None else known[2]):
            self.complain("%s has after %r, not %r" % (where, after, known and known[2]))
        self.last[key] = (epoch, sequence, b"%d-%d" % at)
        self.epoch, self.sequence = epoch, sequence
        self.next_number += 1
        self.packets += 1
        self.bytes += len(data)

    def is_late_gap(self, key, epoch, sequence, data):
        """The server lost what it wrote last, readers have it, and the producer has it no more: the gap lies behind the reader."""
        return (
            key == self.control and isinstance(data, dict) and data.get("marker") == b"gap"
            and (epoch, int(data["to"])) <= (self.epoch, self.sequence) and int(data["to"]) == sequence)

    def check_marker(self, where, key, epoch, sequence, fields, at):
        kind = fields.get("marker", b"?").decode()
        if key != self.control:
            self.complain("%s: a %s on a data stream" % (where, kind))
        if kind == "gap":
            start, end = int(fields["from"]), int(fields["to"])
            # A server that lost what it wrote last declares what this reader has as missing; the rest of the gap is news.
            if start <= self.sequence < end and epoch == self.epoch:
                start = self.sequence + 1
            if epoch != self.epoch or start != self.sequence + 1 or end != sequence:
                self.complain("%s: gap %d..%d behind %d/%d" % (where, start, end, self.epoch, self.sequence))
            self.gaps.append((epoch, start, end))
            # Within an epoch S and the source's numbers go in step.
            self.next_number += end - start + 1
            self.sequence = end
            return
        self.markers.append((kind, epoch))
        if kind == "down":
            if epoch != self.epoch or sequence != self.sequence + 1:
                self.complain("%s: down behind %d/%d" % (where, self.epoch, self.sequence))
            self.sequence = sequence
        else:
            if epoch <= self.epoch or sequence != 0:
                self.complain("%s: %s does not open an epoch behind %d" % (where, kind, self.epoch))
            self.epoch, self.sequence = epoch, 0
