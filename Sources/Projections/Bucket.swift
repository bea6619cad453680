import Billing
import MeterModel

/// What intervals put into one hour, day or month (semantics, section 4).
struct Bucket {
    /// UTC milliseconds, half-open.
    var start: Int64
    var end: Int64
    /// mWh or mL.
    var quantity: Int128 = 0
    var estimated: Int128 = 0
    /// How much of the bucket intervals cover, in milliseconds.
    var covered: Int64 = 0

    init(start: Int64, end: Int64) {
        self.start = start
        self.end = end
    }

    var isComplete: Bool { covered == end - start }

    @inline(__always)
    mutating func add(_ part: Int64, isEstimated: Bool, milliseconds: Int64) {
        quantity += Int128(part)
        if isEstimated { estimated += Int128(part) }
        covered += milliseconds
    }
}

/// What the intervals of one month sum up to so far: what lets a pass go on where one ended, whatever the month holds.
struct MonthSum {
    /// The month in which the last of the intervals ended.
    var bucket: Bucket
    var month: LocalDate
    /// The end of the last interval in it: all that end up to here are counted, none later.
    var countedUpTo: Int64
}

/// A month's sum in little memory: there is one for each series.
struct KeptMonthSum {
    private let start: Int64
    private let quantity: Int64
    private let estimated: Int64
    let countedUpTo: Int64
    /// Of milliseconds, of which the longest month has 2.7 billion.
    private let length: UInt32
    private let covered: UInt32
    private let month: LocalDate

    /// Nil where a figure does not fit: then the month is summed up anew.
    init?(_ sum: MonthSum) {
        guard let quantity = Int64(exactly: sum.bucket.quantity), let estimated = Int64(exactly: sum.bucket.estimated),
            let length = UInt32(exactly: sum.bucket.end - sum.bucket.start),
            let covered = UInt32(exactly: sum.bucket.covered)
        else { return nil }
        start = sum.bucket.start
        self.quantity = quantity
        self.estimated = estimated
        countedUpTo = sum.countedUpTo
        self.length = length
        self.covered = covered
        month = sum.month
    }

    var sum: MonthSum {
        var bucket = Bucket(start: start, end: start + Int64(length))
        bucket.quantity = Int128(quantity)
        bucket.estimated = Int128(estimated)
        bucket.covered = Int64(covered)
        return MonthSum(bucket: bucket, month: month, countedUpTo: countedUpTo)
    }
}

/// What a local day's quantity is by the periods of its tariff version; nothing is kept where nothing is charged.
struct DayUsage {
    var day: Int
    /// mWh or mL, by index of the rates' periods.
    var quantities: [Int128]
}

/// The rows that a pass over intervals may write.
protocol BucketSink {
    mutating func hour(_ bucket: Bucket)
    mutating func day(_ bucket: Bucket, _ day: LocalDate)
    mutating func month(_ bucket: Bucket, _ month: LocalDate)
    /// Of a billed series, days that are charged, ascending.
    mutating func usage(_ usage: DayUsage)
}
