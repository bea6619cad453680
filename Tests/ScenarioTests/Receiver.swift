import Crypto
import Foundation
import Glibc
import Synchronization

/// A receiver of webhooks on a port of this machine, which remembers what came and answers as it is told.
///
/// Invariants: every connection is answered by a thread of its own; what `messages` holds came whole.
final class Receiver: Sendable {
    /// A message as it came.
    struct Message: Sendable {
        var id: String
        var timestamp: String
        var signature: String
        var body: String
    }

    /// What becomes of messages.
    enum Conduct: Sendable {
        case answer(Int)
        /// Reads and says nothing.
        case hang
    }

    private struct State {
        var messages: [Message] = []
        var conduct = Conduct.answer(204)
        var isClosed = false
    }

    static let secret = "whsec_" + Data((0..<32).map { UInt8($0) }).base64EncodedString()

    let port: Int
    private let state = Mutex(State())
    private let listener: Int32

    init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, pointer, &length) == 0
            }
        }
        guard result else { throw ChildFault(description: "no port to be had: \(String(cString: strerror(errno)))") }
        self.listener = listener
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    /// Begins to accept.
    func start() {
        Thread.detachNewThread { [self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                if state.withLock({ $0.isClosed }) {
                    Glibc.close(descriptor)
                    Glibc.close(listener)
                    return
                }
                Thread.detachNewThread { [self] in
                    let wire = Wire(descriptor: descriptor)
                    while (try? serve(wire)) == true {}
                }
            }
        }
    }

    /// Refuses connections from now on.
    func close() {
        state.withLock { $0.isClosed = true }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    var messages: [Message] { state.withLock { $0.messages } }

    func conduct(_ conduct: Conduct) { state.withLock { $0.conduct = conduct } }

    /// Answers one request; false where the connection is to end.
    private func serve(_ wire: Wire) throws -> Bool {
        guard try wire.readLine() != nil else { return false }
        let headers = try wire.readHeaders()
        let body = try wire.readBytes(headers["content-length"].flatMap { Int($0) } ?? 0)
        let message = Message(
            id: headers["webhook-id"] ?? "",
            timestamp: headers["webhook-timestamp"] ?? "",
            signature: headers["webhook-signature"] ?? "",
            body: String(decoding: body, as: UTF8.self)
        )
        let conduct = state.withLock { state in
            state.messages.append(message)
            return state.conduct
        }
        switch conduct {
        case .answer(let status):
            wire.send("HTTP/1.1 \(status) As told\r\nContent-Length: 0\r\n\r\n")
            return true
        case .hang:
            // Until the other side has had enough.
            _ = try? wire.readToEnd()
            return false
        }
    }
}

extension Receiver.Message {
    /// Whether it is signed as Standard Webhooks has it, with the receiver's secret.
    var isSigned: Bool {
        guard let key = Data(base64Encoded: String(Receiver.secret.dropFirst("whsec_".count))) else { return false }
        let signed = Data("\(id).\(timestamp).\(body)".utf8)
        let code = HMAC<SHA256>.authenticationCode(for: signed, using: SymmetricKey(data: key))
        return signature.split(separator: " ").contains("v1,\(Data(code).base64EncodedString())")
    }
}
