// The few lines of Redis' protocol that a reader of streams needs, on Node alone: new Redis("redis://host:port" or "unix:/path").call("XREAD", ..)
const net = require("net");

exports.Redis = class {
  constructor(url) {
    const at = url.startsWith("unix:") ? { path: url.slice(5) } : { host: new URL(url).hostname, port: new URL(url).port || 6379 };
    this.socket = net.connect(at);
    this.buffer = Buffer.alloc(0);
    this.waiting = [];
    this.socket.on("data", (bytes) => this.received(bytes));
    this.socket.on("error", (error) => this.waiting.forEach(([, fail]) => fail(error)));
    this.socket.on("close", () => this.waiting.forEach(([, fail]) => fail(new Error("Redis closed the connection"))));
  }

  call(...words) {
    const parts = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
    this.socket.write(`*${words.length}\r\n${parts.join("")}`);
    return new Promise((done, fail) => this.waiting.push([done, fail]));
  }

  received(bytes) {
    this.buffer = Buffer.concat([this.buffer, bytes]);
    for (let found; this.waiting.length && (found = this.parse(0)); this.buffer = this.buffer.subarray(found.end)) {
      const [done, fail] = this.waiting.shift();
      found.value instanceof Error ? fail(found.value) : done(found.value);
    }
  }

  // { value, end }, or nothing while the reply is not complete.
  parse(start) {
    const line = this.buffer.indexOf("\r\n", start);
    if (line < 0) return;
    const [kind, rest] = [this.buffer.toString("latin1", start, start + 1), this.buffer.toString("utf8", start + 1, line)];
    let end = line + 2;
    if (kind === "+") return { value: rest, end };
    if (kind === "-") return { value: new Error(rest), end };
    if (kind === ":") return { value: BigInt(rest), end };
    if (rest === "-1") return { value: null, end };
    if (kind === "$") {
      const stop = end + Number(rest);
      return stop + 2 <= this.buffer.length ? { value: this.buffer.toString("utf8", end, stop), end: stop + 2 } : undefined;
    }
    const value = [];
    for (let left = Number(rest); left > 0; left--) {
      const item = this.parse(end);
      if (!item) return;
      value.push(item.value);
      end = item.end;
    }
    return { value, end };
  }
};
