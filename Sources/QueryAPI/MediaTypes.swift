internal import Hummingbird

/// What a client accepts and sends.
enum MediaTypes {
    static let json = "application/json"
    static let csv = "text/csv"
    /// What lines come as; also what clients say of a body when nobody told them.
    static let lines = [
        "application/x-ndjson", "application/ndjson", "application/jsonl", json, csv, "text/plain",
        "application/octet-stream", "application/x-www-form-urlencoded", "application/gzip",
    ]

    /// The one of the media types offered that a client likes best (RFC 9110, section 12.5.1).
    ///
    /// - Throws: `Problem` where it accepts none.
    static func preferred(of offered: [String], by request: Request) throws -> String {
        guard let header = request.headers[.accept] else { return offered[0] }
        let ranges = header.split(separator: ",").map(Range.init)
        var best: (type: String, quality: Double)?
        for type in offered {
            let fitting = ranges.filter { $0.covers(type) }.max { $0.precision < $1.precision }
            guard let quality = fitting?.quality, quality > 0 else { continue }
            if best.map({ quality > $0.quality }) ?? true { best = (type, quality) }
        }
        guard let best else {
            throw Problem(.notAcceptable, "offered are \(offered.joined(separator: " and "))")
        }
        return best.type
    }

    /// Whether a body is compressed with gzip.
    ///
    /// - Throws: `Problem` of any other encoding, and of a media type that is not among those taken.
    static func isGzip(_ request: Request, taken: [String]) throws -> Bool {
        if let header = request.headers[.contentType] {
            let type = header.split(separator: ";")[0].filter { $0 != " " }.lowercased()
            guard taken.contains(type) else {
                throw Problem(.unsupportedMediaType, "a body of \(taken.joined(separator: ", ")) is taken")
            }
        }
        switch request.headers[.contentEncoding]?.lowercased() {
        case nil, "identity": return false
        case "gzip", "x-gzip": return true
        default: throw Problem(.unsupportedMediaType, "a body may be compressed with gzip, and else not")
        }
    }

    private struct Range {
        var type: String
        var quality = 1.0

        init(_ text: Substring) {
            let parts = text.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
            type = parts.first ?? ""
            for part in parts.dropFirst() where part.hasPrefix("q=") { quality = Double(part.dropFirst(2)) ?? 0 }
        }

        /// The more, the more exactly it says what it means.
        var precision: Int { type == "*/*" ? 0 : type.hasSuffix("/*") ? 1 : 2 }

        func covers(_ other: String) -> Bool {
            type == "*/*" || type == other || type.hasSuffix("/*") && other.hasPrefix(type.dropLast())
        }
    }
}
