package import MeterModel
internal import Synchronization

/// The latest items of the feed in memory, for any number of readers.
///
/// Invariants: `items` holds at most `capacity`, in the order of publishing, and positions never fall; the number of
/// the first is `firstSequence`. All that happened after `forgotten` and through `position` is in `items`. Publishing
/// waits for no reader: who is too slow loses his place and is told so.
package final class FeedRing: LiveFeed {
    /// Items that are remembered, if nothing else is said.
    package static let capacityDefault = 16_384

    private struct State {
        var items: [FeedPiece.Entry] = []
        /// Where the oldest of `items` is, once it is full.
        var start = 0
        var firstSequence: UInt64 = 0
        var forgotten: Position
        var position: Position
        var listeners: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextListener = 0
        var isClosed = false

        /// The item with a number.
        subscript(sequence: UInt64) -> FeedPiece.Entry {
            items[(start + Int(sequence - firstSequence)) % items.count]
        }

        var endSequence: UInt64 { firstSequence + UInt64(items.count) }
    }

    private let capacity: Int
    private let state: Mutex<State>

    /// - Parameters:
    ///   - capacity: items remembered, at least 1.
    ///   - position: where it begins: what happened up to there it does not know.
    package init(capacity: Int = FeedRing.capacityDefault, from position: Position) {
        precondition(capacity > 0, "a feed remembers something")
        self.capacity = capacity
        state = Mutex(State(forgotten: position, position: position))
    }

    package var position: Position { state.withLock { $0.position } }

    /// Adds what happened, and wakes the readers. Never blocks.
    ///
    /// - Parameters:
    ///   - items: in the order of their positions, after those published before; all of one position in one call.
    ///   - position: up to where nothing else happened; nil: the last item's.
    package func publish(_ items: [FeedItem], through position: Position? = nil) {
        let listeners = state.withLock { state in
            for (index, item) in items.enumerated() {
                let isLast = index + 1 == items.count || items[index + 1].position != item.position
                let entry = FeedPiece.Entry(item: item, isLast: isLast)
                if state.items.count < capacity {
                    state.items.append(entry)
                } else {
                    state.forgotten = state.items[state.start].item.position
                    state.items[state.start] = entry
                    state.start = (state.start + 1) % capacity
                    state.firstSequence += 1
                }
            }
            state.position = max(state.position, items.last?.position ?? .origin, position ?? .origin)
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.yield() }
    }

    /// Ends every reader's stream; later ones end at once.
    package func close() {
        let listeners = state.withLock { state in
            state.isClosed = true
            defer { state.listeners.removeAll() }
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.finish() }
    }

    package func read(_ cursor: inout FeedCursor, maximumCount: Int) -> FeedPiece {
        state.withLock { state in
            let sequence = cursor.sequence ?? FeedRing.first(after: cursor.position, in: state)
            let hasLost = cursor.sequence == nil ? cursor.position < state.forgotten : sequence < state.firstSequence
            guard !hasLost else {
                cursor = FeedCursor(after: state.forgotten)
                return .gap(through: state.forgotten)
            }
            let end = min(state.endSequence, sequence + UInt64(maximumCount))
            let entries = (sequence..<max(sequence, end)).map { state[$0] }
            let isAll = end >= state.endSequence
            let through = isAll ? max(state.position, cursor.position) : entries.last?.item.position ?? cursor.position
            cursor.move(to: through, sequence: max(sequence, end))
            return .items(entries, through: through)
        }
    }

    package func wakeups() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let number: Int? = state.withLock { state in
            guard !state.isClosed else { return nil }
            defer { state.nextListener += 1 }
            state.listeners[state.nextListener] = continuation
            return state.nextListener
        }
        guard let number else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.listeners.removeValue(forKey: number) }
        }
        return stream
    }

    /// The number of the first item after a position.
    private static func first(after position: Position, in state: borrowing State) -> UInt64 {
        var low = state.firstSequence
        var high = state.endSequence
        while low < high {
            let middle = low + (high - low) / 2
            if state[middle].item.position > position { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
