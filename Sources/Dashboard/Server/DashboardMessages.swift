/// A request as far as the routes care.
struct DashboardRequest: Sendable, Equatable {
    /// Without the query.
    var path: String
    var authorization: String?
}

struct DashboardResponse: Sendable {
    var status: Int
    var contentType: String
    var body: String
    var headers: [(name: String, value: String)] = []

    static func text(_ status: Int, _ body: String) -> DashboardResponse {
        DashboardResponse(status: status, contentType: "text/plain; charset=utf-8", body: body)
    }

    /// The page, whose script and style run by a nonce of this answer only.
    static func page() -> DashboardResponse {
        let nonce = String(UInt64.random(in: .min ... .max), radix: 36) + String(UInt64.random(in: .min ... .max), radix: 36)
        var response = DashboardResponse(
            status: 200, contentType: "text/html; charset=utf-8", body: DashboardPage.html.replacing("{{nonce}}", with: nonce))
        response.headers = [
            (
                "Content-Security-Policy",
                "default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'nonce-\(nonce)'; connect-src 'self'; base-uri 'none'; "
                    + "form-action 'none'; frame-ancestors 'none'"
            )
        ]
        return response
    }
}

enum DashboardPage {
    static let html = String(decoding: PackageResources.index_html, as: UTF8.self)
}
