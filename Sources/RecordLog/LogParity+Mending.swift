/// A segment as it was read beside its parity.
///
/// Invariant: while the verdict is `repairable`, the first `liveByteCount` bytes of `buffer` are the proved ones.
private struct Examination {
    var verdict: ParityVerdict
    var buffer = ByteBuffer()
    var liveByteCount = 0
    var digest = Digest32.zero
}

extension LogParity {
    /// Holds a sealed segment and its parity against each other; writes nothing.
    ///
    /// A segment without usable parity is not judged. One that differs from its parity is proved, or rebuilt in memory
    /// and the result proved.
    ///
    /// - Parameters:
    ///   - name: A name of `sealedSegments`.
    ///   - contentDigest: As of `RecordLogVerification`; begins afresh with each segment.
    /// - Returns: How it stands.
    /// - Throws: `notFound` if the segment is gone; `inputOutput`.
    package func inspect(
        _ name: String,
        contentDigest: @escaping RecordLogVerification.ContentDigest
    ) throws(RecordLogError) -> ParityVerdict {
        try examine(name, fromDevice: false, contentDigest).verdict
    }

    /// Repairs a segment that is damaged, and makes its parity anew if that is missing, damaged or stale.
    ///
    /// - Parameters:
    ///   - name: A name of `sealedSegments`.
    ///   - time: Goes into the name under which the damaged file is kept.
    ///   - makesParity: Whether parity is made where a sound segment has none that is of use.
    ///   - contentDigest: As of `RecordLogVerification`; begins afresh with each segment.
    /// - Returns: What was done. `beyondRepair` says why nothing was.
    /// - Throws: `locked`, `noSpace`, `inputOutput`; then the damaged file or the repaired one has the name.
    package func mend(
        _ name: String,
        at time: String,
        makesParity: Bool = true,
        contentDigest: @escaping RecordLogVerification.ContentDigest
    ) throws(RecordLogError) -> ParityVerdict {
        try locked { () throws(RecordLogError) -> ParityVerdict in
            let examination = try examine(name, fromDevice: true, contentDigest)
            switch examination.verdict.state {
            case .repairable: return try putInPlace(examination, at: time)
            case .parityMissing where makesParity: return try build(name, contentDigest: nil)
            case .parityDamaged where makesParity, .parityStale where makesParity:
                return try build(name, contentDigest: contentDigest)
            default: return examination.verdict
            }
        }
    }

    private func examine(
        _ name: String,
        fromDevice: Bool,
        _ contentDigest: @escaping RecordLogVerification.ContentDigest
    ) throws(RecordLogError) -> Examination {
        var found = Examination(verdict: ParityVerdict(segment: name, state: .sound))
        let parity: ParityFile
        switch try ParityFile.open(fileSystem, paths, segment: name) {
        case .sound(let file): parity = file
        case .missing:
            found.verdict.state = .parityMissing
            return found
        case .damaged:
            found.verdict.state = .parityDamaged
            return found
        case .newerVersion:
            found.verdict.state = .parityNewer
            return found
        }
        defer { parity.file.close() }
        let file = try fileSystem.open(paths.log + "/" + name, mode: .read)
        defer { file.close() }
        // What memory holds may be right where the device is not; if it cannot be dropped, it is looked at.
        if fromDevice { try? file.dropCache() }
        let byteCount = try file.byteCount()
        let layout = parity.layout
        let readByteCount = min(byteCount, RecordLogLimits.maximumSegmentByteCount)
        let memory = found.buffer.reserve(max(readByteCount, layout.liveByteCount))
        try file.salvage(into: memory, at: 0)
        let damaged = (0..<layout.chunkCount).filter { chunk in
            !parity.isSound(chunk, UnsafeRawBufferPointer(rebasing: memory[layout.range(ofChunk: chunk)]))
        }
        if damaged.isEmpty, byteCount == layout.liveByteCount {
            if try !parity.isIntact() { found.verdict.state = .parityDamaged }
            return found
        }
        let neighbours = neighbours(of: name, lastPosition: parity.header.lastPosition)
        let present = UnsafeRawBufferPointer(rebasing: memory[..<readByteCount])
        if (try? SegmentProof(present, name: name, neighbours: neighbours, contentDigest: contentDigest)) != nil {
            found.verdict.state = .parityStale
            return found
        }
        found.liveByteCount = layout.liveByteCount
        found.digest = parity.header.segmentDigest
        found.verdict.chunkCount = damaged.count
        found.verdict.ranges = layout.ranges(ofChunks: damaged)
        found.verdict.positions = knownPositions(of: found.verdict.ranges, in: memory, parity)
        if byteCount > layout.liveByteCount {
            found.verdict.text = "the file is \(byteCount - layout.liveByteCount) bytes too long"
        }
        do throws(SegmentProof.Flaw) {
            try rebuild(damaged, in: memory, parity)
            let live = UnsafeRawBufferPointer(rebasing: memory[..<layout.liveByteCount])
            guard Digest32.sha256(live) == parity.header.segmentDigest else {
                throw SegmentProof.Flaw(text: "what is rebuilt is not what the parity was made of")
            }
            let proof = try SegmentProof(live, name: name, neighbours: neighbours, contentDigest: contentDigest)
            found.verdict.positions = proof.positions(of: found.verdict.ranges)
            found.verdict.state = .repairable
        } catch {
            found.verdict.state = .beyondRepair
            found.verdict.text = error.text
        }
        return found
    }

    /// Rebuilds damaged chunks from the others of their groups.
    private func rebuild(
        _ damaged: [Int],
        in memory: UnsafeMutableRawBufferPointer,
        _ parity: ParityFile
    ) throws(SegmentProof.Flaw) {
        let layout = parity.layout
        var chunkOfGroup: [Int: Int] = [:]
        for chunk in damaged {
            if let other = chunkOfGroup.updateValue(chunk, forKey: layout.group(ofChunk: chunk)) {
                let text =
                    "\(damaged.count) of \(layout.chunkCount) chunks are damaged, two of one group among them: "
                    + "those at bytes \(layout.range(ofChunk: other).lowerBound) and "
                    + "\(layout.range(ofChunk: chunk).lowerBound)"
                throw SegmentProof.Flaw(text: text)
            }
        }
        for chunk in damaged {
            let group = layout.group(ofChunk: chunk)
            // A parity file that cannot be read is as good as a damaged one.
            guard var bytes = (try? parity.parityChunk(group)) ?? nil else {
                throw SegmentProof.Flaw(
                    text: "the parity of the chunk at byte \(layout.range(ofChunk: chunk).lowerBound) is damaged too"
                )
            }
            let range = layout.range(ofChunk: chunk)
            let isRight = bytes.withUnsafeMutableBytes { target in
                for other in layout.chunks(ofGroup: group) where other != chunk {
                    target.toggle(with: UnsafeRawBufferPointer(rebasing: memory[layout.range(ofChunk: other)]))
                }
                let rebuilt = UnsafeRawBufferPointer(rebasing: target[..<range.count])
                guard parity.isSound(chunk, rebuilt) else { return false }
                UnsafeMutableRawBufferPointer(rebasing: memory[range]).copyMemory(from: rebuilt)
                return true
            }
            guard isRight else {
                throw SegmentProof.Flaw(text: "the chunk at byte \(range.lowerBound) does not come out right")
            }
        }
    }

    /// The positions that damaged ranges touch, by the index if it is left, else those of the whole segment.
    private func knownPositions(
        of ranges: [Range<Int>],
        in memory: UnsafeMutableRawBufferPointer,
        _ parity: ParityFile
    ) -> [ClosedRange<UInt64>] {
        let live = UnsafeRawBufferPointer(rebasing: memory[..<parity.layout.liveByteCount])
        let header = parity.header
        let end = live.count - SegmentFooter.byteCount
        if let footer = SegmentFooter.decode(live, at: end, segmentID: header.segmentID, offset: end),
            let tail = SealedTail.decode(
                live,
                at: footer.indexOffset,
                segmentID: header.segmentID,
                offset: footer.indexOffset
            )
        {
            return tail.positions(of: ranges)
        }
        return ranges.isEmpty ? [] : [header.firstPosition...header.lastPosition]
    }

    /// Puts the proved bytes where the damaged ones are, which get another name first.
    private func putInPlace(_ examination: Examination, at time: String) throws(RecordLogError) -> ParityVerdict {
        var verdict = examination.verdict
        let memory = examination.buffer.reserve(examination.liveByteCount)
        let replacement = SegmentReplacement(fileSystem: fileSystem, paths: paths)
        verdict.keptAs = try replacement.replace(verdict.segment, by: UnsafeRawBufferPointer(memory), at: time)
        verdict.state = .repaired
        return verdict
    }
}
