import Foundation
import Ingest
import MeterModel

/// What a server says it did with one input of an `ingest`: one JSON object.
struct IngestAnswer: Codable {
    private var accepted: Int
    private var duplicates: Int?
    private var reasons: [String: Int]
    private var firstPosition: UInt64?
    private var lastPosition: UInt64?
    private var ignored: Int
    private var missing: Int
    private var durable: UInt64
    private var quarantine: String?

    init(_ report: IngestReport) {
        let summary = report.summary
        accepted = summary.accepted
        duplicates = report.duplicates
        reasons = Dictionary(uniqueKeysWithValues: summary.reasons.map { ($0.key.rawValue, $0.value) })
        firstPosition = summary.firstPosition?.rawValue
        lastPosition = summary.lastPosition?.rawValue
        ignored = summary.ignoredFieldCount
        missing = summary.missingValueCount
        durable = report.durable.rawValue
        quarantine = report.quarantine.map { URL(fileURLWithPath: $0).lastPathComponent }
    }

    /// - Parameter text: as `text` says it.
    /// - Throws: where it is no such object.
    init(_ text: String) throws { self = try JSONDecoder().decode(IngestAnswer.self, from: Data(text.utf8)) }

    var text: String { (try? JSONEncoder().encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}" }

    /// Adds it to what was told of inputs before; `directory` is the data directory as whoever asked names it.
    func add(to report: inout IngestReport, _ directory: DataDirectory) {
        report.summary.accepted += accepted
        for (code, count) in reasons {
            if let code = RefusalCode(rawValue: code) { report.summary.reasons[code, default: 0] += count }
        }
        report.summary.firstPosition = report.summary.firstPosition ?? firstPosition.map { Position($0) }
        report.summary.lastPosition = lastPosition.map { Position($0) } ?? report.summary.lastPosition
        report.summary.ignoredFieldCount += ignored
        report.summary.missingValueCount += missing
        if let duplicates { report.duplicates = (report.duplicates ?? 0) + duplicates }
        report.durable = Position(durable)
        report.quarantine = report.quarantine ?? quarantine.map { "\(directory.quarantine)/\($0)" }
    }
}
