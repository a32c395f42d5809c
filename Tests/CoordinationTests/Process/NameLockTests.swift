import Coordination
import Glibc
import Testing

@Suite struct NameLockTests {
    private let first = Incarnation(name: "w-1", random: 0x11)
    private let second = Incarnation(name: "w-1", random: 0x22)

    @Test func `a new name has no previous incarnation, and its file holds the new one`() throws {
        try withStateDirectory { directory in
            let lock = try NameLock.acquire(first, in: directory)
            #expect(lock.previous == nil)
            #expect(lock.name == "w-1")
            #expect(lock.path == "\(directory.path)/w-1.lock")
            #expect(try readFile(lock.path) == "w-1.0000000000000011\n")
        }
    }

    @Test func `the next one with the name learns which incarnation is dead`() throws {
        try withStateDirectory { directory in
            do {
                let lock = try NameLock.acquire(first, in: directory)
                #expect(lock.previous == nil)
            }
            let lock = try NameLock.acquire(second, in: directory)
            #expect(lock.previous == first)
            #expect(try readFile(lock.path) == "\(second)\n")
        }
    }

    @Test func `a name in use is refused with who has it and what to do`() throws {
        try withStateDirectory { directory in
            let lock = try NameLock.acquire(first, in: directory)
            let error = #expect(throws: CoordinationError.self) { try NameLock.acquire(second, in: directory) }
            #expect(error?.code == .nameInUse)
            for part in ["'w-1'", "by w-1.0000000000000011", lock.path, "another name"] {
                #expect(error?.description.contains(part) == true, "\(error?.description ?? "no error")")
            }
            // The refused one has changed nothing.
            #expect(try readFile(lock.path) == "\(first)\n")
            withExtendedLifetime(lock) {}
        }
    }

    @Test func `another name in the same directory is free`() throws {
        try withStateDirectory { directory in
            let lock = try NameLock.acquire(first, in: directory)
            let other = try NameLock.acquire(Incarnation(name: "w-2", random: 1), in: directory)
            #expect(other.previous == nil)
            withExtendedLifetime(lock) {}
        }
    }

    @Test func `the lock is no longer there after exec`() throws {
        try withStateDirectory { directory in
            let lock = try NameLock.acquire(first, in: directory)
            // Some descriptor of this process points to the file; it must be marked to close on exec.
            var found = false
            for descriptor in CInt(0)..<1024 where fcntl(descriptor, F_GETFD) >= 0 {
                var target = [UInt8](repeating: 0, count: 4096)
                let count = target.withUnsafeMutableBytes {
                    readlink("/proc/self/fd/\(descriptor)", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
                }
                guard count > 0, String(decoding: target[..<count], as: UTF8.self) == lock.path else { continue }
                found = true
                #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
            }
            #expect(found)
            withExtendedLifetime(lock) {}
        }
    }

    @Test func `any worker of the host can prove a death, and only a death`() throws {
        try withStateDirectory { directory in
            #expect(try NameLock.deadIncarnation(of: "w-1", in: directory) == nil)
            do {
                let lock = try NameLock.acquire(first, in: directory)
                #expect(try NameLock.deadIncarnation(of: "w-1", in: directory) == nil)
                withExtendedLifetime(lock) {}
            }
            #expect(try NameLock.deadIncarnation(of: "w-1", in: directory) == first)
            // Asking takes nothing away.
            #expect(try NameLock.acquire(second, in: directory).previous == first)
        }
    }

    @Test(arguments: ["", "w-1.12", "w-2.0000000000000011\n", "w-1.00000000000000zz\n", "\u{0}\u{0}\u{0}\u{0}"])
    func `a file without an incarnation of this name proves nothing`(content: String) throws {
        try withStateDirectory { directory in
            try writeFile("\(directory.path)/w-1.lock", content)
            let lock = try NameLock.acquire(second, in: directory)
            #expect(lock.previous == nil)
            #expect(try readFile(lock.path) == "\(second)\n")
        }
    }

    @Test func `a longer content of before leaves no rest`() throws {
        try withStateDirectory { directory in
            try writeFile("\(directory.path)/w-1.lock", "\(first)\nsomething longer than an incarnation, from a person\n")
            let lock = try NameLock.acquire(second, in: directory)
            #expect(lock.previous == first)
            #expect(try readFile(lock.path) == "\(second)\n")
        }
    }

    @Test(arguments: ["", "a.b", "../x", "a/b", "ä", String(repeating: "x", count: 65)])
    func `a name that could leave the directory or the keys is refused`(name: String) throws {
        try withStateDirectory { directory in
            let error = #expect(throws: CoordinationError.self) {
                try NameLock.acquire(Incarnation("\(name).0000000000000001"), in: directory)
            }
            #expect(error?.code == .badName)
        }
    }

    @Test func `a missing state directory is made, one that cannot be made is an error that names it`() throws {
        try withStateDirectory { directory in
            let deep = StateDirectory(path: "\(directory.path)/a/b")
            #expect(try NameLock.acquire(first, in: deep).path == "\(directory.path)/a/b/w-1.lock")
            try writeFile("\(directory.path)/file", "")
            let error = #expect(throws: CoordinationError.self) {
                try NameLock.acquire(first, in: StateDirectory(path: "\(directory.path)/file/x"))
            }
            #expect(error?.code == .stateDirectory)
            #expect(error?.description.contains("\(directory.path)/file/x") == true)
        }
    }

    /// The proof rests on the kernel: a killed process gives its lock back.
    @Test(.timeLimit(.minutes(1)))
    func `a killed process leaves the proof of its death`() async throws {
        // The child cannot be told a path; it uses the one its parent's process id gives.
        await #expect(processExitsWith: .signal(SIGKILL)) {
            let directory = StateDirectory(path: "/tmp/colony-test-lock-\(getppid())")
            let lock = try NameLock.acquire(Incarnation(name: "killed", random: 5), in: directory)
            guard try readFile(lock.path) == "killed.0000000000000005\n" else { exit(3) }
            kill(getpid(), SIGKILL)
        }
        let path = "/tmp/colony-test-lock-\(getpid())"
        defer {
            unlink("\(path)/killed.lock")
            rmdir(path)
        }
        let dead = try NameLock.deadIncarnation(of: "killed", in: StateDirectory(path: path))
        #expect(dead == Incarnation(name: "killed", random: 5))
    }
}
