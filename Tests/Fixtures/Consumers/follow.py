"""Follows data streams of a feed. python3 follow.py URL FEED START CHANNEL:SYMBOL...   (START: an id, or milliseconds-0; needs redis-py)"""
import json, sys
import redis


def decode(i):  # "<ms>-<epoch><sequence as 12 digits>" -> (ms, epoch, sequence)
    ms, q = i.split("-")
    return int(ms), int(q[:-12] or 0), int(q[-12:])


def follow(r, control, streams, start, count=500):
    cursor, last = {k: start for k in (control, *streams)}, {}
    while True:
        got = r.xread(cursor, count=count)  # without BLOCK: one snapshot of all streams
        if not got:
            r.xread(cursor, count=1, block=5000)  # only a wake-up: it returns one stream even if one publish wrote to ten
            continue
        # A stream that returned COUNT entries may have more: deliver up to the lowest last id of such streams.
        limit = min((decode(e[-1][0]) for _, e in got if len(e) == count), default=(1 << 63,))
        for at, key, i, f in sorted(((decode(i), k, i, f) for k, e in got for i, f in e), key=lambda item: item[0]):
            if at > limit:
                break
            was, gap = last.get(key, (None, 0, 0)), f.get("marker") == "gap"  # a gap marker stands outside the chain of prev
            whole = gap or was[0] is None or (f.get("prev") == str(was[2]) if was[1] == at[1] else f.get("after") == was[0])
            cursor[key], last[key] = i, (i, at[1], was[2] if gap else at[2])
            yield at, key, i, f, whole


if __name__ == "__main__":
    url, feed, start, *topics = sys.argv[1:]
    prefix = f"colony:{{{feed}}}:"
    reader = redis.Redis.from_url(url, decode_responses=True, protocol=2)
    for (_, epoch, sequence), key, i, f, whole in follow(reader, f"{prefix}feed:{feed}", [prefix + t for t in topics], start):
        print(json.dumps({"stream": key, "id": i, "epoch": epoch, "sequence": sequence, "whole": whole} | f), flush=True)
