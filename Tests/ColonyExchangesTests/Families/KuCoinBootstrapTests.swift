import ColonyExchanges
import Testing

@Suite("KuCoin's token call")
struct KuCoinBootstrapTests {
    private static let answer =
        #"{"code":"200000","data":{"token":"3kT0kenValue9","instanceServers":[{"endpoint":"wss:\/\/ws-api-spot.kucoin.com\/","#
        + #""encrypt":true,"protocol":"websocket","pingInterval":18000,"pingTimeout":10000}]}}"#

    private func call(_ id: String = "kucoin") throws -> BootstrapCall {
        guard case .bootstrap(let call) = try Exchanges.dialect(id).connection(topics: [], random: 0xC0FFEE) else {
            throw DialectError(.badBootstrap, "\(id) plans no call")
        }
        return call
    }

    @Test(
        "it is a POST without body to the exchange's REST address",
        arguments: [
            ("kucoin", "https://api.kucoin.com/api/v1/bullet-public"),
            ("kucoin_futures", "https://api-futures.kucoin.com/api/v1/bullet-public"),
        ])
    func request(id: String, url: String) throws {
        let call = try call(id)
        #expect(call.method == "POST")
        #expect(call.url == url)
        #expect(call.body.isEmpty)
    }

    @Test("the answer gives the address with token and connection id, and the interval")
    func reading() throws {
        let result = try call().read(Array(Self.answer.utf8))
        #expect(result.url == "wss://ws-api-spot.kucoin.com/?token=3kT0kenValue9&connectId=c0ffee")
        #expect(result.pingInterval == .seconds(18))
    }

    @Test("an address with parameters gets two more")
    func parameters() throws {
        let body = #"{"data":{"instanceServers":[{"pingInterval":0,"endpoint":"wss://h/e?a=1"}],"token":"t"}}"#
        let result = try call().read(Array(body.utf8))
        #expect(result.url == "wss://h/e?a=1&token=t&connectId=c0ffee")
        #expect(result.pingInterval == nil)
    }

    @Test(
        "an answer without what is needed is an error that names the exchange",
        arguments: [
            "", "{}", "<html>", #"{"code":"400000","msg":"too many"}"#, #"{"data":{"token":"t","instanceServers":[]}}"#,
            #"{"data":{"token":"","instanceServers":[{"endpoint":"wss://h"}]}}"#,
            #"{"data":{"token":"t","instanceServers":[{"endpoint":"https://h"}]}}"#,
        ])
    func refusing(body: String) throws {
        let error = #expect(throws: DialectError.self) { try call().read(Array(body.utf8)) }
        #expect(error?.code == .badBootstrap)
        #expect(error?.description.hasPrefix("kucoin: ") ?? false)
    }

    @Test("a websocket address in the profile needs no call")
    func directly() throws {
        var dialect = try Exchanges.dialect("kucoin")
        dialect.profile.url = "ws://127.0.0.1:9000/endpoint"
        #expect(dialect.connection(topics: [], random: 1) == .url("ws://127.0.0.1:9000/endpoint"))
    }
}
