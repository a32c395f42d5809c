"""A member of a consumer group. python3 group.py URL FEED GROUP MEMBER SECONDS CHANNEL:SYMBOL...   (SECONDS of work per entry; needs redis-py)"""
import json, sys, time
import redis


def work(r, keys, group, member, handle, count=10, idle=30_000):
    for key in keys:
        try:
            r.xgroup_create(key, group, "0-0")
        except redis.ResponseError as error:  # it is there already
            if "BUSYGROUP" not in str(error):
                raise
    pending = True  # first what this member had begun before it was restarted, then what is new
    while True:
        for key in keys:  # what others left unacknowledged for too long
            for i, f in r.xautoclaim(key, group, member, idle, "0-0", count)[1]:
                handle(key, i, f)
                r.xack(key, group, i)
        got = r.xreadgroup(group, member, {key: "0" if pending else ">" for key in keys}, count=count, block=1000)
        pending = pending and any(entries for _, entries in got)
        for key, entries in got:
            for i, f in entries:
                handle(key, i, f)  # at least once: its effect should be keyed by stream and id
                r.xack(key, group, i)


if __name__ == "__main__":
    url, feed, group, member, seconds, *topics = sys.argv[1:]

    def handle(key, i, f):
        time.sleep(float(seconds))
        print(json.dumps({"stream": key, "id": i} | f), flush=True)

    reader = redis.Redis.from_url(url, decode_responses=True, protocol=2)
    work(reader, [f"colony:{{{feed}}}:{t}" for t in topics], group, member, handle)
