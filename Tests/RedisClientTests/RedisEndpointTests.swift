import RedisClient
import Testing

@Suite
struct RedisEndpointTests {
    @Test(arguments: [
        ("redis://127.0.0.1", RedisEndpoint(address: .tcp(host: "127.0.0.1", port: 6379))),
        ("redis://redis.test:6380", RedisEndpoint(address: .tcp(host: "redis.test", port: 6380))),
        ("redis://redis.test:6380/", RedisEndpoint(address: .tcp(host: "redis.test", port: 6380))),
        ("redis://redis.test/5", RedisEndpoint(address: .tcp(host: "redis.test", port: 6379), database: 5)),
        ("redis://[::1]:7000", RedisEndpoint(address: .tcp(host: "::1", port: 7000))),
        ("redis://[::1]", RedisEndpoint(address: .tcp(host: "::1", port: 6379))),
        ("redis://:s3cret@redis.test", RedisEndpoint(address: .tcp(host: "redis.test", port: 6379), password: "s3cret")),
        (
            "redis://worker:a%40b%2Fc%25@redis.test:1/2",
            RedisEndpoint(address: .tcp(host: "redis.test", port: 1), username: "worker", password: "a@b/c%", database: 2)
        ),
        (
            "redis://worker:a@b:c@redis.test",
            RedisEndpoint(address: .tcp(host: "redis.test", port: 6379), username: "worker", password: "a@b:c")
        ),
        ("rediss://redis.test", RedisEndpoint(address: .tcp(host: "redis.test", port: 6379), tls: .init())),
        ("unix:///run/redis.sock", RedisEndpoint(address: .unix(path: "/run/redis.sock"))),
        ("unix:/run/redis.sock", RedisEndpoint(address: .unix(path: "/run/redis.sock"))),
        ("redis+sentinel://a/m", RedisEndpoint(address: .sentinel(.init(nodes: [.init(host: "a", port: 26_379)], master: "m")))),
        (
            "rediss+sentinel://worker:s3cret@a:1,[::1]:2,b/my-master.1/3",
            RedisEndpoint(
                address: .sentinel(
                    .init(
                        nodes: [.init(host: "a", port: 1), .init(host: "::1", port: 2), .init(host: "b", port: 26_379)],
                        master: "my-master.1")),
                tls: .init(), username: "worker", password: "s3cret", database: 3)
        ),
    ])
    func `a URL tells address, login and database`(url: String, endpoint: RedisEndpoint) throws {
        #expect(try RedisEndpoint(url: url) == endpoint)
    }

    @Test(arguments: [
        ("", "begins with"), ("redis.test:6379", "begins with"), ("http://redis.test", "begins with"), ("redis://", "host"),
        ("redis://:6379", "host"), ("redis://user:s3cret@", "host"), ("redis://redis.test:", "port"), ("redis://redis.test:0", "port"),
        ("redis://redis.test:65536", "port"), ("redis://redis.test:s3cret", "port"), ("redis://redis.test/s3cret", "database"),
        ("redis://redis.test/-1", "database"), ("redis://redis.test?db=s3cret", "query"), ("redis://s3cret@redis.test", "no password"),
        ("redis://user:@redis.test", "empty"), ("redis://user:s3cret%4@redis.test", "%"), ("redis://user:s3cret%ff@redis.test", "UTF-8"),
        ("redis://[::1", "bracket"), ("redis://[::1]s3cret", "port"), ("unix:run/redis.sock", "absolute"),
        ("unix://run/redis.sock", "absolute"),
        ("redis+sentinel://a:26379", "name is missing"), ("redis+sentinel://a:26379/", "name is missing"),
        ("redis+sentinel:///m", "host"), ("redis+sentinel://a,,b/m", "host"), ("redis+sentinel://a,b:0/m", "port"),
        ("redis+sentinel://a/m/s3cret", "database"), ("redis+sentinel://s3cret@a/m", "no password"),
        ("redis+sentinel://\(Array(repeating: "a", count: 17).joined(separator: ","))/m", "more than 16"),
        ("unix:/\(String(repeating: "x", count: 107))", "107 bytes"), ("unix:/run/redis.sock?db=s3cret", "query"),
    ])
    func `a URL that cannot be used is refused by its wrong part, without its text`(url: String, part: String) {
        let error = #expect(throws: RedisError.self) { try RedisEndpoint(url: url) }
        #expect(error?.code == .usage)
        #expect(error?.description.contains(part) == true)
        #expect(error?.description.contains("s3cret") == false)
    }

    @Test func `user and password are never printed`() throws {
        let endpoint = try RedisEndpoint(url: "rediss://worker:s3cret@redis.test:6380/2")
        var dumped = ""
        dump(endpoint, to: &dumped)
        for text in ["\(endpoint)", String(reflecting: endpoint), dumped] {
            #expect(text.contains("rediss://redis.test:6380"))
            #expect(!text.contains("s3cret") && !text.contains("worker"))
        }
        #expect("\(RedisEndpoint(address: .tcp(host: "::1", port: 1)))" == "redis://[::1]:1")
        var sentinels = RedisSentinel(nodes: [.init(host: "a", port: 1), .init(host: "::1", port: 2)], master: "m")
        (sentinels.username, sentinels.password) = ("worker", "s3cret")
        let master = RedisEndpoint(address: .sentinel(sentinels), tls: .init(), username: "worker", password: "s3cret")
        var dumpedMaster = ""
        dump(master, to: &dumpedMaster)
        dump(sentinels, to: &dumpedMaster)
        #expect("\(master)" == "rediss+sentinel://a:1,[::1]:2/m")
        #expect(!dumpedMaster.contains("s3cret") && !"\(sentinels)".contains("s3cret") && !"\(master.address)".contains("s3cret"))
    }
}
