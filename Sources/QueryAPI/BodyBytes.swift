internal import Hummingbird
package import NIOCore

/// Why the bytes of a body ended before their time.
package enum BodyFault: Error, Hashable, Sendable {
    /// More of them than are taken.
    case tooLarge
    /// The sender went away, or sent what is no HTTP.
    case interrupted
}

/// The bytes of one request's body as they come off the wire: to be gone through once.
///
/// Nothing is read ahead: whoever asks slowly makes the sender wait.
package struct BodyBytes: AsyncSequence, Sendable {
    /// A piece as it came.
    package typealias Element = ByteBuffer
    /// Why there may be no more of them.
    package typealias Failure = BodyFault

    private let body: RequestBody
    private let maximumByteCount: Int

    /// - Parameters:
    ///   - body: what is read.
    ///   - maximumByteCount: after which `BodyFault.tooLarge` is thrown.
    init(_ body: RequestBody, maximumByteCount: Int) {
        self.body = body
        self.maximumByteCount = maximumByteCount
    }

    /// The bytes of a buffer, as if they came off the wire.
    package init(_ buffer: ByteBuffer) {
        body = RequestBody(buffer: buffer)
        maximumByteCount = .max
    }

    /// Begins to read; once.
    package func makeAsyncIterator() -> Iterator {
        Iterator(wire: Wire(body.makeAsyncIterator()), left: maximumByteCount)
    }

    /// Goes through the bytes.
    package struct Iterator: AsyncIteratorProtocol {
        private let wire: Wire
        private var left: Int

        fileprivate init(wire: Wire, left: Int) {
            self.wire = wire
            self.left = left
        }

        package mutating func next() async throws(BodyFault) -> ByteBuffer? {
            let piece: ByteBuffer?
            do { piece = try await wire.next() } catch { throw .interrupted }
            guard let piece else { return nil }
            left -= piece.readableBytes
            if left < 0 { throw .tooLarge }
            return piece
        }

        package mutating func next(isolation actor: isolated (any Actor)?) async throws(BodyFault) -> ByteBuffer? {
            try await next()
        }
    }

    /// All of it in one piece.
    ///
    /// - Throws: `BodyFault`.
    func collect() async throws(BodyFault) -> [UInt8] {
        var all: [UInt8] = []
        var iterator = makeAsyncIterator()
        while let piece = try await iterator.next() { all.append(contentsOf: piece.readableBytesView) }
        return all
    }
}

/// Reads off the wire, wherever the one who asks runs.
// Safety: an iterator belongs to one task, which asks for the next piece when it has the one before.
private final class Wire: @unchecked Sendable {
    private var iterator: RequestBody.AsyncIterator

    init(_ iterator: RequestBody.AsyncIterator) { self.iterator = iterator }

    @concurrent
    func next() async throws -> ByteBuffer? { try await iterator.next() }
}
