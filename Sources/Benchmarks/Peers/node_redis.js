// Node: `ws` and `redis`, which pipelines the commands of one turn of the event loop.
//
// Arguments are those of PathBaseline: host port path subscribe-text redis-socket stream count [ca-file].
'use strict';
const fs = require('fs');
const WebSocket = require('ws');
const redis = require('redis');

const [host, port, path, subscribe, socketPath, stream, countText, authorities] = process.argv.slice(2);
const count = Number(countText);

async function main() {
    if (host === 'version') {
        console.log(`Node ${process.versions.node}`);
        return;
    }
    const client = redis.createClient({ socket: { path: socketPath } });
    await client.connect();
    const url = `${authorities ? 'wss' : 'ws'}://${host}:${port}${path}`;
    const web = new WebSocket(url, { perMessageDeflate: false, ca: authorities ? fs.readFileSync(authorities) : undefined });
    let sent = 0, answered = 0, started, before, paused = false;
    const failed = (error) => { console.error(`node_redis: ${error.message}`); process.exit(1); };
    web.on('error', failed);
    web.on('open', () => web.send(subscribe));
    web.on('message', (message) => {
        if (sent === count) return;
        if (sent === 0) {
            started = process.hrtime.bigint();
            before = process.resourceUsage();
        }
        sent++;
        client.xAdd(stream, '*', { time: `${BigInt(Date.now()) * 1000000n}`, data: message },
            { TRIM: { strategy: 'MAXLEN', strategyModifier: '~', threshold: 10000 } }).then(() => {
            if (++answered === count) return finish();
            if (paused && sent - answered < 1000) {
                paused = false;
                web.resume();
            }
        }, failed);
        if (!paused && sent - answered > 5000) {
            // Redis is behind: leave the messages with the exchange's socket.
            paused = true;
            web.pause();
        }
    });
    function finish() {
        const wall = Number(process.hrtime.bigint() - started) / 1e9;
        const after = process.resourceUsage();
        const user = (after.userCPUTime - before.userCPUTime) / 1e6, system = (after.systemCPUTime - before.systemCPUTime) / 1e6;
        console.log(JSON.stringify({
            packets: count, wall_s: wall, cpu_user_s: user, cpu_sys_s: system, us_per_packet: (user + system) * 1e6 / count,
            // Since this program was started; maxRSS remembers the program that started it.
            maxrss_kb: Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]),
        }));
        process.exit(0);
    }
}
main().catch((error) => { console.error(`node_redis: ${error.message}`); process.exit(1); });
