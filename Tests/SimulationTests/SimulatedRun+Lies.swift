import EventStorage
import FleetSimulator
import MeterModel
import ReadModel
import RecordLog

/// A disk that lies: what it does, what `serve` and an operator do about it, and what may be lost by it.
extension SimulatedRun {
    /// The disk lies, or what it did shows sooner than at the next start.
    mutating func lie(_ server: SimulatedServer) throws {
        switch random.below(8) {
        case 0: disk.dropCaches()
        case 1, 2: try upkeep()
        case 3...5: server.roll()
        default:
            guard liesLeft > 0 else { return }
            liesLeft -= 1
            let lie = SimulatedFileSystem.Lie.allCases[random.below(2)]
            disk.lie(lie, fromOperation: disk.operationCount + random.below(20))
        }
    }

    /// Whether an error says that bytes are not what they were.
    static func isDamage(_ error: any Error) -> Bool {
        if let error = error as? RecordLogError { return error.code == .corruption }
        return error is EventStorageError
    }

    /// The disk as it would be had it not lied.
    func honestDisk() throws -> SimulatedFileSystem {
        let honest = disk.copy()
        for name in falseNames {
            let path = SimulatedRun.logDirectory + "/" + name
            if let meant = disk.meantContent(of: path) { honest.setContent(meant, of: path) }
        }
        return honest
    }

    /// What `serve` does for sealed segments now and then.
    private mutating func upkeep() throws {
        let parity = LogParity(directory: SimulatedServer.directory, fileSystem: disk, holder: "a simulation")
        do {
            let without = Set(try parity.segmentsWithoutParity())
            for name in try parity.sealedSegments() {
                let verdict =
                    without.contains(name)
                    ? try parity.make(name)
                    : try parity.mend(name, at: "now", contentDigest: EventContent.digest())
                if verdict.isDamaged, falseNames.isEmpty { throw Misbehaviour("\(verdict), and nothing is wrong") }
                if verdict.state == .repaired { tally[.repairs] += 1 }
            }
        } catch  where error is Misbehaviour || falseNames.isEmpty && SimulatedRun.isDamage(error) {
            throw error
        } catch {
            // It is tried again.
        }
    }

    /// The log is refused: parity helps, or it is over.
    mutating func repair() throws {
        tally[.refusals] += 1
        let repairs = tally[.repairs]
        disk.clearFaults()
        disk.restart()
        try upkeep()
        isRefused = tally[.repairs] == repairs
    }

    /// A log that opens before what was told durable has lost what nobody can know to have been there: the views have
    /// not seen it, and where it began what is there looks like a write that did not come to its end.
    mutating func loseEnd(
        behind head: Position,
        _ active: SegmentSummary,
        _ former: SimulatedFileSystem
    ) throws {
        let path = SimulatedRun.logDirectory + "/" + active.file
        guard let bytes = former.content(of: path), let meant = former.meantContent(of: path), bytes != meant else {
            throw Misbehaviour("it opened at \(head.rawValue), and the disk did not lie about what is behind")
        }
        if try store.read({ try $0.meta().checkpoint }) > head {
            throw Misbehaviour("it opened at \(head.rawValue), and the views have seen more")
        }
        let end = active.liveByteCount
        guard SimulatedRun.looksUnfinished(bytes, meant, from: end, through: toldHead) else {
            let shown = [bytes, meant].map { $0[end...].prefix(128) }
            throw Misbehaviour("it opened at \(head.rawValue), and what is behind byte \(end) is whole: \(shown)")
        }
        try SimulatedDamage.expectShown(on: former, head: toldHead, isExact: false)
        tally[.lostEnds] += 1
        witness.forget(behind: head)
        toldHead = head
        for client in clients { client.forget(behind: head) }
        if let former = formerStore, try former.read({ try $0.meta().checkpoint }) > head { formerStore = nil }
    }

    /// Whether a block that was written at `start` has a sector piece, or an end, that is zero now, and none up to a
    /// position follows it whose header came through.
    private static func looksUnfinished(
        _ bytes: [UInt8],
        _ meant: [UInt8],
        from start: Int,
        through last: Position
    ) -> Bool {
        let headerByteCount = 84
        func number(_ place: Int) -> Int { (0..<4).reduce(0) { $0 | Int(meant[place + $1]) << (8 * $1) } }
        func storedByteCount(_ place: Int) -> Int { number(place + 36) }
        func isBlock(_ place: Int) -> Bool {
            let end = place + headerByteCount
            return end <= meant.count && Array(meant[place..<place + 4]) == Array("MFBK".utf8)
                && meant[end - 4..<end] == [0xE5, 0xD3, 0xB9, 0xA7] && number(place + 24) <= last.rawValue
        }
        guard isBlock(start), bytes.count == meant.count else { return false }
        let end = start + headerByteCount + storedByteCount(start) + 4
        var next = end
        while isBlock(next) {
            if bytes[next..<next + headerByteCount] == meant[next..<next + headerByteCount] { return false }
            next += headerByteCount + storedByteCount(next) + 4
        }
        if bytes[end - 1] == 0 || bytes[start + headerByteCount - 1] == 0 { return true }
        var piece = start
        while piece < end {
            let pieceEnd = min(end, (piece / 512 + 1) * 512)
            if bytes[piece..<pieceEnd].allSatisfy({ $0 == 0 }) { return true }
            piece = pieceEnd
        }
        return false
    }
}
