"""A small client of Redis' protocol, and a quick reader of XREAD replies. Standard library only."""
import re
import socket

PACKET = re.compile(
    rb"\*2\r\n\$\d+\r\n(\d+)-(\d+)\r\n\*([68])\r\n\$4\r\ntime\r\n\$\d+\r\n(\d+)\r\n\$4\r\nprev\r\n\$\d+\r\n(\d+)\r\n\$4\r\ndata\r\n\$(\d+)\r\n"
)


class Refused(Exception):
    """An error reply."""


class Redis:
    """One connection by unix socket, or by (host, port)."""

    def __init__(self, address, timeout=30):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.buffer = bytearray()
        self.at = 0

    def close(self):
        self.socket.close()

    def call(self, *arguments):
        self.send(*arguments)
        return self.reply()

    def send(self, *arguments):
        parts = [b"*%d\r\n" % len(arguments)]
        for argument in arguments:
            if isinstance(argument, int):
                argument = str(argument)
            if isinstance(argument, str):
                argument = argument.encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(argument), argument))
        self.socket.sendall(b"".join(parts))

    def fill(self):
        if self.at > 1 << 20:
            del self.buffer[: self.at]
            self.at = 0
        got = self.socket.recv(1 << 18)
        if not got:
            raise ConnectionError("Redis closed the connection")
        self.buffer += got

    def line(self):
        while True:
            end = self.buffer.find(b"\r\n", self.at)
            if end >= 0:
                line = bytes(self.buffer[self.at : end])
                self.at = end + 2
                return line
            self.fill()

    def take(self, count):
        while len(self.buffer) < self.at + count + 2:
            self.fill()
        data = bytes(self.buffer[self.at : self.at + count])
        self.at += count + 2
        return data

    def reply(self):
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"-":
            raise Refused(rest.decode())
        if kind == b"$":
            return None if rest == b"-1" else self.take(int(rest))
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        raise ValueError("not a reply: %r" % line)

    def xread(self, cursors, count, block=None):
        """[(key, [(ms, sequence part, time, prev, data, after)])]; markers have their fields as a dict in the place of `data`."""
        options = [] if block is None else ["BLOCK", block]
        self.send("XREAD", "COUNT", count, *options, "STREAMS", *cursors, *("%d-%d" % c for c in cursors.values()))
        line = self.line()
        if line[:1] == b"-":
            raise Refused(line[1:].decode())
        streams = []
        for _ in range(max(0, int(line[1:]))):
            self.line()
            key = self.reply().decode()
            streams.append((key, [self.entry() for _ in range(int(self.line()[1:]))]))
        return streams

    def entry(self):
        found = PACKET.match(self.buffer, self.at)
        if not found:
            # A marker, or the beginning of a packet that has not arrived as a whole.
            while len(self.buffer) - self.at < 512 and not self.whole():
                self.fill()
            found = PACKET.match(self.buffer, self.at)
        if not found:
            entry_id, flat = self.reply()
            ms, part = entry_id.split(b"-")
            fields = dict(zip([n.decode() for n in flat[::2]], flat[1::2]))
            return int(ms), int(part), 0, None, fields, fields.get("after")
        # The match looks at the buffer, which moves with the next read.
        ms, part, fields, time, prev, length = map(int, found.groups())
        self.at = found.end()
        data = self.take(length)
        after = None
        if fields == 8:
            self.reply()
            after = self.reply()
        return ms, part, time, prev, data, after

    def whole(self):
        """Whether one reply is complete in the buffer."""
        start = self.at
        try:
            self.at, ok = self.skip(start)
        finally:
            self.at = start
        return ok

    def skip(self, at):
        end = self.buffer.find(b"\r\n", at)
        if end < 0:
            return at, False
        kind, rest = self.buffer[at : at + 1], self.buffer[at + 1 : end]
        at = end + 2
        if kind == b"$" and rest != b"-1":
            at += int(rest) + 2
            return at, at <= len(self.buffer)
        if kind == b"*" and rest != b"-1":
            for _ in range(int(rest)):
                at, ok = self.skip(at)
                if not ok:
                    return at, False
        return at, True
