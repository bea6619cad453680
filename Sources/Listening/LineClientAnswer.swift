/// A line that the receiver of readings sends back.
package enum LineClientAnswer: Equatable, Sendable {
    /// Everything up to `line` of this connection is durable or was refused; `position` is the highest given.
    case acked(position: UInt64, line: UInt64)
    /// A line of this connection was refused; line 0: the connection itself.
    case refused(line: UInt64, code: String, text: String)

    /// Bytes of an answer at most; who sends longer lines speaks another protocol.
    static let maximumByteCount = 16 << 10

    /// Reads `ok <position> <line>` or `err <line> <code> <text>`.
    ///
    /// - Parameter line: without its end; a carriage return before it is passed over. Nil where it is neither.
    package init?(_ line: UnsafeRawBufferPointer) {
        var rest = line[...]
        if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
        if rest.starts(with: "ok ".utf8) {
            rest = rest.dropFirst(3)
            guard let position = LineClientAnswer.number(&rest), let line = LineClientAnswer.number(&rest),
                rest.isEmpty
            else { return nil }
            self = .acked(position: position, line: line)
        } else if rest.starts(with: "err ".utf8) {
            rest = rest.dropFirst(4)
            guard let line = LineClientAnswer.number(&rest) else { return nil }
            let code = rest.prefix { $0 != UInt8(ascii: " ") }
            guard !code.isEmpty else { return nil }
            self = .refused(
                line: line,
                code: String(decoding: code, as: UTF8.self),
                text: String(decoding: rest.dropFirst(code.count + 1), as: UTF8.self)
            )
        } else {
            return nil
        }
    }

    /// The decimal number that `bytes` begins with, and passes over the space behind it.
    private static func number(_ bytes: inout Slice<UnsafeRawBufferPointer>) -> UInt64? {
        var value: UInt64 = 0
        var digitCount = 0
        while let byte = bytes.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            let (times, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflows) = times.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            if isTooLarge || overflows { return nil }
            value = sum
            digitCount += 1
            bytes.removeFirst()
        }
        guard digitCount > 0 else { return nil }
        if let byte = bytes.first {
            guard byte == UInt8(ascii: " ") else { return nil }
            bytes.removeFirst()
        }
        return value
    }
}
