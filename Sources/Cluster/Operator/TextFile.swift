internal import Glibc

/// Whole files of text.
package enum TextFile {
    /// - Throws: `ClusterError` that names the path.
    package static func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "w") else {
            throw ClusterError(.configuration, "\(path) cannot be written (\(String(cString: strerror(errno))))")
        }
        let result = fputs(text, file)
        guard fclose(file) == 0, result >= 0 else {
            throw ClusterError(.configuration, "\(path) cannot be written to its end (\(String(cString: strerror(errno))))")
        }
    }
}
