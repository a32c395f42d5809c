#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

// Usage: Fuzz TARGET [arguments of libFuzzer], or: Fuzz seeds FOLDER, which writes the first inputs of each target into a folder of its name.

/// libFuzzer's own loop (its interface is documented in `FuzzerInterface.h` of LLVM).
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ argumentCount: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

private func complain(_ text: String) -> Never {
    fputs(text + "\n", stderr)
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

let words = CommandLine.arguments
guard words.count > 1 else { complain("usage: \(words[0]) TARGET [ARGUMENTS], TARGET one of \(FuzzTarget.all.map(\.name))") }
if words[1] == "seeds", words.count == 3 {
    writeSeeds(to: words[2])
    exit(0)
}
guard let chosen = FuzzTarget.all.first(where: { $0.name == words[1] }) else {
    complain("no target \(words[1]); there are \(FuzzTarget.all.map(\.name))")
}
FuzzTarget.current = chosen
var count = CommandLine.argc - 1
var arguments = CommandLine.unsafeArgv + 1
let result = runDriver(&count, &arguments) { start, count in
    FuzzTarget.current?.run(UnsafeRawBufferPointer(start: start, count: count))
    return 0
}
exit(result)
