import Foundation
import Glibc
import Synchronization

/// Finds the addresses of a name: a seam, so that tests need no name server.
package protocol Resolving: Sendable {
    /// The addresses of a host, in the order to try them; as texts.
    ///
    /// - Throws: `ResolutionFault` where there are none.
    func addresses(of host: String) async throws -> [String]
}

/// Why a name has no address.
package struct ResolutionFault: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
}

/// Asks the system.
package struct SystemResolver: Resolving {
    package init() {}

    package func addresses(of host: String) async throws -> [String] {
        let asking = Asking()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard asking.begin(continuation) else { return }
                // The system's call blocks for as long as it likes, so it gets a thread of its own. As many are asked
                // for as there are attempts, which the channels' concurrency bounds; one given up ends by itself.
                Thread.detachNewThread { asking.end(Result { try Self.lookUp(host) }) }
            }
        } onCancel: {
            asking.end(.failure(CancellationError()))
        }
    }

    /// Hands over whichever comes first: the addresses, or that nobody waits for them any more.
    private final class Asking: Sendable {
        private typealias Waiter = CheckedContinuation<[String], any Error>

        private struct State {
            var waiter: Waiter?
            var hasEnded = false
        }

        private let state = Mutex(State())

        /// - Returns: false where it was given up already; then the continuation has been resumed.
        func begin(_ continuation: CheckedContinuation<[String], any Error>) -> Bool {
            let isOver = state.withLock { state in
                if !state.hasEnded { state.waiter = continuation }
                return state.hasEnded
            }
            if isOver { continuation.resume(throwing: CancellationError()) }
            return !isOver
        }

        func end(_ result: Result<[String], any Error>) {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                state.hasEnded = true
                return state.waiter
            }
            waiter?.resume(with: result)
        }
    }

    private static func lookUp(_ host: String) throws -> [String] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        let fault = getaddrinfo(host, nil, &hints, &first)
        guard fault == 0 else { throw ResolutionFault(description: String(cString: gai_strerror(fault))) }
        defer { freeaddrinfo(first) }
        var addresses: [String] = []
        var next = first
        while let entry = next {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let size = entry.pointee.ai_addrlen
            if getnameinfo(entry.pointee.ai_addr, size, &text, UInt32(text.count), nil, 0, NI_NUMERICHOST) == 0 {
                let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                addresses.append(String(decoding: bytes, as: UTF8.self))
            }
            next = entry.pointee.ai_next
        }
        return addresses
    }
}
