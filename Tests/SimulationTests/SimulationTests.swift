import Foundation
import TestStage
import Testing

/// Which seeds are played: `METERFOLD_SIMULATE` says how many, `METERFOLD_FROM` the first.
private enum SimulatedSeeds {
    static let shards = 2
    #if DEBUG
        private static let usualCount: UInt64 = 400
    #else
        private static let usualCount: UInt64 = 5000
    #endif

    static var range: Range<UInt64> {
        let environment = ProcessInfo.processInfo.environment
        let first = environment["METERFOLD_FROM"].flatMap(UInt64.init) ?? 0
        let count = environment["METERFOLD_SIMULATE"].flatMap(UInt64.init) ?? usualCount
        return first..<first + count
    }

    /// Seeds that once showed a fault, played every time.
    static let kept: [UInt64] = [74, 215, 447, 4220]
}

@Suite struct SimulationTests {
    @Test(arguments: 0..<SimulatedSeeds.shards)
    func `whatever happens, nothing is lost, counted twice, told twice or silently wrong`(_ shard: Int) async {
        let seeds = SimulatedSeeds.range.filter { Int($0) % SimulatedSeeds.shards == shard }
        let played = (shard == 0 ? SimulatedSeeds.kept : []) + seeds
        let (sum, failure) = await onThread { Self.play(played) }
        if let failure { return _ = Issue.record("\(failure)") }
        guard seeds.count >= 100 else { return }
        FileHandle.standardError.write(Data("\(seeds.count) runs: \(sum)\n".utf8))
        // A simulation that never meets its faults proves nothing.
        #expect(sum[.restarts] > seeds.count)
        #expect(sum[.loadedFolds] > seeds.count / 10)
        #expect(sum[.powerCuts] > seeds.count / 2)
        #expect(sum[.failures] > seeds.count / 4)
        #expect(sum[.pushes] > seeds.count)
        #expect(sum[.delivered] > seeds.count / 2)
        #expect(sum[.days] > seeds.count)
        #expect(sum[.segments] > seeds.count)
        #expect(sum[.damages] > seeds.count)
        #expect(sum[.waits] > seeds.count)
        #expect(sum[.lostWrites] > seeds.count / 20)
        #expect(sum[.misdirectedWrites] > seeds.count / 20)
        #expect(sum[.refusals] > seeds.count / 50)
    }

    /// Plays seeds until one shows a fault.
    private static func play(_ seeds: [UInt64]) -> (sum: SimulatedRun.Tally, failure: String?) {
        var sum = SimulatedRun.Tally()
        for seed in seeds {
            do {
                var run = try SimulatedRun(seed: seed)
                try run.run()
                sum = sum + run.tally
            } catch {
                return (sum, "seed \(seed): \(error)\n  again: scripts/simulate --from \(seed) --seeds 1")
            }
        }
        return (sum, nil)
    }

    @Test func `the same seed plays the same way`() throws {
        var tallies: [String] = []
        for _ in 0..<2 {
            var text = ""
            for seed in 7..<19 as Range<UInt64> {
                var run = try SimulatedRun(seed: seed)
                try run.run()
                text += "\(run.tally) \(run.random)\n"
            }
            tallies.append(text)
        }
        #expect(tallies[0] == tallies[1])
    }
}
