/// A stretch of a series between two exchanges, with what is in force over it (section 3).
struct Segment: Sendable {
    /// The exchange's `at` it begins with; nil for the segment before the first exchange.
    let start: Instant?
    /// Thousandths.
    let multiplier: Int128
    let modulus: Int128?

    static let defaultMultiplier: Int128 = 1_000

    static func all(of facts: SeriesFacts, _ settings: SeriesSettings) -> [Segment] {
        let exchanges = facts.standingExchanges
        let corrections = facts.multiplierCorrections.map { correction in
            (start: facts.segmentStart(meantBy: correction), placed: correction)
        }
        var segments: [Segment] = []
        for exchange in [nil] + exchanges.map(Optional.some) {
            let start = exchange?.value.at
            // "Of several multipliers for one segment the highest position stands".
            var declared: [Placed<Int128>] = corrections.filter { $0.start == start }.map {
                Placed(position: $0.placed.position, value: $0.placed.value.multiplier)
            }
            if let exchange {
                if let multiplier = exchange.value.multiplier {
                    declared.append(Placed(position: exchange.position, value: multiplier))
                }
            } else if let multiplier = settings.multiplier {
                declared.append(multiplier)
            }
            let standing = declared.max { $0.position < $1.position }?.value
            // "A segment with none keeps that of the segment before. `modulus` likewise."
            let declaredModulus = exchange == nil ? settings.modulus : exchange?.value.modulus
            segments.append(
                Segment(
                    start: start,
                    multiplier: standing ?? segments.last?.multiplier ?? defaultMultiplier,
                    modulus: declaredModulus ?? segments.last?.modulus
                )
            )
        }
        return segments
    }

    /// Section 3: "a segment begins at its exchange's `at`".
    static func containing(_ instant: Instant, in segments: [Segment]) -> Segment {
        segments.last { segment in segment.start.map { $0 <= instant } ?? true } ?? segments[0]
    }

    /// Section 3: "quantity = delta x the multiplier, rounded half-even to 1 mWh / 1 mL once per interval".
    func quantity(_ delta: Int128) -> Int128 {
        roundedHalfEven(delta * multiplier, by: Segment.defaultMultiplier)
    }
}

extension SeriesFacts {
    /// The start of the segment a correction means: the one its `at` lies in, or without `at` "the latest segment known
    /// at its position" (section 3).
    ///
    /// Nil is the segment before the first exchange.
    func segmentStart(meantBy correction: Placed<MultiplierCorrection>) -> Instant? {
        guard let at = correction.value.at else {
            return exchanges.filter { $0.position < correction.position }.map(\.value.at).max()
        }
        return exchanges.map(\.value.at).filter { $0 <= at }.max()
    }
}
