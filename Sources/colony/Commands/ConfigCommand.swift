import ArgumentParser
import Cluster

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Print the effective configuration: every key, its value, where the value came from; secrets redacted.",
        discussion: "Environment variables are named COLONY_ and the key in capitals with underscores: COLONY_LEASE_TTL for lease.ttl.")

    @OptionGroup var common: CommonOptions

    @Flag(name: .long, help: "List all keys with unit, default, range and meaning instead.")
    var keys = false

    func run() async throws {
        if keys {
            var table = TextTable(["KEY", "UNIT", "DEFAULT", "RANGE", "MEANING"])
            for key in ConfigurationKey.all { table.add([key.name, key.unit, key.defaultText, key.range, key.meaning]) }
            for key in ExchangeKey.all { table.add(["exchanges.<id>.\(key.name)", key.unit, key.defaultText, "", key.meaning]) }
            return Console.print(table.text)
        }
        let loaded = try common.load()
        var table = TextTable(["KEY", "VALUE", "FROM"])
        for line in loaded.lines { table.add([line.key, line.value, line.origin.description]) }
        Console.print(table.text)
    }
}
