// Follows data streams of a feed. node follow.cjs URL FEED START CHANNEL:SYMBOL...   (START: an id, or milliseconds-0; Node alone)
const { Redis } = require("./resp.cjs"); // or any client: node-redis has sendCommand

const [url, feed, start, ...topics] = process.argv.slice(2);
const prefix = `colony:{${feed}}:`;
const keys = [`${prefix}feed:${feed}`, ...topics.map((topic) => prefix + topic)]; // the control stream first
const count = 500;

// "<ms>-<epoch><sequence as 12 digits>": the second part exceeds 2^53, so it becomes a BigInt.
const split = (id) => id.split("-").map(BigInt);
const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const compare = (a, b) => order(a[0], b[0]) || order(a[1], b[1]);

async function* follow(client) {
  const cursor = new Map(keys.map((key) => [key, start]));
  const last = new Map();
  const read = (...options) => client.call("XREAD", "COUNT", ...options, "STREAMS", ...keys, ...cursor.values());
  for (;;) {
    const got = await read(String(count)); // without BLOCK: one snapshot of all streams
    if (!got) {
      await read("1", "BLOCK", "5000"); // only a wake-up: it returns one stream even if one publish wrote to ten
      continue;
    }
    const entries = got.flatMap(([key, list]) => list.map(([id, flat]) => ({ key, id, at: split(id), flat })));
    entries.sort((a, b) => compare(a.at, b.at));
    // A stream that returned COUNT entries may have more: deliver up to the lowest last id of such streams.
    const full = got.filter(([, list]) => list.length === count);
    const [limit] = full.map(([, list]) => split(list.at(-1)[0])).sort(compare);
    for (const { key, id, at, flat } of entries) {
      if (limit && compare(at, limit) > 0) break;
      const fields = Object.fromEntries(flat.flatMap((name, n) => (n % 2 ? [] : [[name, flat[n + 1]]])));
      const [epoch, sequence] = [Number(at[1] / 10n ** 12n), Number(at[1] % 10n ** 12n)];
      const was = last.get(key);
      const gap = fields.marker === "gap"; // stands outside the chain of prev
      const whole = gap || !was || (was.epoch === epoch ? fields.prev === String(was.sequence) : fields.after === was.id);
      cursor.set(key, id);
      last.set(key, { id, epoch, sequence: gap ? (was?.sequence ?? 0) : sequence });
      yield { stream: key, id, epoch, sequence, whole, ...fields };
    }
  }
}

(async () => {
  for await (const event of follow(new Redis(url))) console.log(JSON.stringify(event));
})();
