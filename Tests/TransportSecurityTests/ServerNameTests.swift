import Testing
import TransportSecurity

@Suite struct ServerNameTests {
    @Test(arguments: [
        ("redis.test", "redis.test", true), ("redis.test", "Redis.TEST.", true), ("redis.test.", "redis.test", true),
        ("redis.test", "other.test", false), ("redis.test", "*.test", false), ("a.redis.test", "*.redis.test", true),
        ("a.b.redis.test", "*.redis.test", false), ("redis.test", "*.redis.test", false), ("a.redis.test", "a*.redis.test", false),
        ("a.redis.test", "*.*.test", false), ("localhost", "localhost", true), ("localhost", "*", false), ("redis.test", "", false),
    ])
    func `a name is covered by itself and by a wildcard for its first label`(name: String, pattern: String, isCovered: Bool) {
        #expect(ServerName(name).isCovered(by: pattern) == isCovered)
    }
}
