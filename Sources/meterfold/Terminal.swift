import Glibc

/// The three standard streams.
enum Terminal {
    static let errorsAreShown = isatty(STDERR_FILENO) == 1

    /// Writes bytes to stdout. A closed pipe ends the program quietly: whoever read has seen enough.
    static func write(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        while offset < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
            let count = Glibc.write(STDOUT_FILENO, rest.baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                exit(errno == EPIPE ? 0 : 1)
            }
            offset += count
        }
    }

    static func print(_ line: String) {
        var line = line + "\n"
        line.withUTF8 { write(UnsafeRawBufferPointer($0)) }
    }

    /// A line without control characters: names and free text must not steer a terminal.
    static func harmless(_ line: String) -> String {
        if line.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return line }
        var text = ""
        for scalar in line.unicodeScalars {
            text.unicodeScalars.append(scalar.properties.generalCategory == .control ? "\u{FFFD}" : scalar)
        }
        return text
    }

    static func error(_ line: String) { write(errorText: line + "\n") }

    static func write(errorText text: String) {
        var text = text
        text.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
