import EventStorage
package import MeterModel
package import ReadModel
package import RecordLog
import Threading

/// The snapshot of a data directory's fold: a file from which a start goes on in place of the log's beginning.
///
/// It is a cache. It is replaced whole or not at all, and taken only where nothing speaks against it; whatever is wrong
/// with it costs time and nothing else. Nothing here throws.
///
/// Invariant: `since` is the position that the file was last written at, or that writing it was last tried at, or that
/// was loaded; the log's origin where there is none of these.
package final class FoldSnapshots {
    /// When it is written.
    package struct Cadence: Sendable {
        /// So many events further at least. Folding them again takes ten seconds.
        package var leastCount: UInt64 = 1 << 25
        /// And further by this part of what it covers: a snapshot has all of that in it again, and so all that are ever
        /// written have some five times what is folded.
        package var leastShare: UInt64 = 4
        /// So many at an end, where nobody waits. Folding them again takes less than half a second.
        package var leastCountAtEnd: UInt64 = 1 << 20

        package init() {}

        /// In other steps, for tests.
        package init(leastCount: UInt64, leastCountAtEnd: UInt64) {
            self.leastCount = leastCount
            self.leastCountAtEnd = leastCountAtEnd
        }
    }

    /// What is to be told of it.
    package enum News: Sendable {
        case loaded(Position, byteCount: Int, Duration)
        case passedOver(String)
        case written(Position, byteCount: Int, Duration)
        case notWritten(Position, String)
    }

    private let path: String
    private let directoryPath: String
    private let fileSystem: any FileSystem
    private let zones: any ZoneSource
    private let program: String
    private let cadence: Cadence
    private let hasRoom: () -> Bool
    private let tell: (News) -> Void
    private var since = Position.origin

    /// - Parameters:
    ///   - directory: the data directory, without a slash at its end.
    ///   - fileSystem: where it is.
    ///   - zones: the rules that are folded by.
    ///   - program: the program's version.
    ///   - cadence: when it is written.
    ///   - hasRoom: whether the disk may be filled further.
    ///   - tell: told of everything.
    package init(
        directory: String,
        fileSystem: any FileSystem = PosixFileSystem(),
        zones: any ZoneSource,
        program: String,
        cadence: Cadence = Cadence(),
        hasRoom: @escaping () -> Bool = { true },
        tell: @escaping (News) -> Void = { _ in }
    ) {
        path = directory + "/" + FoldSnapshots.fileName
        directoryPath = directory
        self.fileSystem = fileSystem
        self.zones = zones
        self.program = program
        self.cadence = cadence
        self.hasRoom = hasRoom
        self.tell = tell
    }

    /// The file's name in the data directory, beside the views.
    package static let fileName = "views.fold"

    private var unfinishedPath: String { path + ".new" }

    // MARK: Loading

    /// The fold as it was when the snapshot was written.
    ///
    /// - Parameters:
    ///   - checkpoint: the views'.
    ///   - scratch: where its older readings are to lie, with nothing in it yet; nil: in memory.
    /// - Returns: it and the log's numbering; nil where it cannot be taken.
    func load(upTo checkpoint: Position, scratch: ScratchFile? = nil) -> (fold: Fold, directory: SeriesDirectory)? {
        since = .origin
        // What a run that was cut off left behind.
        _ = try? fileSystem.remove(unfinishedPath)
        let start = ContinuousClock.now
        do {
            guard let file = try openIfThere() else { return nil }
            defer { file.close() }
            let reader = try SnapshotReader(file)
            let head = try SnapshotHead(from: reader)
            if let objection = try objection(to: head, checkpoint) {
                tell(.passedOver(objection))
                return nil
            }
            try reader.beginBody()
            let loaded = try Fold.read(from: reader, head, zones: zones, scratch: scratch)
            try reader.finish()
            since = head.position
            tell(.loaded(head.position, byteCount: try file.byteCount(), .now - start))
            return loaded
        } catch {
            tell(.passedOver("\(error)"))
            return nil
        }
    }

    /// Begins a projector's fold with it.
    ///
    /// - Parameters:
    ///   - projector: nothing is folded yet.
    ///   - checkpoint: of its views.
    /// - Returns: the log's numbering as far as it is folded then; nil where it cannot be taken.
    package func load(into projector: ViewProjector, upTo checkpoint: Position) -> SeriesDirectory? {
        guard let kept = load(upTo: checkpoint, scratch: projector.scratch) else { return nil }
        projector.begin(with: kept.fold)
        return kept.directory
    }

    /// Finds out how far the one reaches that is there, for whoever folded from the log's beginning.
    ///
    /// - Parameter checkpoint: the views'.
    package func look(upTo checkpoint: Position) {
        since = .origin
        guard let file = try? openIfThere() else { return }
        defer { file.close() }
        guard let reader = try? SnapshotReader(file), let head = try? SnapshotHead(from: reader),
            (try? objection(to: head, checkpoint) == nil) ?? false
        else { return }
        since = head.position
    }

    private func openIfThere() throws(RecordLogError) -> (any OpenFile)? {
        do throws(RecordLogError) {
            return try fileSystem.open(path, mode: .read)
        } catch  where error.code == .notFound {
            return nil
        }
    }

    private func objection(to head: SnapshotHead, _ checkpoint: Position) throws -> String? {
        let log = try RecordLogReader(directory: directoryPath, fileSystem: fileSystem)
        return try head.objection(
            program: program,
            zoneDatabase: zones.version,
            checkpoint: checkpoint,
            holes: log.holes().map { ClosedRange($0) },
            chain: { try log.chain(at: $0) }
        )
    }

    // MARK: Writing

    /// Whether enough was folded since it was written; at an end less is enough.
    func isDue(at position: Position, atEnd: Bool) -> Bool {
        let newCount = position.rawValue - min(since, position).rawValue
        if atEnd { return newCount >= cadence.leastCountAtEnd }
        return newCount >= max(cadence.leastCount, since.rawValue / cadence.leastShare)
    }

    /// When something is kept.
    package enum Occasion: Sendable {
        /// Between commits: whoever waits for views or pushes waits for it.
        case commit
        /// When nothing follows. It is given up where it takes longer than to an instant; nil: however long it takes.
        case end(by: ContinuousClock.Instant?)
    }

    /// Writes it, if enough was folded since it was written last.
    ///
    /// - Parameters:
    ///   - projector: whose views show everything that it folded.
    ///   - directory: the log's numbering up to there.
    ///   - occasion: how much is enough, and how much time there is.
    package func keep(_ projector: ViewProjector, _ directory: SeriesDirectory, _ occasion: Occasion = .commit) {
        var deadline: ContinuousClock.Instant?
        var isEnd = false
        if case .end(let bound) = occasion { (deadline, isEnd) = (bound, true) }
        guard !projector.isDoubted, isDue(at: projector.position, atEnd: isEnd) else { return }
        // Views that a power cut makes older are no harm; but it would be ahead of them, and good for nothing.
        try? projector.settle()
        write(projector.fold, directory, until: deadline)
    }

    /// Makes new views durable and closes them, and keeps beside it what they were folded from. Until they are in place
    /// it is ahead of those that are, and passed over.
    ///
    /// - Parameters:
    ///   - fresh: views that were begun, and show all that the projector folded.
    ///   - projector: theirs.
    ///   - directory: the log's numbering up to there.
    /// - Throws: `ViewError`.
    package func finish(_ fresh: ViewStore, of projector: ViewProjector, _ directory: SeriesDirectory) throws {
        let thread = SideThread(name: "snapshot")
        thread.hold()
        thread.perform { [self] in
            guard !projector.isDoubted, isDue(at: projector.position, atEnd: true) else { return }
            write(projector.fold, directory)
        }
        defer { thread.wait() }
        try fresh.finish()
    }

    /// Writes it.
    func write(_ fold: Fold, _ directory: SeriesDirectory, until deadline: ContinuousClock.Instant? = nil) {
        let start = ContinuousClock.now
        // What fails is not tried again until as much again is folded.
        since = fold.position
        do {
            let byteCount = try replace(fold, directory, until: deadline)
            tell(.written(fold.position, byteCount: byteCount, .now - start))
        } catch {
            _ = try? fileSystem.remove(unfinishedPath)
            tell(.notWritten(fold.position, "\(error)"))
        }
    }

    /// Removes it: what was folded is in doubt.
    package func remove() {
        since = .origin
        for path in [path, unfinishedPath] { _ = try? fileSystem.remove(path) }
    }

    private func replace(
        _ fold: Fold,
        _ directory: SeriesDirectory,
        until deadline: ContinuousClock.Instant?
    ) throws -> Int {
        let log = try RecordLogReader(directory: directoryPath, fileSystem: fileSystem)
        guard let chain = try log.chain(at: fold.position.rawValue) else {
            throw SnapshotFault("no block of the log ends at position \(fold.position.rawValue)")
        }
        let head = SnapshotHead(
            program: program,
            zoneDatabase: zones.version,
            position: fold.position,
            chain: chain,
            holes: fold.holes,
            directory
        )
        _ = try? fileSystem.remove(unfinishedPath)
        let file = try fileSystem.open(unfinishedPath, mode: .createPrivate)
        defer { file.close() }
        let out = SnapshotWriter(file) { [hasRoom] in
            if let deadline, deadline <= .now { return SnapshotFault("there is no time left for it") }
            return hasRoom() ? nil : SnapshotFault("there is no room on the disk beside the reserve")
        }
        // Before the file is closed.
        defer { out.settle() }
        head.write(to: out)
        out.begin(.body)
        try fold.write(to: out, directory)
        out.finish()
        if let failure = out.failure { throw failure }
        try file.sync()
        try fileSystem.rename(unfinishedPath, to: path)
        try fileSystem.syncDirectory(directoryPath)
        return out.byteCount
    }
}
