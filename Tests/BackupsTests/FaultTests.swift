import EventStorage
import RecordLog
import Testing

@testable import Backups

/// An error at every call of the file system: what is left is the older good backup or the newer, and the next run
/// finishes.
struct FaultTests {
    /// What strikes a call.
    enum Strike: CaseIterable, Sendable {
        case inputOutputError, noSpace, shortWrite, powerCut, readError

        /// Arms the disk; the call is the nth from now on of its sort.
        func arm(_ disk: SimulatedFileSystem, _ number: Int) {
            switch self {
            case .inputOutputError: disk.inject(.inputOutputError, atOperation: disk.operationCount + number)
            case .noSpace: disk.inject(.noSpace, atOperation: disk.operationCount + number)
            case .shortWrite: disk.inject(.shortWrite, atOperation: disk.operationCount + number)
            case .powerCut: disk.inject(.powerCut, atOperation: disk.operationCount + number)
            case .readError: disk.injectReadError(atOperation: disk.readCount + number)
            }
        }

        func count(_ disk: SimulatedFileSystem) -> Int { self == .readError ? disk.readCount : disk.operationCount }
    }

    /// Runs the work with a strike at each of its calls in turn.
    ///
    /// - Parameters:
    ///   - disk: where it works; each turn has a copy.
    ///   - strike: what strikes.
    ///   - work: what is done.
    ///   - check: looks at what is left; told the number of the call and whether the work threw.
    /// - Throws: what a rehearsal or the check throws.
    private func everyCall(
        _ disk: SimulatedFileSystem,
        _ strike: Strike,
        _ work: (SimulatedFileSystem) throws -> Void,
        _ check: (SimulatedFileSystem, Int, Bool) throws -> Void
    ) throws {
        let rehearsal = disk.copy()
        let start = strike.count(rehearsal)
        try work(rehearsal)
        let count = strike.count(rehearsal) - start
        #expect(count > 10, "\(count) calls")
        for number in 0..<count {
            let variant = disk.copy(seed: UInt64(number))
            strike.arm(variant, number)
            var hasThrown = false
            do { try work(variant) } catch { hasThrown = true }
            variant.clearFaults()
            if strike == .powerCut || number % 3 == 0 { variant.restart() }
            try check(variant, number, hasThrown)
        }
    }

    /// What a restore of the backup makes; nil if there is none.
    private func restored(_ disk: SimulatedFileSystem) throws -> [String]? {
        guard try BackupManifest.read(backup: Stage.target, fileSystem: disk) != nil else { return nil }
        let copy = disk.copy()
        try Stage.restore(copy)
        let report = try EventLogVerification.run(directory: Stage.restored, fileSystem: copy)
        #expect(!report.hasDamage)
        return try Stage.events(Stage.restored, copy)
    }

    @Test(arguments: Strike.allCases)
    func `A first backup is there whole or not at all, and the next run finishes`(_ strike: Strike) throws {
        let stage = try Stage(blockCount: 14)
        let all = try Stage.events(Stage.source, stage.disk)
        try everyCall(stage.disk, strike) {
            try stage.backUp($0)
        } _: { disk, number, hasThrown in
            let found = try restored(disk)
            #expect(found == nil ? hasThrown : found == all, "call \(number)")
            try stage.backUp(disk)
            #expect(try restored(disk) == all, "call \(number)")
        }
    }

    @Test(arguments: Strike.allCases)
    func `A later backup leaves the older one good until it is there itself`(_ strike: Strike) throws {
        let stage = try Stage(blockCount: 12)
        try stage.backUp()
        let older = try Stage.events(Stage.source, stage.disk)
        for _ in 0..<5 { try stage.append() }
        let newer = try Stage.events(Stage.source, stage.disk)
        try everyCall(stage.disk, strike) {
            try stage.backUp($0)
        } _: { disk, number, hasThrown in
            let found = try restored(disk)
            #expect(found == newer || hasThrown && found == older, "call \(number): \(found?.count ?? -1) events")
            try stage.backUp(disk)
            #expect(try restored(disk) == newer, "call \(number)")
        }
    }

    @Test(arguments: Strike.allCases)
    func `A restore is whole, or marked, and the next run finishes`(_ strike: Strike) throws {
        let stage = try Stage(blockCount: 12)
        try stage.backUp()
        let wanted = try Array(Stage.events(Stage.source, stage.disk).prefix(350))
        try everyCall(stage.disk, strike) {
            try Stage.restore($0, to: .position(350))
        } _: { disk, number, hasThrown in
            let names = (try? disk.names(inDirectory: Stage.restored)) ?? []
            if names.contains("log"), !names.contains(Restore.markerName) {
                try Stage.expect(Stage.restored, disk, holds: wanted, "call \(number)")
                return
            }
            #expect(hasThrown, "call \(number)")
            try Stage.restore(disk, to: .position(350))
            try Stage.expect(Stage.restored, disk, holds: wanted, "call \(number), second run")
        }
    }
}
