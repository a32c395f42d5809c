import Glibc
import Simulator
import Testing

/// Python's `websockets`, a client that shares nothing with this project. `COLONY_PYTHON` names an interpreter that has it.
@Suite struct PythonClientTests {
    private static let python = getenv("COLONY_PYTHON").map { String(cString: $0) } ?? ""

    private static let script = """
        import asyncio, gzip, json, ssl, sys
        import websockets

        async def main(url, ca, request, wanted):
            context = ssl.create_default_context(cafile=ca)
            async with websockets.connect(url, ssl=context, compression=None, proxy=None) as socket:
                await socket.send(request)
                seen = 0
                async for message in socket:
                    if isinstance(message, bytes):
                        message = gzip.decompress(message).decode()
                    value = json.loads(message)
                    if "ping" in value:
                        await socket.send(json.dumps({"pong": value["ping"]}))
                    if "ch" in value or "stream" in value or value.get("channel") == "trade":
                        seen += 1
                        print(message.rstrip())
                        if seen == wanted:
                            return

        asyncio.run(main(*sys.argv[1:4], int(sys.argv[4])))
        """

    @Test(
        "Python's websockets verifies the certificate and reads what the truth log holds", .timeLimit(.minutes(1)),
        .enabled(if: !python.isEmpty, "COLONY_PYTHON does not name a Python with the package websockets"),
        arguments: [
            ("binance", #"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}"#),
            ("huobi", #"{"sub":"market.btcusdt.trade.detail","id":"1"}"#),
            ("kraken", #"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}"#),
        ])
    func reads(exchange: String, request: String) async throws {
        var configuration = SimulatorConfiguration()
        configuration.market.messagesPerSecond = 200
        // With a rate of its own the market needs no pushes.
        try await withSimulator(tls: true, base: configuration, isPushed: false) { simulator in
            let url = try simulator.url(exchange)
            let ca = try #require(simulator.caFile)
            let result = try await runProcess(Self.python, ["-c", Self.script, url, ca, request, "20"])
            #expect(result.exitCode == 0, "\(result.errors)")
            let lines = result.output.split(separator: "\n")
            #expect(lines.count == 20)
            let hashes = simulator.truth.recent.filter { $0.kind == .packet }.map { $0.text("fnv") }
            #expect(lines.map { FNV1a.text(FNV1a.hash($0.utf8)) } == Array(hashes.prefix(20)))
        }
    }
}
