import EventStorage
import FleetSimulator
import MeterModel
import RecordLog

/// One thing that a disk does to bytes that were durable.
struct SimulatedDamage: CustomStringConvertible {
    private static let sector = 512

    let description: String

    /// Does it to a file of the log; nil where what was chosen changes nothing.
    ///
    /// - Parameters:
    ///   - disk: is damaged.
    ///   - former: the same disk some time ago.
    ///   - random: chooses what and where.
    init?(_ disk: SimulatedFileSystem, former: SimulatedFileSystem?, _ random: inout SeededGenerator) {
        let folder = SimulatedServer.directory + "/log"
        guard let names = try? disk.names(inDirectory: folder), !names.isEmpty else { return nil }
        let path = folder + "/" + names[random.below(names.count)]
        guard let whole = disk.content(of: path) else { return nil }
        var bytes = whole
        let place = random.below(bytes.count)
        let start = place / SimulatedDamage.sector * SimulatedDamage.sector
        let range = start..<min(bytes.count, start + SimulatedDamage.sector)
        let what: String
        switch random.below(6) {
        case 0, 1:
            bytes[place] ^= 1 << UInt8(random.below(8))
            what = "a bit at \(place)"
        case 2:
            for i in range { bytes[i] = 0 }
            what = "zeros at \(range)"
        case 3:
            let other = random.below(bytes.count) / SimulatedDamage.sector * SimulatedDamage.sector
            let count = min(range.count, bytes.count - other)
            for i in 0..<count { bytes[range.lowerBound + i] = whole[other + i] }
            what = "\(range) holds what was at \(other)"
        case 4:
            guard let old = former?.content(of: path) else { return nil }
            for i in range where i < old.count { bytes[i] = old[i] }
            what = "\(range) as it was"
        default:
            bytes.removeLast(1 + random.below(bytes.count))
            what = "cut to \(bytes.count)"
        }
        guard bytes != whole else { return nil }
        disk.setContent(bytes, of: path)
        description = "\(path): \(what)"
    }

    /// Damage shows: verification finds it; opening the log for writing finds it, or leaves what is durable as it is.
    ///
    /// - Parameters:
    ///   - disk: is damaged.
    ///   - head: was told to be durable.
    ///   - isExact: whether nothing was written behind it.
    /// - Throws: `Misbehaviour`.
    static func expectShown(on disk: SimulatedFileSystem, head: Position, isExact: Bool = true) throws {
        let report = try? EventLogVerification.run(
            directory: SimulatedServer.directory,
            fileSystem: disk,
            expectedHead: head
        )
        // A beginning of a block that was never acknowledged is told as what it is.
        if let report, report.log.findings.isEmpty, report.wrongIndexes.isEmpty {
            throw Misbehaviour("verify finds nothing")
        }
        let before = SimulatedDamage.contents(of: disk)
        do {
            let configuration = RecordLogConfiguration(
                segmentByteCount: 4096,
                sealedIndexByteCount: 1024,
                preparesSpareInBackground: false,
                expectedHead: head.rawValue
            )
            let (writer, _) = try EventLogWriter.open(
                directory: SimulatedServer.directory,
                fileSystem: disk,
                configuration: configuration,
                lockDescription: "a simulation",
                readsState: false
            )
            writer.close()
            if writer.head < head || (isExact && writer.head > head) {
                throw Misbehaviour("it opens at \(writer.head.rawValue), not \(head.rawValue)")
            }
        } catch let error as RecordLogError where error.code != .inputOutput {
            let after = SimulatedDamage.contents(of: disk)
            if after != before {
                throw Misbehaviour("\(error), and yet it changed \(SimulatedDamage.changes(before, after))")
            }
        }
    }

    private static func changes(_ before: [String: [UInt8]], _ after: [String: [UInt8]]) -> [String] {
        Set(before.keys).union(after.keys).sorted().compactMap { name in
            guard let old = before[name], let new = after[name] else { return name }
            guard let place = zip(old, new).enumerated().first(where: { $1.0 != $1.1 })?.offset else {
                return old.count == new.count ? nil : "\(name) from \(old.count) to \(new.count) bytes"
            }
            return "\(name) at \(place)"
        }
    }

    private static func contents(of disk: SimulatedFileSystem) -> [String: [UInt8]] {
        let folder = SimulatedServer.directory + "/log"
        let names = (try? disk.names(inDirectory: folder)) ?? []
        return Dictionary(uniqueKeysWithValues: names.map { ($0, disk.content(of: folder + "/" + $0) ?? []) })
    }
}
