internal import Glibc
package import MeterModel

/// Lines that were not accepted, kept with the reason and their raw bytes, one JSON object a line.
///
/// Invariants: the file is made with the first line; `sync` makes all lines so far durable; what cannot be written
/// throws, for a line that is neither in the log nor here would be lost.
package final class Quarantine: RefusedLineKeeping {
    private let directory: String
    private let startedAt: Instant
    private var descriptor: Int32 = -1
    private var buffer: ContiguousArray<UInt8> = []
    private var hasUnsynced = false
    /// The file, once a line was put into it.
    package private(set) var path: String?

    /// Bytes that are gathered before they are written.
    private static let bufferByteCount = 256 * 1024

    /// - Parameters:
    ///   - directory: where quarantine files lie; it must exist.
    ///   - startedAt: names the file: `<time>-<n>.ndjson`.
    package init(directory: String, startedAt: Instant) {
        self.directory = directory
        self.startedAt = startedAt
    }

    deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

    /// Keeps a line.
    ///
    /// - Parameters:
    ///   - source: the input's name, `-` for stdin.
    ///   - line: its number, from 1.
    ///   - refusal: why it was not accepted.
    ///   - raw: the line's bytes, without the line end.
    /// - Throws: `QuarantineError`.
    package func add(source: String, line: UInt64, refusal: Refusal, raw: UnsafeRawBufferPointer) throws {
        if descriptor < 0 { try open() }
        hasUnsynced = true
        append("{\"source\": ")
        appendString(source)
        append(", \"line\": \(line), \"code\": \"\(refusal.code.rawValue)\", \"text\": ")
        appendString(refusal.text)
        if let text = String(validating: raw, as: UTF8.self) {
            append(", \"raw\": ")
            appendString(text)
        } else {
            append(", \"rawBase64\": \"")
            appendBase64(raw)
            append("\"")
        }
        append("}\n")
        if buffer.count >= Quarantine.bufferByteCount { try write() }
    }

    /// Makes all lines so far durable.
    package func sync() throws {
        guard descriptor >= 0, hasUnsynced else { return }
        try write()
        if fdatasync(descriptor) != 0 { throw QuarantineError(path: path ?? directory, systemError: errno) }
        hasUnsynced = false
    }

    private func open() throws {
        var stamp = startedAt.rfc3339
        stamp.removeAll { $0 == ":" || $0 == "-" || $0 == "." }
        for n in 1... {
            let candidate = "\(directory)/\(stamp)-\(n).ndjson"
            descriptor = Glibc.open(candidate, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
            if descriptor >= 0 {
                path = candidate
                return
            }
            guard errno == EEXIST else { throw QuarantineError(path: candidate, systemError: errno) }
        }
    }

    private func write() throws {
        var offset = 0
        while offset < buffer.count {
            let written = buffer.withUnsafeBytes { bytes in
                let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
                return Glibc.write(descriptor, rest.baseAddress, rest.count)
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw QuarantineError(path: path ?? directory, systemError: errno) }
            offset += written
        }
        buffer.removeAll(keepingCapacity: true)
    }

    private func append(_ text: String) { buffer.append(contentsOf: text.utf8) }

    private func appendString(_ text: String) { JSONString.append(text, to: &buffer) }

    private func appendBase64(_ bytes: UnsafeRawBufferPointer) {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var i = 0
        while i < bytes.count {
            let left = bytes.count - i
            let word =
                UInt32(bytes[i]) << 16 | (left > 1 ? UInt32(bytes[i + 1]) << 8 : 0)
                | (left > 2 ? UInt32(bytes[i + 2]) : 0)
            for k in 0..<4 {
                let isPadding = k > left
                buffer.append(isPadding ? UInt8(ascii: "=") : alphabet[Int(word >> UInt32(18 - 6 * k) & 63)])
            }
            i += 3
        }
    }
}

/// A quarantine file could not be written; ingest stops, for the refused line would be lost.
package struct QuarantineError: Error, CustomStringConvertible {
    package var path: String
    package var systemError: Int32

    package var description: String {
        "\(path): \(String(cString: strerror(systemError))); refused lines must be kept, so ingest stops here"
    }
}
