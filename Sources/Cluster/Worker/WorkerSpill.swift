import Coordination
import Ingest
import Logging
import NIOCore
import NIOPosix

/// A worker's folder for packets that its ring has no room for, and the thread that writes and reads them.
struct WorkerSpill: Sendable {
    let folder: String
    let maxBytes: Int
    private let thread: NIOThreadPool

    /// Nil when no spill is configured. What an earlier process of this worker's name left is counted and deleted: its tokens have ended, and
    /// the `fence` of the next epoch covers it. Throws `ClusterError` when the folder cannot be used.
    static func open(_ configuration: ColonyConfiguration, logger: Logger) throws -> WorkerSpill? {
        guard let path = configuration.spill.path else { return nil }
        let folder = "\(path)/\(configuration.worker.name)"
        do {
            let discarded = try SpillDisk.prepare(folder)
            if discarded > 0 {
                logger.warning(
                    "Spilled packets of an earlier process discarded", metadata: ["packets": "\(discarded)", "spill.path": "\(folder)"])
            }
        } catch {
            throw ClusterError(.configuration, "\(error)")
        }
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        return WorkerSpill(folder: folder, maxBytes: configuration.spill.maxBytes, thread: thread)
    }

    func disk(of feed: FeedName, on eventLoop: any EventLoop) -> SpillDisk {
        SpillDisk(folder: folder, name: feed.text, thread: thread, on: eventLoop)
    }

    func close() async {
        // The process ends; what is still to be written or deleted is worth nothing to the next one, which clears the folder.
        try? await thread.shutdownGracefully()
    }
}
