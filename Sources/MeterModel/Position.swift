/// The place of an event in the log: global, gapless, the first is 1.
package struct Position: Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    @inlinable
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Before every event.
    package static let origin = Position(0)

    @inlinable
    package static func < (a: Position, b: Position) -> Bool { a.rawValue < b.rawValue }

    /// The position `count` events later.
    @inlinable
    package func advanced(by count: Int) -> Position { Position(rawValue + UInt64(count)) }
}
