import MeterModel

/// When people use how much: weights by hour of the UTC week, utility and zone, 1024 being the weekly mean.
///
/// Invariant: over the week the weights of a column average 1024, but for the rounding of each to a whole number.
struct LoadShape: Sendable {
    static let hourCount = 168
    static let columnCount = 12

    /// Row by row, `hourOfWeek * columnCount + column`; hour 0 is Monday 00:00 UTC.
    let weights: ContiguousArray<Int32>

    static func column(_ utility: Utility, zone: Int) -> Int { (Int(utility.rawValue) - 1) * 4 + zone }

    init() {
        var table = ContiguousArray<Int32>(repeating: 0, count: LoadShape.hourCount * LoadShape.columnCount)
        for utility in Utility.allCases {
            let week = LoadShape.week(of: utility)
            let total = week.reduce(0, +)
            for (zoneIndex, zone) in FleetZone.all.enumerated() {
                let column = LoadShape.column(utility, zone: zoneIndex)
                for hour in 0..<LoadShape.hourCount {
                    // Half-hour zones read the shape at the middle of the UTC hour.
                    let minutes = hour * 60 + zone.habitOffsetMinutes + 30
                    let local = (minutes / 60 + LoadShape.hourCount) % LoadShape.hourCount
                    let weight = (week[local] * 1024 * LoadShape.hourCount + total / 2) / total
                    table[hour * LoadShape.columnCount + column] = Int32(weight)
                }
            }
        }
        weights = table
    }

    private static func week(of utility: Utility) -> [Int] {
        let (weekday, weekend) =
            switch utility {
            case .electricity: (electricityWeekday, electricityWeekend)
            case .water: (waterWeekday, waterWeekend)
            case .gas: (gasWeekday, gasWeekend)
            }
        return (0..<7).flatMap { $0 < 5 ? weekday : weekend }
    }

    // By local hour from 00; only the proportions count. Electricity keeps a base load, water all but rests at night.
    private static let electricityWeekday = [
        48, 42, 40, 39, 41, 52, 84, 112, 98, 82, 78, 80, 92, 86, 80, 80, 90, 118, 148, 156, 146, 124, 92, 64,
    ]
    private static let electricityWeekend = [
        56, 48, 43, 41, 41, 44, 56, 82, 112, 126, 128, 130, 136, 124, 114, 110, 112, 128, 150, 154, 142, 124, 96, 72,
    ]
    private static let waterWeekday = [
        10, 5, 3, 3, 8, 45, 165, 220, 150, 92, 78, 80, 96, 84, 70, 68, 82, 118, 164, 170, 142, 104, 62, 26,
    ]
    private static let waterWeekend = [
        18, 9, 5, 4, 5, 14, 50, 116, 186, 210, 178, 148, 140, 118, 100, 92, 98, 122, 156, 158, 134, 102, 68, 36,
    ]
    private static let gasWeekday = [
        52, 46, 44, 46, 64, 112, 172, 176, 136, 108, 96, 92, 94, 90, 88, 92, 108, 138, 152, 148, 132, 110, 84, 64,
    ]
    private static let gasWeekend = [
        56, 48, 45, 45, 52, 76, 118, 152, 164, 146, 128, 118, 118, 112, 106, 106, 116, 138, 150, 146, 132, 112, 88, 68,
    ]
}
