import Coordination
import Logging
import Testing

@Suite struct EpochFloorsTests {
    @Test func `a floor never falls`() {
        var floors = EpochFloors()
        #expect(floors[FeedName("binance")] == 0)
        var rose: [Bool] = []
        for epoch in [7, 7, 3] { rose.append(floors.raise(FeedName("binance"), to: epoch)) }
        #expect(rose == [true, false, false])
        #expect(floors[FeedName("binance")] == 7)
        floors.raise(FeedName("binance"), to: 107)
        #expect(floors[FeedName("binance")] == 107)
    }

    @Test(arguments: [0, -1, 18_000_001, Int.max])
    func `a number outside the range of epochs changes nothing`(epoch: Int) {
        var floors = EpochFloors()
        let rose = floors.raise(FeedName("okx"), to: epoch)
        #expect(!rose)
        #expect(floors == EpochFloors())
    }

    @Test func `what is stored is read back`() throws {
        var floors = EpochFloors()
        floors.raise(FeedName("okx/2"), to: 18_000_000)
        floors.raise(FeedName("binance"), to: 42)
        #expect(floors.encoded == "42 binance\n18000000 okx/2\n")
        let (read, badLines) = EpochFloors.decode(floors.encoded)
        #expect(read == floors)
        #expect(badLines == [])
    }

    @Test func `damaged lines are left out, the others count`() {
        let text = "42 binance\nx okx\n\n18000001 kraken\n5\n6 \n7 two words\n3 binance\n9 gate\n1"
        let (floors, badLines) = EpochFloors.decode(text)
        #expect(floors.encoded == "42 binance\n9 gate\n")
        #expect(badLines == [2, 4, 5, 6, 7, 10])
    }

    @Test func `a store gives back the highest floors of all workers of the directory`() throws {
        try withStateDirectory { directory in
            let one = try EpochFloorStore(name: "one", directory: directory)
            let two = try EpochFloorStore(name: "two", directory: directory)
            var floors = EpochFloors()
            floors.raise(FeedName("a"), to: 5)
            floors.raise(FeedName("b"), to: 1)
            try one.store(floors)
            floors = EpochFloors()
            floors.raise(FeedName("b"), to: 3)
            try two.store(floors)
            #expect(try one.load(logger: Logger(label: "test")).encoded == "5 a\n3 b\n")
            #expect(try readFile("\(directory.path)/two.epochs") == "3 b\n")
        }
    }

    @Test func `an empty directory is made and knows nothing`() throws {
        try withStateDirectory { directory in
            let store = try EpochFloorStore(name: "one", directory: StateDirectory(path: "\(directory.path)/new"))
            #expect(try store.load(logger: Logger(label: "test")) == EpochFloors())
            try store.store(EpochFloors())
        }
    }

    @Test func `a damaged or unreadable file is warned about and costs only itself`() throws {
        try withStateDirectory { directory in
            try writeFile("\(directory.path)/bad.epochs", "7 a\n\u{1}\u{2}\u{3}\nnonsense\n")
            try writeFile("\(directory.path)/good.epochs", "8 b\n")
            // A draft that a crash left behind is no epoch file.
            try writeFile("\(directory.path)/one.epochs.new", "99 c\n")
            try StateDirectory(path: "\(directory.path)/folder.epochs").prepare()
            let recorder = LogRecorder()
            let store = try EpochFloorStore(name: "one", directory: directory)
            #expect(try store.load(logger: Logger(label: "test") { _ in recorder }).encoded == "7 a\n8 b\n")
            let warnings = recorder.lines
            #expect(warnings.count == 2)
            #expect(warnings.first?.contains("bad.epochs") == true)
            #expect(warnings.first?.contains("bad_lines=2") == true)
            #expect(warnings.first?.contains("first_bad_line=2") == true)
            #expect(warnings.last?.contains("folder.epochs") == true)
        }
    }

    @Test func `storing where nothing can be written is an error that names the file`() throws {
        try withStateDirectory { directory in
            let store = try EpochFloorStore(name: "one", directory: StateDirectory(path: "\(directory.path)/gone"))
            let error = #expect(throws: CoordinationError.self) { try store.store(EpochFloors()) }
            #expect(error?.code == .stateDirectory)
            #expect(error?.description.contains("\(directory.path)/gone/one.epochs") == true)
        }
    }
}
