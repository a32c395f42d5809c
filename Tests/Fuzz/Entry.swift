#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

// Usage: Fuzz TARGET [arguments of libFuzzer], or: Fuzz seeds FOLDER, which writes the first inputs of each target into a folder of its name.

private func complain(_ text: String) -> Never {
    var line = text + "\n"
    // Nobody is left to hear that it cannot be written.
    _ = line.withUTF8 { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    exit(64)
}

private func writeSeeds(to folder: String) {
    mkdir(folder, 0o755)
    for target in FuzzTarget.all {
        mkdir("\(folder)/\(target.name)", 0o755)
        for (number, seed) in target.seeds.enumerated() {
            let path = "\(folder)/\(target.name)/seed-\(number)"
            guard let file = fopen(path, "w") else { complain("cannot write \(path)") }
            seed.withUnsafeBytes { _ = fwrite($0.baseAddress, 1, $0.count, file) }
            fclose(file)
        }
    }
}

// The two functions by which libFuzzer, whose `main` this program has, calls a program.

@_cdecl("LLVMFuzzerInitialize")
func initializeFuzzer(
    _ count: UnsafeMutablePointer<CInt>, _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
) -> CInt {
    let names = FuzzTarget.all.map(\.name)
    guard count.pointee > 1, let second = words.pointee[1] else { complain("usage: Fuzz TARGET [ARGUMENTS], TARGET one of \(names)") }
    let name = String(cString: second)
    if name == "seeds", count.pointee == 3, let folder = words.pointee[2] {
        writeSeeds(to: String(cString: folder))
        exit(0)
    }
    guard let target = FuzzTarget.all.first(where: { $0.name == name }) else { complain("no target \(name); there are \(names)") }
    FuzzTarget.current = target
    // The rest is libFuzzer's: the name of the program moves up to it.
    words.pointee[1] = words.pointee[0]
    words.pointee += 1
    count.pointee -= 1
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    FuzzTarget.current?.run(UnsafeRawBufferPointer(start: start, count: count))
    return 0
}
