package import MeterModel

/// What an ingest did so far.
package struct IntakeSummary: Sendable, Equatable {
    /// Lines that got a position, duplicates too.
    package var accepted = 0
    /// Lines that went to quarantine, by reason.
    package var reasons: [RefusalCode: Int] = [:]
    /// The first and last position given; nil while none was.
    package var firstPosition: Position?
    package var lastPosition: Position?
    /// Tags and fields that the input carried and nothing maps.
    package var ignoredFieldCount = 0
    /// Rows of a profile whose value stands for "no reading".
    package var missingValueCount = 0

    package init() {}

    package var rejected: Int { reasons.values.reduce(0, +) }
}
