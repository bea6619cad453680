internal import Access
internal import Foundation
internal import Hummingbird

/// Who is let in where: tokens and rights.
struct Entrance: Sendable {
    let access: any Authorizing

    /// - Returns: who asks.
    /// - Throws: `Problem`.
    func admit(_ request: Request, _ query: QueryParameters, to endpoint: Endpoint) throws -> Principal {
        guard case .anyOf(let rights) = endpoint.admission else { return Principal(recordedBy: "", rights: []) }
        let principal: Principal
        do {
            principal = try access.principal(bearing: token(request, query, endpoint.errorShape))
        } catch .missing {
            throw Problem(.tokenMissing, "send the token as 'Authorization: Bearer …'")
        } catch .refused {
            throw Problem(.tokenRefused, "the token is unknown, was revoked, or has expired")
        }
        guard rights.contains(where: principal.may) else {
            let names = rights.map(\.rawValue).joined(separator: " or ")
            throw Problem(.notAllowed, "this needs the right to \(names)")
        }
        return principal
    }

    /// The token: of the header, or where InfluxDB's clients put theirs.
    private func token(_ request: Request, _ query: QueryParameters, _ shape: Endpoint.ErrorShape) -> String? {
        if let header = request.headers[.authorization] {
            if let token = BearerHeader.token(header) { return token }
            let words = header.split(separator: " ", maxSplits: 1)
            guard words.count == 2, words[0].lowercased() == "basic", shape != .problem else { return "" }
            return Entrance.password(ofBasic: words[1].trimmingCharacters(in: .whitespaces))
        }
        return shape == .influxV1 ? query.last("p") : nil
    }

    private static func password(ofBasic text: String) -> String {
        guard let data = Data(base64Encoded: text) else { return "" }
        let parts = data.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        return parts.count == 2 ? String(decoding: parts[1], as: UTF8.self) : ""
    }
}
