/// What is wrong with the content of the log, where its bytes are as they were written.
package enum EventStorageError: Error, Hashable, CustomStringConvertible {
    /// A block's body cannot be decoded.
    case malformedBlock(positions: ClosedRange<UInt64>, MalformedBytes)
    /// A block cannot be decoded because one before it in its segment could not.
    case stateMissing(positions: ClosedRange<UInt64>)
    /// A block defines series that do not follow those known.
    case definitionsMissing(positions: ClosedRange<UInt64>)

    /// The positions concerned.
    package var positions: ClosedRange<UInt64> {
        switch self {
        case .malformedBlock(let positions, _), .stateMissing(let positions), .definitionsMissing(let positions):
            positions
        }
    }

    package var description: String {
        let range = "positions \(positions.lowerBound) to \(positions.upperBound)"
        return switch self {
        case .malformedBlock(_, let reason): "\(range): the block's content is malformed: \(reason)"
        case .stateMissing: "\(range): the block cannot be decoded without a damaged one before it in its segment"
        case .definitionsMissing: "\(range): the block's definitions do not follow those before it"
        }
    }
}
