/// Index and footer as they follow the last block of a sealed segment.
struct SealedTail {
    var footer: SegmentFooter
    var entries: [BlockEntry]
    /// What the caller stored; empty if nothing.
    var callerIndex: [UInt8]

    /// What index and footer take in the file, in bytes.
    static func byteCount(blockCount: Int, callerByteCount: Int) -> Int {
        IndexHeader.byteCount + blockCount * BlockEntry.byteCount + callerByteCount + SegmentFooter.byteCount
    }

    /// The bytes to write at `footer.indexOffset`.
    ///
    /// `footer.liveByteCount` must be right.
    func encoded() throws(RecordLogError) -> [UInt8] {
        var bytes = [UInt8](
            repeating: 0,
            count: Self.byteCount(blockCount: entries.count, callerByteCount: callerIndex.count)
        )
        let payloadEnd = bytes.count - SegmentFooter.byteCount
        let result: Result<Void, RecordLogError> = bytes.withUnsafeMutableBytes { memory in
            var offset = IndexHeader.byteCount
            for entry in entries {
                memory.store(UInt32(entry.offset), at: offset)
                memory.store(entry.recordCount, at: offset + 4)
                memory.store(entry.firstPosition, at: offset + 8)
                offset += BlockEntry.byteCount
            }
            UnsafeMutableRawBufferPointer(rebasing: memory[offset..<payloadEnd]).copyBytes(from: callerIndex)
            let payload = UnsafeMutableRawBufferPointer(rebasing: memory[IndexHeader.byteCount..<payloadEnd])
            do throws(RecordLogError) {
                let mask = try SectorMask.apply(to: payload, fileOffset: footer.indexOffset + IndexHeader.byteCount)
                IndexHeader(
                    mask: mask,
                    segmentID: footer.segmentID,
                    offset: footer.indexOffset,
                    blockCount: entries.count,
                    callerByteCount: callerIndex.count,
                    payloadCRC: UnsafeRawBufferPointer(payload).crc32c(0..<payload.count)
                ).encode(into: memory)
                footer.encode(into: UnsafeMutableRawBufferPointer(rebasing: memory[payloadEnd...]))
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
        return bytes
    }

    /// The sound index and footer at `index` of `bytes`, which stands at `offset` in the segment; `nil` if any part is bad.
    static func decode(
        _ bytes: UnsafeRawBufferPointer,
        at index: Int,
        segmentID: UInt64,
        offset: Int
    ) -> SealedTail? {
        guard let header = IndexHeader.decode(bytes, at: index, segmentID: segmentID, offset: offset) else {
            return nil
        }
        let payloadStart = index + IndexHeader.byteCount
        let payloadEnd = payloadStart + header.payloadByteCount
        guard payloadEnd + SegmentFooter.byteCount <= bytes.count,
            bytes.crc32c(payloadStart..<payloadEnd) == header.payloadCRC,
            let footer = SegmentFooter.decode(bytes, at: payloadEnd, segmentID: segmentID, offset: header.end),
            footer.indexOffset == offset, footer.blockCount == header.blockCount
        else { return nil }
        var payload = [UInt8](bytes[payloadStart..<payloadEnd])
        payload.withUnsafeMutableBytes { SectorMask.toggle(header.mask, over: $0) }
        let entries = payload.withUnsafeBytes { memory in
            (0..<header.blockCount).map { number in
                BlockEntry(
                    offset: Int(memory.load(UInt32.self, at: number * BlockEntry.byteCount)),
                    recordCount: memory.load(UInt32.self, at: number * BlockEntry.byteCount + 4),
                    firstPosition: memory.load(UInt64.self, at: number * BlockEntry.byteCount + 8)
                )
            }
        }
        let callerIndex = Array(payload[(header.blockCount * BlockEntry.byteCount)...])
        return SealedTail(footer: footer, entries: entries, callerIndex: callerIndex)
    }
}
