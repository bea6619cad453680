/// Where a log ends: what proves all of it up to there to somebody who kept this.
package struct LogHead: Sendable, Hashable {
    /// Which log it is: the chain value after its first block.
    package var log: Digest32
    /// The last position.
    package var position: UInt64
    /// The chain value after the block that ends there.
    package var chain: Digest32

    /// Names a head.
    package init(log: Digest32, position: UInt64, chain: Digest32) {
        self.log = log
        self.position = position
        self.chain = chain
    }
}

extension RecordLogReader {
    /// The head of the durable blocks; `nil` while the log is empty.
    ///
    /// Reads the log's last segment, and its first block.
    ///
    /// - Throws: `RecordLogError` where these are damaged or cannot be read.
    package func durableHead() throws -> LogHead? {
        guard let last = try segments().last else { return nil }
        // An empty last segment stands behind a sealed one.
        var head = LogHead(log: .zero, position: last.firstPosition - 1, chain: last.chainBefore)
        try forEachBlock(from: last.firstPosition) { block in
            head.position = block.lastPosition
            head.chain = block.chain
            return .proceed
        }
        guard head.position > 0 else { return nil }
        head.log = try look(at: 1)?.chain ?? .zero
        return head
    }

    /// The chain value at a position, as stored; `nil` if no block ends there.
    ///
    /// - Throws: `RecordLogError`.
    package func chain(at position: UInt64) throws -> Digest32? {
        guard position > 0, let found = try look(at: position), found.positions.upperBound == position else {
            return nil
        }
        return found.chain
    }

    /// The positions of the block that holds a position; `nil` if the log ends before it.
    ///
    /// - Throws: `RecordLogError`.
    package func block(holding position: UInt64) throws -> ClosedRange<UInt64>? { try look(at: position)?.positions }

    private func look(at position: UInt64) throws -> (positions: ClosedRange<UInt64>, chain: Digest32)? {
        var found: (positions: ClosedRange<UInt64>, chain: Digest32)?
        try forEachBlock(from: position) { block in
            found = (block.firstPosition...block.lastPosition, block.chain)
            return .stop
        }
        return found
    }
}
