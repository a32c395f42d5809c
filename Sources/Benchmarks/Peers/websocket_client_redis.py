"""The stack of the client of 2020: `websocket-client` and redis-py, one thread, one XADD and its reply per packet."""

import time

import redis
import websocket

from peer import Run

run = Run()
client = redis.Redis(unix_socket_path=run.redis)
socket = websocket.create_connection(run.url, sslopt={"ca_certs": run.authorities} if run.authorities else None)
socket.send(run.subscribe)
for number in range(run.count):
    message = socket.recv()
    if number == 0:
        run.first()
    client.xadd(run.stream, {"time": time.time_ns(), "data": message}, maxlen=10000, approximate=True)
run.report(run.count)
