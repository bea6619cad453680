import MeterModel

/// What a receiver gets of a job: the same bytes at every attempt.
package struct PushMessage: Hashable, Sendable {
    /// The job's id, as it goes into the header `webhook-id`.
    package let id: String
    /// JSON in UTF-8, as docs/notifications.md describes.
    package let body: [UInt8]

    /// The message that tells of a job.
    package init(_ job: PushJob) {
        id = Self.headerText(job.job)
        body = Array(Self.json(job).utf8)
    }

    /// The id with every byte percent-encoded that is no letter, digit, `-`, `_`, `~`, `:`, `@` or `/`: names may hold
    /// what a header cannot, and a `.` would let the parts of what is signed run into each other.
    static func headerText(_ job: String) -> String {
        var text = ""
        for byte in job.utf8 {
            let scalar = UnicodeScalar(byte)
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "-", "_", "~", ":", "@", "/": text.unicodeScalars.append(scalar)
            default: text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return text
    }

    private static func json(_ job: PushJob) -> String {
        let kind = job.kind.hasPrefix("reminder-") ? "reminder" : job.kind
        let data: [(name: String, json: String?)] = [
            ("job", JSONString.quoted(job.job)),
            ("device", JSONString.quoted(job.device)),
            ("rule", JSONString.quoted(job.rule)),
            ("episode", String(job.episode)),
            ("kind", JSONString.quoted(job.kind)),
            ("crossedAt", job.crossedAt.map { JSONString.quoted($0.rfc3339) }),
            ("balanceBefore", job.balanceBefore.map(JSONString.quoted)),
            ("balanceAfter", job.balanceAfter.map(JSONString.quoted)),
            ("currency", job.currency.map(JSONString.quoted)),
            ("position", String(job.position.rawValue)),
            ("requestedAt", JSONString.quoted(job.requestedAt.rfc3339)),
        ]
        let fields = data.compactMap { field in field.json.map { "\(JSONString.quoted(field.name)):\($0)" } }
        let type = JSONString.quoted("balance." + kind)
        let head = "{\"type\":\(type),\"timestamp\":\(JSONString.quoted(job.requestedAt.rfc3339)),"
        return head + "\"data\":{" + fields.joined(separator: ",") + "}}"
    }
}
