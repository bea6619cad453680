import MeterModel
import Testing

@testable import Projections

@Suite("The sum of a month")
struct KeptMonthSumTests {
    private func sum(_ quantity: Int128) throws -> MonthSum {
        var bucket = Bucket(start: -2_678_400_000, end: 0)
        bucket.quantity = quantity
        bucket.estimated = quantity / 2
        bucket.covered = 2_678_399_999
        let month = try #require(LocalDate(year: 1969, month: 12, day: 1))
        return MonthSum(bucket: bucket, month: month, countedUpTo: -1)
    }

    @Test("is kept as it is, or not at all", arguments: [0, 1, Int128(Int64.max), Int128(Int64.max) + 1])
    func kept(quantity: Int128) throws {
        let sum = try sum(quantity)
        let kept = KeptMonthSum(sum)?.sum
        #expect((kept != nil) == (quantity <= Int128(Int64.max)))
        guard let kept else { return }
        #expect(kept.bucket.start == sum.bucket.start && kept.bucket.end == sum.bucket.end)
        #expect(kept.bucket.quantity == quantity && kept.bucket.estimated == sum.bucket.estimated)
        #expect(kept.bucket.covered == sum.bucket.covered)
        #expect(kept.month == sum.month && kept.countedUpTo == sum.countedUpTo)
    }
}
