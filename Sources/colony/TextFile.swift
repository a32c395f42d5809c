import Cluster
import Glibc

enum TextFile {
    /// Throws a `ClusterError` that names the path.
    static func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "w") else {
            throw ClusterError(.configuration, "\(path) cannot be written (\(String(cString: strerror(errno))))")
        }
        defer { fclose(file) }
        fputs(text, file)
    }
}
