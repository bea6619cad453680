import MeterModel

/// Series whose rows are summed up together: of one register, one kind of supply, one dimension and one zone.
struct SummaryGroup: Hashable {
    var register: UInt32
    var utility: Utility?
    var dimension: Dimension
    var zone: Int
}

/// The groups met so far, by number.
struct SummaryGroups {
    private(set) var groups: [SummaryGroup] = []
    private var indexes: [SummaryGroup: Int] = [:]

    /// Most series are in the group of the one before.
    private var latest = 0

    mutating func index(of group: SummaryGroup) -> Int {
        if latest < groups.count, groups[latest] == group { return latest }
        if let index = indexes[group] {
            latest = index
            return index
        }
        latest = groups.count
        groups.append(group)
        indexes[group] = latest
        return latest
    }
}

/// What a part of the series added up to, and what of them is left to look at.
///
/// One thread at a time has it; what a part's series are may change between batches.
final class SummaryPart {
    /// By number of group.
    var groups: [SummaryDays] = []
    /// Readings earlier than the latest of their series, in the log's order for each series.
    var lates: ContiguousArray<LateReading> = []
    /// How many late readings came so late that nothing is known any more of what lies around them.
    var missCount = 0
    /// What went wrong.
    var error: (any Error)?
    /// Whether late readings are kept: all parts together have few enough.
    var hasLateRoom = true

    func reserve(_ groupCount: Int) {
        while groups.count < groupCount { groups.append(SummaryDays()) }
    }
}

/// A reading that came after a later one of its series.
struct LateReading {
    var series: UInt32
    var at: Int64
    var value: Int64
}
