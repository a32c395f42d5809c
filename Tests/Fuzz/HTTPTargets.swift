import NIOCore

@testable import TransportSecurity
@testable import WebSocketClient

extension FuzzTarget {
    private static let key = "dGhlIHNhbXBsZSBub25jZQ=="

    private static func seed(_ text: String) -> [UInt8] { [7] + text.replacing("\n", with: "\r\n").utf8 }

    private static func head(_ bytes: UnsafeRawBufferPointer, _ reader: inout HTTPHeadReader) -> Result<(Int, HTTPHead?), HTTPHeadError> {
        Result { () throws(HTTPHeadError) in
            let (taken, head) = try reader.take(bytes)
            precondition(taken <= bytes.count && (head != nil || taken == bytes.count), "took \(taken) of \(bytes.count)")
            return (taken, head)
        }
    }

    static let upgrade = FuzzTarget(
        name: "upgrade",
        seeds: [
            "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n\n",
            "HTTP/1.1 101 S\nUpgrade: websocket\nConnection: keep-alive, Upgrade\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n"
                + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=\"10\"; server_no_context_takeover\n\n",
            "HTTP/1.1 103 Early\nA: b\n c\n\nHTTP/1.1 429 Busy\nDate: Sun, 06 Nov 1994 08:49:37 GMT\nRetry-After: Sun Nov  6 08:49:38 1994\n\nno",
            "HTTP/1.0 302 Found\nLocation: wss://user:word@h/?x\nRetry-After: 30\n\n",
        ].map(seed)
    ) { input in
        guard let input = CutInput(input) else { return }
        var reader = HTTPHeadReader()
        var whole: HTTPHead?
        var failed = false
        exactly(input.bytes) { bytes in
            switch head(bytes, &reader) {
            case .success((_, let head)): whole = head
            case .failure: failed = true
            }
        }
        reader = HTTPHeadReader()
        var cut: HTTPHead?
        var cutFailed = false
        input.forEachPiece { piece in
            switch head(piece, &reader) {
            case .success((_, let head)):
                cut = head
                return head == nil
            case .failure:
                cutFailed = true
                return false
            }
        }
        precondition(whole == cut && failed == cutFailed, "in one piece: \(String(describing: whole)); in many: \(String(describing: cut))")
        guard let whole else { return }
        let response = UpgradeResponse(head: whole)
        do throws(WebSocketConnectError) {
            let verdict = try response.judge(key: key, offer: DeflateOffer(), protocols: ["chat"], now: 0, peer: "fuzz")
            if case .accepted(let agreement?) = verdict {
                precondition((8...15).contains(agreement.clientWindowBits) && (8...15).contains(agreement.serverWindowBits))
            }
            if verdict == .refused { _ = response.refusal(of: "all", body: Array(input.bytes), now: 0, peer: "fuzz") }
        } catch { precondition([.badUpgrade, .redirect].contains(error.code), "\(error)") }
    }

    static let body = FuzzTarget(
        name: "body",
        seeds: [
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n4;a=b\nWiki\n0\nA: b\n\n", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
            "HTTP/1.1 200 OK\n\nto the end", "HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 3\n\nabc",
        ].map(seed)
    ) { input in
        guard let input = CutInput(input) else { return }
        var reader = HTTPHeadReader()
        guard case .success((let taken, let head?)) = head(input.bytes, &reader) else { return }
        let rest = UnsafeRawBufferPointer(rebasing: input.bytes[taken...])
        func read(_ pieces: (inout HTTPBody) throws(HTTPHeadError) -> Void) -> (bytes: [UInt8], isComplete: Bool)? {
            do throws(HTTPHeadError) {
                var body = try HTTPBody(head, limit: 4096)
                try pieces(&body)
                precondition(body.bytes.count <= 4096)
                if let plain = try? HTTPCall.plain(body, head) { precondition(plain.count <= HTTPCall.maxBodyBytes) }
                return (body.bytes, body.isComplete)
            } catch { return nil }
        }
        let whole = read { body throws(HTTPHeadError) in try body.take(rest) }
        let cut = read { body throws(HTTPHeadError) in
            for index in rest.indices { try body.take(UnsafeRawBufferPointer(rebasing: rest[index...index])) }
        }
        precondition(whole?.bytes == cut?.bytes && whole?.isComplete == cut?.isComplete, "pieces make another body")
    }

    static let httpProxy = FuzzTarget(
        name: "http-proxy",
        seeds: [
            "HTTP/1.0 200 Connection established\n\n", "HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\nVia: x\n\n",
            "HTTP/1.1 407 No\nProxy-Authenticate: Digest realm=x\n\n", "HTTP/1.1 503 Busy\nRetry-After: 7\n\n", "HTTP/1.1 200 OK\n\nmore",
        ].map(seed)
    ) { input in
        guard let input = CutInput(input) else { return }
        var tunnel = HTTPTunnel(proxy: "fuzz", now: 0)
        input.forEachPiece { piece in
            do throws(WebSocketConnectError) { return try !tunnel.take(piece) } catch {
                precondition(error.code == .proxy)
                return false
            }
        }
    }

    static let socksProxy = FuzzTarget(
        name: "socks-proxy",
        seeds: [
            [63, 5, 0], [1, 5, 2, 1, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0], [0, 5, 0, 5, 0, 0, 3, 1, 0x61, 0, 0],
            [1, 5, 0, 5, 4, 0, 1, 0, 0, 0, 0, 0, 0],
            [0, 5, 0, 5, 0, 0, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0, 0],
        ]
    ) { input in
        guard let input = CutInput(input) else { return }
        do throws(WebSocketConnectError) {
            var dialogue = try SOCKS5(proxy: "fuzz", host: "exchange.test", port: 443, login: .init(user: "u", password: "p"))
            input.forEachPiece { piece in
                do throws(WebSocketConnectError) { return try dialogue.take(piece) != .done } catch {
                    precondition(error.code == .proxy)
                    return false
                }
            }
        } catch { preconditionFailure("no dialogue: \(error)") }
    }

    /// Text from outside that is shown or taken apart: URLs, extension lists, dates.
    static let redirectTarget = FuzzTarget(
        name: "text",
        seeds: ["wss://[::1]:443/p?q", "permessage-deflate; a=\"\\b\", x", "Sunday, 06-Nov-94 08:49:37 GMT", "ws://u:p@h#f"].map {
            Array($0.utf8)
        }
    ) { input in
        let text = String(decoding: input, as: UTF8.self)
        _ = WebSocketURL.redacted(text)
        if let url = try? WebSocketURL(text) {
            precondition((1...65535).contains(url.port) && !url.host.isEmpty && url.requestTarget.hasPrefix("/"))
        }
        _ = try? WebSocketExtension.parse(text)
        if let wait = RetryAfter.parse(text, now: 0, serverDate: text) {
            precondition(wait >= .zero && wait <= .seconds(RetryAfter.longest))
        }
        let excerpt = HTTPText.excerpt(input, limit: 100)
        precondition(excerpt.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f }, "a control character is shown")
    }

    static let certificate = FuzzTarget(
        name: "certificate", seeds: [[0x30, 9, 0x30, 7, 2, 1, 1, 0x30, 0, 0x30, 0], [0x30, 0x81, 0x80], [0x30, 4, 0x30, 2, 0xa0, 0]]
    ) { input in
        exactly(input) { _ = CertificateParties(Array($0)) }
    }
}
