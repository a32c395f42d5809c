"""What the Python peers share: arguments, what is measured, and the report.

Arguments are those of PathBaseline: host port path subscribe-text redis-socket stream count [ca-file]. CPU counts from the first message on,
so that starting an interpreter is not held against anybody.
"""

import json
import resource
import ssl
import sys
import time


def peak_kilobytes():
    """Since this program was started; ru_maxrss remembers the program that started it."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


class Run:
    def __init__(self):
        if len(sys.argv) < 8:
            sys.exit("usage: host port path subscribe-text redis-socket stream count [ca-file]")
        self.host, self.port, path, self.subscribe, self.redis, self.stream = sys.argv[1:7]
        self.count = int(sys.argv[7])
        self.authorities = sys.argv[8] if len(sys.argv) > 8 else None
        self.url = f"{'wss' if self.authorities else 'ws'}://{self.host}:{self.port}{path}"
        self.started = None

    @property
    def tls(self):
        return ssl.create_default_context(cafile=self.authorities) if self.authorities else None

    def first(self):
        self.started = time.monotonic()
        self.before = resource.getrusage(resource.RUSAGE_SELF)

    def report(self, packets):
        wall = time.monotonic() - self.started
        after = resource.getrusage(resource.RUSAGE_SELF)
        user, system = after.ru_utime - self.before.ru_utime, after.ru_stime - self.before.ru_stime
        print(
            json.dumps(
                {
                    "packets": packets,
                    "wall_s": wall,
                    "cpu_user_s": user,
                    "cpu_sys_s": system,
                    "us_per_packet": (user + system) * 1e6 / packets,
                    "maxrss_kb": peak_kilobytes(),
                }
            )
        )


async def store(run, messages, arrived):
    """Appends what has arrived, as much as there is at a time: one pipeline per round trip."""
    import redis.asyncio

    client = redis.asyncio.Redis(unix_socket_path=run.redis)
    stored = 0
    while stored < run.count:
        if not messages:
            arrived.clear()
            await arrived.wait()
        pipeline = client.pipeline(transaction=False)
        # Redis-py packs a pipeline as a whole: larger ones gain nothing.
        batch, messages[:256] = messages[:256], []
        for message in batch:
            pipeline.xadd(run.stream, {"time": time.time_ns(), "data": message}, maxlen=10000, approximate=True)
        await pipeline.execute()
        stored += len(batch)
    run.report(stored)
    await client.aclose()
