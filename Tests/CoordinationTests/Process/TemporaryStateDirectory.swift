import Coordination
import Glibc
import TestSupport
import Testing

/// A state directory of its own for one test; removed with everything in it at the end.
func withStateDirectory(_ body: (StateDirectory) throws -> Void) throws {
    let path = try OrphanGuard.shared.makeDirectory("state")
    defer { remove(path) }
    try body(StateDirectory(path: path))
}

private func remove(_ path: String) {
    var children: [String] = []
    if let folder = opendir(path) {
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { children.append("\(path)/\(name)") }
        }
        closedir(folder)
    }
    for child in children { if unlink(child) != 0 { remove(child) } }
    rmdir(path)
}

func writeFile(_ path: String, _ text: String) throws {
    let file = try #require(fopen(path, "w"), "cannot write \(path)")
    defer { fclose(file) }
    try #require(fputs(text, file) >= 0)
}

func readFile(_ path: String) throws -> String {
    let file = try #require(fopen(path, "r"), "cannot read \(path)")
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
}
