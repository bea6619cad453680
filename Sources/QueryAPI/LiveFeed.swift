package import MeterModel

/// Something that happened to a device, to be told while it is new.
package struct FeedItem: Hashable, Sendable {
    /// What it is; the raw value is the event's name on the wire.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// A balance crossed an alert level.
        case crossed
        /// It came back above the level at which the rule is armed again.
        case cleared
        /// It is still below.
        case reminder
        /// A balance changed.
        case balance
    }

    /// What is told of it.
    package enum Content: Hashable, Sendable {
        /// One JSON object in UTF-8, without line ends.
        case object([UInt8])
        /// A balance, written out only for who wants it: there may be very many.
        case balance(Money, currency: Currency, asOf: Instant?)
    }

    package var position: Position
    package var kind: Kind
    package var device: String
    package var content: Content

    package init(position: Position, kind: Kind, device: String, content: Content) {
        self.position = position
        self.kind = kind
        self.device = device
        self.content = content
    }

    package init(position: Position, kind: Kind, device: String, data: [UInt8]) {
        self.init(position: position, kind: kind, device: device, content: .object(data))
    }

    /// One JSON object in UTF-8, without line ends.
    var data: [UInt8] {
        switch content {
        case .object(let data): return data
        case .balance(let balance, let currency, let asOf):
            let object = JSONText.object([
                ("device", .string(device)), ("currency", .string(currency.code)),
                ("balance", .string(balance.roundedText(minorDigits: currency.minorDigits))),
                ("balanceExact", .string(balance.exactText)),
                ("asOf", asOf.map { .string($0.rfc3339) } ?? .null), ("position", .integer(Int64(position.rawValue))),
            ])
            return object.bytes
        }
    }
}

/// Where a reader of the feed is.
package struct FeedCursor: Hashable, Sendable {
    /// What is after this is wanted.
    package private(set) var position: Position
    /// The number of the next item, once it is known.
    var sequence: UInt64?

    package init(after position: Position) { self.position = position }

    /// Goes on behind an item or to where all is told.
    mutating func move(to position: Position, sequence: UInt64) {
        self.position = position
        self.sequence = sequence
    }
}

/// What a reader of the feed finds.
package enum FeedPiece: Hashable, Sendable {
    /// An item, and whether it is the last of its position.
    package struct Entry: Hashable, Sendable {
        package var item: FeedItem
        package var isLast: Bool
    }

    /// Items, maybe none, and up to where all is told with them.
    case items([Entry], through: Position)
    /// What is after his position is no longer remembered: what happened through `through` is to be asked of the
    /// views.
    case gap(through: Position)
}

/// Tells what happens while it is new.
package protocol LiveFeed: Sendable {
    /// Up to here all was told.
    var position: Position { get }

    /// What comes at a cursor, which goes on behind it; after a gap, behind what the gap names.
    ///
    /// - Parameters:
    ///   - cursor: where the reader is.
    ///   - maximumCount: items at most.
    /// - Returns: items, or that there is a gap.
    func read(_ cursor: inout FeedCursor, maximumCount: Int) -> FeedPiece

    /// Wakes a reader whenever there may be something new, once for any number of things. It ends when the feed is
    /// closed; to stop listening lets it go.
    func wakeups() -> AsyncStream<Void>
}
