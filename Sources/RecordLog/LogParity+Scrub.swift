/// What reading a segment for its own sake found.
package enum ScrubVerdict: Sendable, Equatable {
    /// Every byte is as it was.
    case sound
    /// Something is not: to be mended.
    case suspect(String)
    /// The pace asked for an end.
    case stopped
}

extension LogParity {
    /// The bytes that are read between two looks at the pace.
    package static let scrubWindowByteCount = 256 << 10

    /// Reads a segment and its parity from the device and compares all checksums; writes nothing, needs no lock.
    ///
    /// With parity the chunks' checksums are compared, made of bytes whose blocks were sound; else the blocks' own.
    ///
    /// - Parameters:
    ///   - name: A name of `sealedSegments`.
    ///   - pace: Told how many bytes were read since it was asked last; may wait; false ends the reading.
    /// - Returns: What was found. What it takes to be sure of damage, and to name it, is for `mend`.
    /// - Throws: `inputOutput` where a directory or file cannot be opened.
    package func scrub(_ name: String, pace: (Int) -> Bool) throws(RecordLogError) -> ScrubVerdict {
        switch try ParityFile.open(fileSystem, paths, segment: name) {
        case .damaged: return .suspect("the parity file is damaged")
        case .missing, .newerVersion: return try scrubBlocks(name, pace)
        case .sound(let parity):
            defer { parity.file.close() }
            let verdict = try scrubChunks(name, parity, pace)
            guard verdict == .sound else { return verdict }
            guard try parity.isIntact() else { return .suspect("the parity file is damaged") }
            return pace(parity.layout.fileByteCount) ? .sound : .stopped
        }
    }

    private func scrubChunks(
        _ name: String,
        _ parity: ParityFile,
        _ pace: (Int) -> Bool
    ) throws(RecordLogError) -> ScrubVerdict {
        let layout = parity.layout
        let file = try fileSystem.open(paths.log + "/" + name, mode: .read)
        defer { file.close() }
        guard try file.byteCount() == layout.liveByteCount else { return .suspect("the file has another size") }
        // Memory may hold what is right where the device does not.
        try? file.dropCache()
        // So that a pass over the log does not push out what others read again and again.
        defer { try? file.dropCache() }
        let buffer = ByteBuffer()
        let windowChunkCount = Self.scrubWindowByteCount / ParityLayout.chunkByteCount
        var chunk = 0
        while chunk < layout.chunkCount {
            let end = min(layout.chunkCount, chunk + windowChunkCount)
            let start = layout.range(ofChunk: chunk).lowerBound
            let window = buffer.reserve(layout.range(ofChunk: end - 1).upperBound - start)
            try file.salvage(into: window, at: start)
            while chunk < end {
                let range = layout.range(ofChunk: chunk)
                let inWindow = range.lowerBound - start..<range.upperBound - start
                let bytes = UnsafeRawBufferPointer(rebasing: window[inWindow])
                guard parity.isSound(chunk, bytes) else {
                    return .suspect("the bytes from \(range.lowerBound) on are not what they were")
                }
                chunk += 1
            }
            guard pace(window.count) else { return .stopped }
        }
        return .sound
    }

    private func scrubBlocks(_ name: String, _ pace: (Int) -> Bool) throws(RecordLogError) -> ScrubVerdict {
        do throws(RecordLogError) {
            let segment = try SegmentFile(fileSystem, directory: paths.log, name: name)
            try? segment.file.dropCache()
            let cursor = SegmentCursor(segment)
            var offset = 0
            while true {
                switch try cursor.next(mustReach: true) {
                case .block:
                    guard pace(cursor.offset - offset) else { return .stopped }
                    offset = cursor.offset
                case .finished:
                    let isSound = try segment.sealedTail() != nil
                    return isSound ? .sound : .suspect("index or footer are damaged")
                case .ended(let damage): return .suspect(damage?.message ?? "it ends without index and footer")
                }
            }
        } catch  where error.code == .corruption || error.code == .inputOutput {
            return .suspect(error.message)
        }
    }
}
