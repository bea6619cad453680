import EventStorage
import Glibc
import MeterModel
import RecordLog

/// Parity as commands keep it: of the segments that they seal, or of all where they are asked to.
struct ParityUpkeep {
    let parity: LogParity

    init(_ directory: DataDirectory) {
        parity = LogParity(directory: directory.path, holder: CommandLine.arguments.joined(separator: " "))
    }

    /// Makes parity of the sealed segments from one on, each of which costs a fraction of what filling it did.
    ///
    /// What keeps it from being made is told and is no failure: nothing depends on it yet, and `serve` and `verify
    /// --repair` make it later.
    ///
    /// - Parameter position: Segments that begin before it are left to these.
    func make(from position: Position) {
        do {
            for name in try parity.segmentsWithoutParity(from: position.rawValue) {
                let verdict = try parity.make(name)
                if verdict.state == .beyondRepair { tell(name, verdict.text) }
            }
        } catch {
            // Whoever holds the lock makes it.
            if error.code != .locked { tell("the log", error.description) }
        }
    }

    private func tell(_ place: String, _ reason: String) {
        Terminal.error("meterfold: no parity was made of \(place): \(reason)")
    }

    /// Mends a segment, and waits while another makes parity or repairs.
    ///
    /// - Throws: `RecordLogError`; `locked` if that takes longer than `patienceSeconds`.
    func mend(
        _ name: String,
        at now: Instant,
        makesParity: Bool,
        contentDigest: @escaping RecordLogVerification.ContentDigest
    ) throws(RecordLogError) -> ParityVerdict {
        let start = SystemClock.uptimeSeconds()
        while true {
            do throws(RecordLogError) {
                return try parity.mend(
                    name,
                    at: ParityUpkeep.nameText(now),
                    makesParity: makesParity,
                    contentDigest: contentDigest
                )
            } catch  where error.code == .locked && SystemClock.uptimeSeconds() - start < Self.patienceSeconds {
                usleep(Self.retryMicroseconds)
            }
        }
    }

    /// Repairs every sealed segment that is damaged and within reach; leaves all else as it is.
    ///
    /// - Returns: What was repaired.
    /// - Throws: `RecordLogError`.
    func mendAll(at now: Instant) throws(RecordLogError) -> [ParityVerdict] {
        let digest = EventContent.digest()
        var repaired: [ParityVerdict] = []
        for name in try parity.sealedSegments() {
            guard try parity.inspect(name, contentDigest: digest).state == .repairable else { continue }
            let verdict = try mend(name, at: now, makesParity: false, contentDigest: digest)
            if verdict.state == .repaired { repaired.append(verdict) }
        }
        return repaired
    }

    /// How long to wait for somebody else's work on one segment, in seconds.
    private static let patienceSeconds = 30.0
    private static let retryMicroseconds: UInt32 = 100_000

    /// An instant in a file's name: `20260105T120000Z`.
    static func nameText(_ instant: Instant) -> String {
        Instant(milliseconds: instant.milliseconds / 1000 * 1000).rfc3339.filter { $0 != "-" && $0 != ":" }
    }
}
