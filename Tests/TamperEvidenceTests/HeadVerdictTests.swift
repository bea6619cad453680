import MeterModel
import Testing

@testable import RecordLog
@testable import TamperEvidence

struct HeadVerdictTests {
    private func report(
        head: UInt64,
        first: UInt8 = 0xA1,
        chains: [UInt64: UInt8] = [:],
        isProved: Bool = true
    ) throws -> VerificationReport {
        var report = VerificationReport()
        report.head = head
        report.firstChain = try Sample.digest(first)
        for (position, byte) in chains {
            report.chains[position] = .init(chain: try Sample.digest(byte), isProved: isProved)
        }
        return report
    }

    private func verdict(_ positions: [UInt64], on report: VerificationReport) throws -> [HeadVerdict] {
        HeadVerdict.verdicts(
            try positions.map { HeadDocument(try Sample.head(position: $0), at: Sample.at) },
            on: report
        )
    }

    @Test func `Each way a log can have changed has its verdict`() throws {
        let cases: [(VerificationReport, HeadVerdict.Outcome, ClosedRange<UInt64>?)] = [
            (try report(head: 9, chains: [7: 0xB2]), .proved, nil),
            (try report(head: 7, chains: [7: 0xB2]), .proved, nil),
            (try report(head: 6), .cut, 7...7),
            (VerificationReport(), .cut, 1...7),
            (try report(head: 9, chains: [:]), .altered, 1...7),
            (try report(head: 9, chains: [7: 0xB3]), .altered, 1...7),
            (try report(head: 9, first: 0xA2, chains: [7: 0xB2]), .otherLog, 1...7),
            (try report(head: 9, chains: [7: 0xB2], isProved: false), .unproved, 1...7),
        ]
        for (report, outcome, positions) in cases {
            let verdict = try #require(try verdict([7], on: report).first)
            #expect(verdict.outcome == outcome)
            #expect(verdict.positions == positions, "\(verdict.text)")
        }
    }

    @Test func `Several heads narrow down where something changed`() throws {
        let report = try report(head: 40, chains: [10: 0xB2, 20: 0xB2, 30: 0xB3])
        let verdicts = try verdict([30, 10, 20], on: report)
        #expect(verdicts.map(\.outcome) == [.proved, .proved, .altered])
        #expect(verdicts.map(\.document.head.position) == [10, 20, 30])
        #expect(verdicts.last?.positions == 21...30)
    }
}
