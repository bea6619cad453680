/// The parity of a log's sealed segments: where it is, how it is made.
///
/// Invariants:
/// - Only segments that another follows are touched: nobody else writes to them any more.
/// - Parity files and repaired segments are made, and get their names, under `parity/lock` alone.
/// - A name under `log/` and `parity/` leads to whole, durable bytes at every moment.
///
/// It needs no lock of the log: writer and readers may be at work. Calls block on the device.
package struct LogParity: Sendable {
    let fileSystem: any FileSystem
    let paths: LogPaths
    private let holder: String

    /// - Parameters:
    ///   - directory: The data directory.
    ///   - fileSystem: Where it is.
    ///   - holder: What to tell whoever finds `parity/lock` taken.
    package init(directory: String, fileSystem: any FileSystem = PosixFileSystem(), holder: String) {
        self.fileSystem = fileSystem
        paths = LogPaths(directory: directory)
        self.holder = holder
    }

    /// The names of the segments that may have parity, in order.
    package func sealedSegments() throws(RecordLogError) -> [String] {
        Array(try SegmentListing(fileSystem, directory: paths.log).names.dropLast())
    }

    /// Those without any parity file.
    ///
    /// - Parameter position: Segments that begin before it are left out.
    /// - Returns: Their names, in order.
    /// - Throws: `notFound` if there is no log; `inputOutput`.
    package func segmentsWithoutParity(from position: UInt64 = 0) throws(RecordLogError) -> [String] {
        let there = Set(try fileSystem.namesIfAny(inDirectory: paths.parity))
        return try sealedSegments().filter { name in
            (SegmentListing.firstPosition(ofName: name) ?? 0) >= position
                && !there.contains(ParityFile.name(ofSegment: name))
        }
    }

    /// Makes the parity file of a segment that has none.
    ///
    /// - Parameter name: A name of `segmentsWithoutParity`.
    /// - Returns: `parityMade`; `sound` if somebody made it meanwhile; `beyondRepair` if the segment is damaged.
    /// - Throws: `locked`, `noSpace`, `inputOutput`.
    package func make(_ name: String) throws(RecordLogError) -> ParityVerdict {
        try locked { () throws(RecordLogError) -> ParityVerdict in
            if case .missing = try ParityFile.open(fileSystem, paths, segment: name) {
                return try build(name, contentDigest: nil)
            }
            return ParityVerdict(segment: name, state: .sound)
        }
    }

    /// Does something that nobody else may do meanwhile.
    func locked<Result>(_ body: () throws(RecordLogError) -> Result) throws(RecordLogError) -> Result {
        try fileSystem.makeDirectoryIfMissing(paths.parity, in: paths.directory)
        let lock: any FileLock
        do throws(RecordLogError) {
            lock = try fileSystem.lock(paths.parityLock, holder: holder)
        } catch  where error.code == .locked {
            var locked = error
            locked.message = "parity is being made or used: " + error.message
            locked.hint = "it makes parity or repairs a segment: try again in a moment"
            throw locked
        }
        defer { lock.release() }
        return try body()
    }

    /// Makes a parity file of a segment that is proved first; the caller holds the lock.
    func build(
        _ name: String,
        contentDigest: RecordLogVerification.ContentDigest?
    ) throws(RecordLogError) -> ParityVerdict {
        let segment: SegmentFile
        do throws(RecordLogError) {
            segment = try SegmentFile(fileSystem, directory: paths.log, name: name)
        } catch  where error.code == .corruption {
            return ParityVerdict(segment: name, state: .beyondRepair, text: error.message)
        }
        defer { segment.file.close() }
        let buffer = ByteBuffer()
        let memory = buffer.reserve(segment.byteCount)
        try segment.file.salvage(into: memory, at: 0)
        let bytes = UnsafeRawBufferPointer(memory)
        let proof: SegmentProof
        do throws(SegmentProof.Flaw) {
            proof = try SegmentProof(
                bytes,
                name: name,
                neighbours: neighbours(of: name, lastPosition: segment.footer?.lastPosition),
                contentDigest: contentDigest
            )
        } catch {
            return ParityVerdict(segment: name, state: .beyondRepair, text: error.text)
        }
        let parity = ParityEncoding.encode(bytes, header: proof.header, footer: proof.tail.footer)
        try write(parity, as: paths.parityInMaking)
        try fileSystem.rename(paths.parityInMaking, to: paths.parity + "/" + ParityFile.name(ofSegment: name))
        try fileSystem.syncDirectory(paths.parity)
        return ParityVerdict(segment: name, state: .parityMade)
    }

    /// Writes a new file and makes it durable; its name is not.
    private func write(_ bytes: [UInt8], as path: String) throws(RecordLogError) {
        try fileSystem.removeIfAny(path)
        let file = try fileSystem.open(path, mode: .create)
        defer { file.close() }
        try file.write(bytes, at: 0)
        try file.sync()
    }

    // MARK: Neighbours

    /// What the segments before and after say of one. A segment that is missing between says nothing.
    ///
    /// - Parameters:
    ///   - name: The segment's.
    ///   - lastPosition: The segment's, as far as it is known.
    /// - Returns: What it must fit between.
    func neighbours(of name: String, lastPosition: UInt64?) -> SegmentProof.Neighbours {
        var found = SegmentProof.Neighbours()
        guard let names = try? SegmentListing(fileSystem, directory: paths.log).names,
            let index = names.firstIndex(of: name), let first = SegmentListing.firstPosition(ofName: name)
        else { return found }
        let before = index == 0 ? SegmentLink.origin : end(of: names[index - 1])
        if before?.nextPosition == first { found.before = before }
        if index + 1 < names.count, let after = start(of: names[index + 1]),
            lastPosition == nil || after.nextPosition == lastPosition.map({ $0 &+ 1 })
        {
            found.after = after
        }
        return found
    }

    /// What must follow a segment: by its footer, else by its parity.
    private func end(of name: String) -> SegmentLink? {
        if let segment = try? SegmentFile(fileSystem, directory: paths.log, name: name) {
            defer { segment.file.close() }
            if let footer = segment.footer { return SegmentProof.link(behind: footer) }
        }
        guard let parity = header(ofParityOf: name) else { return nil }
        return SegmentLink(
            nextSegmentID: parity.segmentID + 1,
            nextPosition: parity.lastPosition + 1,
            chain: parity.chainAfter
        )
    }

    /// What a segment continues: by its header, else by its parity.
    private func start(of name: String) -> SegmentLink? {
        if let segment = try? SegmentFile(fileSystem, directory: paths.log, name: name) {
            defer { segment.file.close() }
            let header = segment.header
            return SegmentLink(
                nextSegmentID: header.segmentID,
                nextPosition: header.firstPosition,
                chain: header.chainBefore
            )
        }
        guard let parity = header(ofParityOf: name) else { return nil }
        return SegmentLink(
            nextSegmentID: parity.segmentID,
            nextPosition: parity.firstPosition,
            chain: parity.chainBefore
        )
    }

    private func header(ofParityOf name: String) -> ParityHeader? {
        guard let parity = (try? ParityFile.open(fileSystem, paths, segment: name))?.sound else { return nil }
        defer { parity.file.close() }
        return parity.header
    }
}
