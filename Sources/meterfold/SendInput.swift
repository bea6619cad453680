import Ingest
import MeterModel
import Telegrams
import TimeZones

/// The input of `send`: looks at its beginning to tell its form, then yields all of it.
final class SendInput {
    private let source: InputSource
    /// What was read to look at, from `headStart` on not yet handed out.
    private var head: [UInt8] = []
    private var headStart = 0
    init(_ source: InputSource) {
        self.source = source
    }

    /// Bytes read from the file, as they lie there.
    var readByteCount: UInt64 { source.readByteCount }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(InputFault) -> Int {
        guard headStart < head.count else { return try source.read(into: buffer) }
        let count = min(buffer.count, head.count - headStart)
        buffer.copyBytes(from: head[headStart..<headStart + count])
        headStart += count
        return count
    }

    /// How many lines at the beginning tell what the others mean: those of a CSV up to its header, else none.
    ///
    /// Where neither a flag nor a profile says the form, it waits for the first line that is neither blank nor a
    /// comment.
    func headLineCount(_ flags: SendFlags) throws -> Int {
        let profile = try flags.profile.flatMap { name throws(Failure) in
            do throws(ProfileError) { return try Profiles.named(name, zones: FoundationZoneSource()) } catch {
                throw Failure(error)
            }
        }
        if case .csv(let mapping)? = profile?.mapping {
            let skipped = mapping.skippedLineCount
            return mapping.hasHeader ? try skipped + lineCountThroughFirst(skipped) : skipped
        }
        if let format = flags.inputFormat ?? profile?.format {
            return format == .csv ? try lineCountThroughFirst(0) : 0
        }
        while true {
            let isAtEnd = try !lookFurther()
            let format = head.withUnsafeBytes { bytes in
                bytes.contains(0x0A) || isAtEnd ? detectFormat(bytes) : nil
            }
            if let format { return format == .csv ? try lineCountThroughFirst(0) : 0 }
            if isAtEnd || head.count >= maximumLineByteCount { return 0 }
        }
    }

    /// How many lines behind `skipped` lines there are up to the first that is neither blank nor a comment.
    private func lineCountThroughFirst(_ skipped: Int) throws(InputFault) -> Int {
        while true {
            let lines = head.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast().dropFirst(skipped)
            let first = lines.firstIndex { line in
                line.first != UInt8(ascii: "#") && line.contains { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }
            }
            if let first { return first - lines.startIndex + 1 }
            if try !lookFurther() || head.count >= maximumLineByteCount { return lines.isEmpty ? 1 : lines.count }
        }
    }

    /// Reads a little more to look at; false at the end.
    private func lookFurther() throws(InputFault) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        let count = try source.readChunk(&bytes)
        head += bytes[..<count]
        return count > 0
    }
}
