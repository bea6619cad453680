/// An open parity file whose header and table are sound, in one of their two places.
///
/// Invariant: `checksums` has the table that `header` vouches for; parity chunks are looked at when they are used.
struct ParityFile {
    let file: any OpenFile
    let header: ParityHeader
    /// Of the segment's chunks, then of the parity chunks.
    let checksums: [UInt32]
    let layout: ParityLayout

    /// What stands under a parity file's name.
    enum Opened {
        case missing
        case damaged
        case newerVersion
        case sound(ParityFile)

        var sound: ParityFile? {
            if case .sound(let file) = self { return file }
            return nil
        }
    }

    private static let suffix = ".parity"

    /// The parity file's name for a segment's.
    static func name(ofSegment name: String) -> String {
        (name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name) + suffix
    }

    /// Opens the parity of a segment and reads header and table.
    static func open(
        _ fileSystem: any FileSystem,
        _ paths: LogPaths,
        segment name: String
    ) throws(RecordLogError) -> Opened {
        let file: any OpenFile
        do throws(RecordLogError) {
            file = try fileSystem.open(paths.parity + "/" + Self.name(ofSegment: name), mode: .read)
        } catch  where error.code == .notFound {
            return .missing
        }
        let byteCount = try file.byteCount()
        var isNewer = false
        for offset in [0, byteCount - ParityHeader.byteCount] where offset >= 0 {
            switch try file.salvaged(at: offset, count: ParityHeader.byteCount).withUnsafeBytes({
                ParityHeader.decode($0)
            }) {
            case .damaged: continue
            case .newerVersion: isNewer = true
            case .header(let header):
                guard header.firstPosition == SegmentListing.firstPosition(ofName: name) else { continue }
                let layout = header.layout
                let start = offset == 0 ? ParityHeader.byteCount : offset - layout.tableByteCount
                guard start >= 0 else { continue }
                let table = try file.salvaged(at: start, count: layout.tableByteCount)
                let checksums: [UInt32]? = table.withUnsafeBytes { bytes in
                    guard bytes.crc32c(0..<bytes.count) == header.tableCRC else { return nil }
                    return (0..<layout.chunkCount + layout.groupCount).map { bytes.load(UInt32.self, at: 4 * $0) }
                }
                guard let checksums else { continue }
                return .sound(ParityFile(file: file, header: header, checksums: checksums, layout: layout))
            }
        }
        file.close()
        return isNewer ? .newerVersion : .damaged
    }

    /// Whether a chunk of a segment is what it was.
    func isSound(_ chunk: Int, _ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.crc32c(0..<bytes.count) == checksums[chunk]
    }

    /// The parity chunk of a group; nil if it is damaged.
    func parityChunk(_ group: Int) throws(RecordLogError) -> [UInt8]? {
        let chunk = try file.salvaged(
            at: layout.parityOffset(ofGroup: group),
            count: ParityLayout.chunkByteCount
        )
        let crc = chunk.withUnsafeBytes { $0.crc32c(0..<$0.count) }
        return crc == checksums[layout.chunkCount + group] ? chunk : nil
    }

    /// Whether every byte of the file is as it was made.
    func isIntact() throws(RecordLogError) -> Bool {
        guard try file.byteCount() == layout.fileByteCount else { return false }
        let headByteCount = ParityHeader.byteCount + layout.tableByteCount
        let head = try file.salvaged(at: 0, count: headByteCount)
        let tail = try file.salvaged(at: layout.secondTableOffset, count: headByteCount)
        let isTwice =
            head[..<ParityHeader.byteCount] == tail[layout.tableByteCount...]
            && head[ParityHeader.byteCount...] == tail[..<layout.tableByteCount]
        guard isTwice else { return false }
        for group in 0..<layout.groupCount where try parityChunk(group) == nil { return false }
        return true
    }
}

extension OpenFile {
    /// Reads what can be read: bytes that the device does not give, and those behind the file's end, are zero.
    ///
    /// - Returns: The number of bytes up to the file's end.
    /// - Throws: What does not come from the bytes themselves.
    @discardableResult
    func salvage(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(RecordLogError) -> Int {
        target.initializeMemory(as: UInt8.self, repeating: 0)
        let windowByteCount = 1 << 20
        var done = 0
        while done < target.count {
            let window = UnsafeMutableRawBufferPointer(
                rebasing: target[done..<min(target.count, done + windowByteCount)]
            )
            let count = try salvageWindow(window, at: offset + done)
            done += count
            if count < window.count { break }
        }
        return done
    }

    private func salvageWindow(_ window: UnsafeMutableRawBufferPointer, at offset: Int) throws(RecordLogError) -> Int {
        do throws(RecordLogError) {
            return try read(into: window, at: offset)
        } catch  where error.code == .inputOutput {
            // Again, in pieces: most of them are sound where one is not. What is lost is lost by pages of memory, so
            // pieces begin where pages do.
            let pageByteCount = ParityLayout.chunkByteCount
            var done = 0
            while done < window.count {
                let end = min(window.count, ((offset + done) / pageByteCount + 1) * pageByteCount - offset)
                let piece = UnsafeMutableRawBufferPointer(rebasing: window[done..<end])
                do throws(RecordLogError) {
                    let count = try read(into: piece, at: offset + done)
                    done += count
                    if count < piece.count { return done }
                } catch  where error.code == .inputOutput {
                    piece.initializeMemory(as: UInt8.self, repeating: 0)
                    done = end
                }
            }
            return done
        }
    }

    /// As `salvage(into:at:)`, into an array of `count` bytes.
    func salvaged(at offset: Int, count: Int) throws(RecordLogError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let result = bytes.withUnsafeMutableBytes { target -> Result<Void, RecordLogError> in
            do throws(RecordLogError) {
                _ = try salvage(into: target, at: offset)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
        return bytes
    }
}
