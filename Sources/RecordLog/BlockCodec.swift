import CLZ4

// A block's body between the caller's bytes and the stored ones. No allocation once the buffers have grown.

/// Encodes blocks into one reusable buffer.
struct BlockEncoder {
    private let buffer = ByteBuffer()

    /// Lays out header, stored body and trailer for a pwrite at `header.offset`.
    ///
    /// Fills in compression, mask, lengths and body CRC of `header`; the other fields are taken as given.
    func encode(
        body: UnsafeRawBufferPointer,
        header: inout BlockHeader
    ) throws(RecordLogError) -> UnsafeRawBufferPointer {
        let memory = buffer.reserve(body.count + RecordLogLimits.blockOverheadByteCount)
        let room = UnsafeMutableRawBufferPointer(rebasing: memory[BlockHeader.byteCount...])
        var storedByteCount = 0
        if body.count > 1 {
            // One byte less than the body: LZ4 gives up when it cannot save any.
            storedByteCount = Int(
                LZ4_compress_default(
                    body.assumingMemoryBound(to: CChar.self).baseAddress,
                    room.assumingMemoryBound(to: CChar.self).baseAddress,
                    Int32(body.count),
                    Int32(body.count - 1)
                )
            )
        }
        header.compression = storedByteCount > 0 ? BlockHeader.lz4 : BlockHeader.storedAsIs
        if storedByteCount <= 0 {
            room.copyMemory(from: body)
            storedByteCount = body.count
        }
        let stored = UnsafeMutableRawBufferPointer(rebasing: room[..<storedByteCount])
        header.mask = try SectorMask.apply(to: stored, fileOffset: header.offset + BlockHeader.byteCount)
        header.bodyByteCount = body.count
        header.storedByteCount = storedByteCount
        header.bodyCRC = UnsafeRawBufferPointer(stored).crc32c(0..<storedByteCount)
        header.encode(into: memory)
        memory.store(Mark.trailerWord, at: BlockHeader.byteCount + storedByteCount)
        return UnsafeRawBufferPointer(rebasing: memory[..<header.blockByteCount])
    }
}

/// Decodes bodies into one reusable buffer.
struct BlockDecoder {
    private let buffer = ByteBuffer()
    private let unmasked = ByteBuffer()

    /// Whether the stored body and trailer behind a valid header are sound.
    ///
    /// `block` begins at the header.
    static func isSound(_ block: UnsafeRawBufferPointer, header: BlockHeader) -> Bool {
        guard block.count >= header.blockByteCount else { return false }
        let bodyEnd = BlockHeader.byteCount + header.storedByteCount
        return block.load(UInt32.self, at: bodyEnd) == Mark.trailerWord
            && block.crc32c(BlockHeader.byteCount..<bodyEnd) == header.bodyCRC
    }

    /// The uncompressed body of a sound block; `nil` if the stored bytes do not decompress to the stated length.
    ///
    /// The result lies in `block` or in this decoder's buffer and is good until the next call.
    func body(of block: UnsafeRawBufferPointer, header: BlockHeader) -> UnsafeRawBufferPointer? {
        let bodyEnd = BlockHeader.byteCount + header.storedByteCount
        var stored = UnsafeRawBufferPointer(rebasing: block[BlockHeader.byteCount..<bodyEnd])
        if header.mask != 0 {
            let copy = unmasked.reserve(stored.count)
            copy.copyMemory(from: stored)
            SectorMask.toggle(header.mask, over: copy)
            stored = UnsafeRawBufferPointer(copy)
        }
        guard header.compression == BlockHeader.lz4 else {
            return header.storedByteCount == header.bodyByteCount ? stored : nil
        }
        let body = buffer.reserve(header.bodyByteCount)
        let count = LZ4_decompress_safe(
            stored.assumingMemoryBound(to: CChar.self).baseAddress,
            body.assumingMemoryBound(to: CChar.self).baseAddress,
            Int32(stored.count),
            Int32(header.bodyByteCount)
        )
        return Int(count) == header.bodyByteCount ? UnsafeRawBufferPointer(body) : nil
    }
}
