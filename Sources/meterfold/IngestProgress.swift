import Ingest

/// How far an ingest is over all its files: lines, and where every file is a regular one the share of their bytes.
final class IngestProgress {
    private let progress: Progress
    /// Nil where one of them has no end that is known.
    private let totalByteCount: UInt64?
    private var endedLineCount: UInt64 = 0
    private var endedByteCount: UInt64 = 0

    /// - Parameters:
    ///   - title: what is being done.
    ///   - files: their paths; none is standard input.
    init(_ title: String, files: [String]) {
        progress = Progress(title, total: nil, unit: "lines")
        let counts = (files.isEmpty ? ["-"] : files).map { InputSource.byteCount(of: $0) }
        totalByteCount = counts.contains(nil) ? nil : counts.compactMap(\.self).reduce(0, +)
    }

    /// - Parameters:
    ///   - lineCount: lines of the file at hand.
    ///   - byteCount: bytes read of it, compressed ones where it is compressed.
    func advance(lineCount: UInt64, byteCount: UInt64) {
        let share = totalByteCount.flatMap { $0 > 0 ? Double(endedByteCount + byteCount) / Double($0) : nil }
        progress.advance(to: endedLineCount + lineCount, share: share)
    }

    func endFile(lineCount: UInt64, byteCount: UInt64) {
        endedLineCount += lineCount
        endedByteCount += byteCount
    }

    func finish() { progress.finish() }
}
