import ColonyExchanges
import Foundation
import Testing

/// Messages that real exchanges sent, kept outside the project in `../shared/recordings`; tests that read them are skipped without them.
struct Recording: Sendable, CustomTestStringConvertible {
    enum Packing: Sendable { case text, gzip, rawDeflate }

    /// The folder and the file.
    let path: String
    /// The dialect that reads it.
    let id: String
    let packing: Packing

    init(_ path: String, _ id: String, _ packing: Packing = .text) {
        self.path = path
        self.id = id
        self.packing = packing
    }

    /// Bitfinex's single messages had their channel numbers replaced by what they mean, so none names a stream.
    var holdsNoStreams: Bool { path.contains("parser-bitfinex") }

    var testDescription: String { path }

    static let isPresent = FileManager.default.fileExists(atPath: folder.path)

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "shared/recordings")

    /// A received message or one the recording client sent.
    struct Line {
        let isReceived: Bool
        let bytes: [UInt8]

        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    func lines() throws -> [Line] {
        let content = try Data(contentsOf: Self.folder.appending(path: path))
        return try content.split(separator: 0x0A).compactMap { line in
            guard let object = try JSONSerialization.jsonObject(with: line) as? [String: Any], let kind = object["t"] as? String,
                kind != "connect"
            else { return nil }
            if let text = object["data"] as? String { return Line(isReceived: kind == "recv", bytes: Array(text.utf8)) }
            let packed = [UInt8](try #require(Data(base64Encoded: object["b64"] as? String ?? "")))
            let bytes =
                switch packing {
                case .text: packed
                case .gzip: try Inflate.gzip(packed)
                case .rawDeflate: try Inflate.raw(packed)
                }
            return Line(isReceived: kind == "recv", bytes: bytes)
        }
    }
}
