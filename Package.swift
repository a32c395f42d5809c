// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .treatAllWarnings(as: .error),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioWebSocket: Target.Dependency = .product(name: "NIOWebSocket", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "colony",
    products: [
        .executable(name: "colony", targets: ["colony"]),
        .library(name: "ColonyStreams", targets: ["ColonyStreams"]),
        .library(name: "ColonyExchanges", targets: ["ColonyExchanges"]),
        // Following an exchange from one process, without a cluster.
        .library(name: "ColonyDirect", targets: ["Ingest"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // C libraries: each is imported by exactly one Swift target.
        // hiredis' own pkg-config flags make the package manager warn; its module map links the library by name.
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CDeadman"),

        // Transports.
        .target(name: "TransportSecurity", dependencies: [nioCore, nioPosix, nioSSL], swiftSettings: settings),
        .target(
            name: "RedisClient",
            dependencies: ["CHiredis", "TransportSecurity", nioCore, nioPosix, nioTLS, nioSSL, logging, deque],
            swiftSettings: settings
        ),
        .target(
            name: "WebSocketClient",
            dependencies: ["CZlib", "TransportSecurity", nioCore, nioPosix, nioHTTP1, nioTLS, nioSSL, logging, deque],
            swiftSettings: settings
        ),

        // Decisions: values without sockets, clocks or tasks, and the Redis functions.
        .target(
            name: "Coordination",
            dependencies: ["CDeadman", "RedisClient", nioCore, logging, deque],
            resources: [.embedInCode("Functions/colony1.lua")],
            swiftSettings: settings
        ),
        .target(name: "ColonyExchanges", swiftSettings: settings),

        // The packet path.
        .target(
            name: "Ingest",
            dependencies: [
                "WebSocketClient", "ColonyExchanges", "Coordination", "RedisClient", nioCore, nioPosix, nioSSL, logging, deque,
            ],
            swiftSettings: settings
        ),

        // The cluster in virtual time.
        .target(
            name: "Simulation",
            dependencies: ["Ingest", "ColonyExchanges", "Coordination", "RedisClient", nioCore],
            swiftSettings: settings
        ),

        // Services.
        .target(
            name: "Cluster",
            dependencies: [
                "Ingest", "WebSocketClient", "ColonyExchanges", "Coordination", "RedisClient", nioCore, nioPosix, nioSSL, logging, deque,
                configuration, yams, signals, subprocess, system,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "Simulator",
            dependencies: [
                "COpenSSL", "TransportSecurity", "WebSocketClient", "ColonyExchanges", nioCore, nioPosix, nioHTTP1, nioWebSocket, nioSSL,
                logging, deque,
            ],
            swiftSettings: settings
        ),
        // Recordings of runs, and the rules they are checked against.
        .target(
            name: "History",
            dependencies: ["Simulator", "Ingest", "Coordination", "RedisClient", nioCore, nioPosix, logging],
            swiftSettings: settings
        ),
        .target(
            name: "ColonyStreams",
            dependencies: ["Coordination", "RedisClient", nioCore, nioPosix, logging, deque],
            swiftSettings: settings
        ),

        // The client's dialects, judged by the simulated exchanges.
        .target(
            name: "Conformance",
            dependencies: ["Ingest", "Simulator", "WebSocketClient", "ColonyExchanges", "Coordination", nioCore, nioPosix, logging],
            swiftSettings: settings
        ),

        .target(
            name: "Dashboard",
            dependencies: ["Cluster", "TransportSecurity", nioCore, nioPosix, nioHTTP1, logging],
            resources: [.embedInCode("Page/index.html")],
            swiftSettings: settings
        ),
        // What breaks things on purpose, for drills and tests: child processes that never outlive us, proxies that cut, stall and delay.
        .target(name: "FaultInjection", dependencies: ["RedisClient", nioCore, nioPosix], swiftSettings: settings),
        // Failover drills: a private cluster, faults, the judgement of what they showed.
        .target(
            name: "Drills",
            dependencies: [
                "Cluster", "History", "Simulator", "FaultInjection", "Coordination", "ColonyExchanges", "Ingest", "RedisClient", nioCore,
                nioPosix, logging,
            ],
            swiftSettings: settings
        ),

        // Live pictures on a terminal.
        .target(name: "Terminal", swiftSettings: settings),
        .executableTarget(
            name: "colony",
            dependencies: [
                "Terminal", "Cluster", "Dashboard", "Conformance", "Drills", "FaultInjection", "Simulation", "Simulator", "History",
                "ColonyStreams",
                "ColonyExchanges", "Coordination", "Ingest", "RedisClient",
                "WebSocketClient", arguments, logging, nioCore, nioPosix, signals, subprocess, system,
            ],
            swiftSettings: settings
        ),
        // What the packet path is measured against, and with.
        .target(name: "PathWire", path: "Sources/Benchmarks/PathWire"),
        .executableTarget(
            name: "PathBaseline", dependencies: ["PathWire"], path: "Sources/Benchmarks/PathBaseline",
            linkerSettings: [.linkedLibrary("hiredis"), .linkedLibrary("ssl"), .linkedLibrary("crypto")]),
        .executableTarget(
            name: "PathCeiling", dependencies: ["PathWire"], path: "Sources/Benchmarks/PathCeiling",
            linkerSettings: [.linkedLibrary("hiredis")]),
        .executableTarget(
            name: "PathReader", path: "Sources/Benchmarks/PathReader", linkerSettings: [.linkedLibrary("hiredis")]),

        // Tests.
        .target(
            name: "TestSupport",
            dependencies: ["FaultInjection", "RedisClient", "Coordination", nioCore, nioPosix, nioSSL, logging],
            path: "Tests/TestSupport",
            swiftSettings: settings
        ),
        .testTarget(
            name: "TransportSecurityTests", dependencies: ["TransportSecurity", "TestSupport", nioCore, nioPosix, nioSSL],
            swiftSettings: settings),
        .testTarget(
            name: "FaultInjectionTests", dependencies: ["FaultInjection", "RedisClient", "TestSupport", nioCore, nioPosix],
            swiftSettings: settings),
        .testTarget(
            name: "RedisClientTests",
            dependencies: ["RedisClient", "TestSupport", nioCore, nioPosix, nioEmbedded, nioSSL],
            swiftSettings: settings
        ),
        .testTarget(
            name: "WebSocketClientTests",
            dependencies: ["WebSocketClient", "TestSupport", nioCore, nioPosix, nioEmbedded, nioHTTP1, nioWebSocket, nioSSL],
            exclude: ["Judges"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "CoordinationTests",
            dependencies: ["Coordination", "RedisClient", "TestSupport", nioCore, nioPosix],
            swiftSettings: settings
        ),
        .testTarget(name: "SimulationTests", dependencies: ["Simulation", "Coordination"], swiftSettings: settings),
        .testTarget(name: "ColonyExchangesTests", dependencies: ["ColonyExchanges", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "IngestTests",
            dependencies: [
                "Ingest", "WebSocketClient", "ColonyExchanges", "Coordination", "RedisClient", "TestSupport", "Simulator", nioCore,
                nioPosix,
                nioEmbedded,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ClusterTests",
            dependencies: [
                "Cluster", "Ingest", "Coordination", "RedisClient", "Simulator", "WebSocketClient", "TestSupport", "ColonyExchanges",
                "History", nioCore, nioPosix, logging, system,
            ],
            swiftSettings: settings
        ),
        .testTarget(name: "TerminalTests", dependencies: ["Terminal"], swiftSettings: settings),
        .testTarget(
            name: "DashboardTests",
            dependencies: ["Dashboard", "Cluster", "TestSupport", logging, nioCore, nioPosix],
            swiftSettings: settings
        ),
        .testTarget(
            name: "DrillsTests",
            dependencies: ["Drills", "Cluster", "History", "Simulator", "Coordination", "RedisClient", "TestSupport", nioCore, nioPosix],
            swiftSettings: settings
        ),
        .testTarget(
            name: "HistoryTests",
            dependencies: [
                "History", "Simulator", "Ingest", "Coordination", "RedisClient", "TestSupport", nioCore, nioPosix,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SimulatorTests",
            dependencies: [
                "Simulator", "WebSocketClient", "ColonyExchanges", "TestSupport", nioCore, nioPosix, nioEmbedded, nioSSL, nioHTTP1,
                nioWebSocket, subprocess, system,
            ],
            swiftSettings: settings
        ),
        .testTarget(name: "ConformanceTests", dependencies: ["Conformance", "ColonyExchanges", "Simulator"], swiftSettings: settings),
        .testTarget(
            name: "ColonyStreamsTests",
            dependencies: ["ColonyStreams", "Coordination", "RedisClient", "TestSupport", nioCore, nioPosix],
            swiftSettings: settings
        ),
    ]
)

// The fuzz targets need flags that no other build has: Tests/Fuzz/run.sh sets them, and this.
if Context.environment["COLONY_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzz", dependencies: ["WebSocketClient", "TransportSecurity", "ColonyExchanges", "RedisClient", nioCore],
            path: "Tests/Fuzz",
            exclude: ["run.sh"], swiftSettings: settings))
}
