import Foundation
import Glibc

/// A connection to a port of this machine, read and written by a test that waits.
///
/// Whatever it waits for has `patience`; then `ChildFault` is thrown.
final class Wire {
    private let descriptor: Int32
    private var received: [UInt8] = []

    /// Seconds after which an answer is held not to come.
    static let patience = 30

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result != 0 {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw ChildFault(description: "port \(port): \(reason)")
        }
        setPatience(Wire.patience)
    }

    /// Takes over a connected socket.
    init(descriptor: Int32) {
        self.descriptor = descriptor
        setPatience(Wire.patience)
    }

    deinit { close(descriptor) }

    private func setPatience(_ seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    /// Sends bytes, as far as they are taken.
    ///
    /// - Returns: false where the other side is gone or takes no more.
    @discardableResult
    func send(_ bytes: some Collection<UInt8>) -> Bool {
        let bytes = Array(bytes)
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            offset += count
        }
        return true
    }

    @discardableResult
    func send(_ text: String) -> Bool { send(text.utf8) }

    /// Says that nothing more will be sent.
    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Whether bytes or the end come within so many milliseconds.
    func hasMore(within milliseconds: Int32) -> Bool {
        if !received.isEmpty { return true }
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, milliseconds) > 0
    }

    /// Reads some bytes; false at the end, and where the other side has gone.
    private func readSome() throws -> Bool {
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &piece, piece.count, 0)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { throw ChildFault(description: "no answer within \(Wire.patience) s") }
            guard count > 0 else { return false }
            received += piece[..<count]
            return true
        }
    }

    /// The next line without its end; nil at the end.
    func readLine() throws -> String? {
        while true {
            if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                let line = received[..<end]
                received.removeFirst(end + 1)
                return String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
            }
            guard try readSome() else { return nil }
        }
    }

    func readBytes(_ count: Int) throws -> [UInt8] {
        while received.count < count, try readSome() {}
        defer { received.removeFirst(min(count, received.count)) }
        return Array(received.prefix(count))
    }

    /// Everything up to the end.
    func readToEnd() throws -> [UInt8] {
        while try readSome() {}
        defer { received = [] }
        return received
    }

    /// The lines up to the end.
    func readLines() throws -> [String] {
        String(decoding: try readToEnd(), as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

/// An answer over HTTP.
struct Answer {
    var status: Int
    var headers: [String: String] = [:]
    var body: String

    /// The body as one object.
    func row() throws -> Row { try Row(body.replacing("\n", with: "")) }

    /// The objects in `rows`, where a page of rows has one a line.
    func rows() throws -> [Row] {
        try body.split(separator: "\n").map(String.init).filter { $0.hasPrefix("{\"") && !$0.hasSuffix("[") }
            .map { try Row($0) }
    }
}

extension Wire {
    /// Asks over HTTP, and waits for the end of the answer.
    static func ask(
        _ method: String,
        _ target: String,
        port: Int,
        headers: [String: String] = [:],
        body: [UInt8] = []
    ) throws -> Answer {
        let wire = try Wire(port: port)
        var head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        head += "Content-Length: \(body.count)\r\n\r\n"
        wire.send(Array(head.utf8) + body)
        let first = try wire.readLine() ?? ""
        let words = first.split(separator: " ")
        guard words.count >= 2, let status = Int(words[1]) else { throw ChildFault(description: "no HTTP: \(first)") }
        let found = try wire.readHeaders()
        let bytes = found["transfer-encoding"] == "chunked" ? try wire.readChunks() : try wire.readToEnd()
        return Answer(status: status, headers: found, body: String(decoding: bytes, as: UTF8.self))
    }

    /// The fields of a header up to the blank line, names in small letters.
    func readHeaders() throws -> [String: String] {
        var found: [String: String] = [:]
        while let line = try readLine(), !line.isEmpty {
            let halves = line.split(separator: ":", maxSplits: 1)
            guard halves.count == 2 else { continue }
            found[halves[0].lowercased()] = halves[1].trimmingCharacters(in: .whitespaces)
        }
        return found
    }

    private func readChunks() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let line = try readLine(), let count = Int(line, radix: 16), count > 0 {
            bytes += try readBytes(count)
            _ = try readLine()
        }
        return bytes
    }
}
