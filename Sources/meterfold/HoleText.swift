import MeterModel

/// Says of positions that they were given up.
struct HoleText: CustomStringConvertible {
    let positions: ClosedRange<Position>

    init(_ positions: ClosedRange<Position>) { self.positions = positions }

    var description: String {
        "positions \(positions.lowerBound.rawValue) to \(positions.upperBound.rawValue) of the log are lost and were "
            + "given up"
    }

    /// Tells whoever looks at what was folded from a log that it has holes.
    static func tell(_ holes: [ClosedRange<Position>], through last: Position? = nil) {
        for hole in holes where last.map({ hole.lowerBound <= $0 }) ?? true {
            Terminal.error("meterfold: \(HoleText(hole)): what they said is missing from this answer")
        }
    }
}
