#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Changes when a file is replaced or rewritten.
package struct FileStamp: Sendable, Hashable {
    private var inode: UInt64 = 0
    private var sizeBytes: Int64 = 0
    private var seconds = 0
    private var nanoseconds = 0

    /// Of a file that is not there, or of none, it is the stamp of nothing: what uses the file says so by its name.
    package init(path: String?) {
        var information = stat()
        guard let path, stat(path, &information) == 0 else { return }
        inode = UInt64(information.st_ino)
        sizeBytes = Int64(information.st_size)
        #if os(Linux)
            seconds = information.st_mtim.tv_sec
            nanoseconds = information.st_mtim.tv_nsec
        #else
            seconds = information.st_mtimespec.tv_sec
            nanoseconds = information.st_mtimespec.tv_nsec
        #endif
    }
}
