"""A websocket server whose n-th packet anybody can compute: the other end of the truth. Standard library only."""
import base64
import hashlib
import json
import random
import socket
import threading
import time

FILLER = "".join(random.Random(7).choice("abcdefghijklmnopqrstuvwxyz0123456789 ") for _ in range(1 << 17)).encode()
SYMBOLS = 8


def size(number):
    """Bytes of filler: mostly small, sometimes a book, rarely a snapshot."""
    mixed = (number * 2654435761) & 0xFFFFFFFF
    kind = mixed % 1000
    if kind < 900:
        return 20 + (mixed >> 10) % 300
    if kind < 998:
        return 500 + (mixed >> 10) % 3000
    return 20_000 + (mixed >> 10) % 40_000


def payload(number):
    count = size(number)
    start = number * 31 % (len(FILLER) - count)
    return b'{"ch":"trade","s":"S%d","n":%d,"x":"%s"}' % (number % SYMBOLS, number, FILLER[start : start + count])


def frame(number):
    return framed(payload(number))


def framed(data):
    count = len(data)
    if count < 126:
        return b"\x81%c" % count + data
    if count < 65536:
        return b"\x81\x7e" + count.to_bytes(2, "big") + data
    return b"\x81\x7f" + count.to_bytes(8, "big") + data


class Source:
    """Sends `count` packets at `rate` a second, from the first message of the client on; numbers go on over connections.

    `make` gives the frame of a number, at most `burst` of them are sent in one piece."""

    def __init__(self, count, rate, make=frame, burst=200):
        self.count, self.rate, self.make, self.burst = count, rate, make, burst
        self.sent = 0
        self.sockets = 0
        # A frame is not to be cut in two by a pong.
        self.turn = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.is_over = False
        # Counted from the first message of the first client.
        self.started = None
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while not self.is_over:
            client, _ = self.listener.accept()
            self.sockets += 1
            try:
                self.talk(client)
            except OSError as error:
                print("source: socket %d ended at packet %d: %s" % (self.sockets, self.sent, error), flush=True)

    def talk(self, client):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = b""
        while b"\r\n\r\n" not in request:
            got = client.recv(4096)
            if not got:
                return
            request += got
        key = next(line.split(b":", 1)[1].strip() for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        client.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        if not client.recv(4096):
            return
        drain = threading.Thread(target=self.drain, args=(client,), daemon=True)
        drain.start()
        self.started = self.started or time.monotonic()
        begun, at_begin = time.monotonic(), self.sent
        while self.sent < self.count:
            due = min(self.count, at_begin + int((time.monotonic() - begun) * self.rate) + 1)
            if due <= self.sent:
                time.sleep(0.001)
                continue
            due = min(due, self.sent + self.burst)
            frames = b"".join(self.make(number) for number in range(self.sent + 1, due + 1))
            with self.turn:
                client.sendall(frames)
            self.sent = due
        # A quiet line is a dead one to the client: go on until it closes, with what it does not count.
        drain.join()

    def drain(self, client):
        """Reads what the client says; answers its pings, which it needs to believe in the line."""
        try:
            while True:
                head = client.recv(2, socket.MSG_WAITALL)
                if len(head) < 2:
                    return
                count = head[1] & 0x7F
                if count == 126:
                    count = int.from_bytes(client.recv(2, socket.MSG_WAITALL), "big")
                mask = client.recv(4, socket.MSG_WAITALL)
                data = client.recv(count, socket.MSG_WAITALL) if count else b""
                if head[0] & 0x0F == 9:
                    with self.turn:
                        client.sendall(b"\x8a%c" % count + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))
                if head[0] & 0x0F == 8:
                    return
        except OSError:
            return
