// The fixed structures of a segment, as `docs/record-log-format.md` lays them out. Decoding is strict: a structure with
// any wrong byte is `nil`, because each byte is either covered by its CRC or has one permitted value.

/// Byte patterns that make structures recognisable.
///
/// Every byte has at least two bits set: see the torn-tail rule.
enum Mark {
    static let segment: [UInt8] = Array("MFSG".utf8)
    static let block: [UInt8] = Array("MFBK".utf8)
    static let index: [UInt8] = Array("MFIX".utf8)
    static let footer: [UInt8] = Array("MFFT".utf8)
    static let parity: [UInt8] = Array("MFPR".utf8)
    static let headerEnd: [UInt8] = [0xE5, 0xD3, 0xB9, 0xA7]
    static let trailer: [UInt8] = [0xD6, 0xB5, 0x9B, 0xE3]

    /// The four bytes of a mark as the integer that a little-endian load gives.
    static func word(_ mark: [UInt8]) -> UInt32 {
        UInt32(mark[0]) | UInt32(mark[1]) << 8 | UInt32(mark[2]) << 16 | UInt32(mark[3]) << 24
    }

    static let segmentWord = word(segment)
    static let blockWord = word(block)
    static let indexWord = word(index)
    static let footerWord = word(footer)
    static let parityWord = word(parity)
    static let headerEndWord = word(headerEnd)
    static let trailerWord = word(trailer)
}

/// The version this program writes, and the highest it reads.
let formatVersion: UInt8 = 1

extension UnsafeRawBufferPointer {
    /// Whether a structure lies at `offset`: its mark, its CRC in the eight bytes before its end, and its end mark.
    func holdsStructure(mark: UInt32, at offset: Int, byteCount: Int) -> Bool {
        guard offset >= 0, offset + byteCount <= count, load(UInt32.self, at: offset) == mark else { return false }
        let crcOffset = offset + byteCount - 8
        return load(UInt32.self, at: offset + byteCount - 4) == Mark.headerEndWord
            && load(UInt32.self, at: crcOffset) == crc32c(offset..<crcOffset)
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Completes a structure with its CRC and end mark.
    func sealStructure(at offset: Int, byteCount: Int) {
        let crcOffset = offset + byteCount - 8
        store(UnsafeRawBufferPointer(self).crc32c(offset..<crcOffset), at: crcOffset)
        store(Mark.headerEndWord, at: crcOffset + 4)
    }
}

/// The first 80 bytes of a segment.
struct SegmentHeader: Sendable, Equatable {
    static let byteCount = 80

    var kind: UInt8 = 0
    var segmentID: UInt64
    var firstPosition: UInt64
    var segmentByteCount: Int
    var createdAtMilliseconds: Int64
    var chainBefore: Digest32

    /// What a header's bytes turn out to be.
    enum Decoded {
        case header(SegmentHeader)
        case newerVersion
        case damaged
    }

    func encode(into bytes: UnsafeMutableRawBufferPointer) {
        bytes.store(Mark.segmentWord, at: 0)
        bytes.store(formatVersion, at: 4)
        bytes.store(kind, at: 5)
        bytes.store(UInt16(0), at: 6)
        bytes.store(segmentID, at: 8)
        bytes.store(firstPosition, at: 16)
        bytes.store(UInt64(segmentByteCount), at: 24)
        bytes.store(createdAtMilliseconds, at: 32)
        bytes.storeDigest(chainBefore, at: 40)
        bytes.sealStructure(at: 0, byteCount: Self.byteCount)
    }

    static func decode(_ bytes: UnsafeRawBufferPointer) -> Decoded {
        guard bytes.holdsStructure(mark: Mark.segmentWord, at: 0, byteCount: byteCount) else { return .damaged }
        let kind = bytes[5]
        if bytes[4] != formatVersion || kind != 0 { return .newerVersion }
        let segmentByteCount = bytes.load(UInt64.self, at: 24)
        guard segmentByteCount <= RecordLogLimits.maximumSegmentByteCount else { return .damaged }
        return .header(
            SegmentHeader(
                kind: kind,
                segmentID: bytes.load(UInt64.self, at: 8),
                firstPosition: bytes.load(UInt64.self, at: 16),
                segmentByteCount: Int(segmentByteCount),
                createdAtMilliseconds: bytes.load(Int64.self, at: 32),
                chainBefore: bytes.loadDigest(at: 40)
            )
        )
    }
}

/// The 84 bytes before a block's stored body.
struct BlockHeader: Sendable, Equatable {
    static let byteCount = 84

    static let storedAsIs: UInt8 = 0
    static let lz4: UInt8 = 1
    private static let holeFlag: UInt8 = 1

    var compression: UInt8
    var mask: UInt8
    /// Whether it stands in the place of records that were given up; then its chain value is not computed from them.
    var isHole = false
    var segmentID: UInt64
    var offset: Int
    var recordCount: UInt32
    var firstPosition: UInt64
    var bodyByteCount: Int
    var storedByteCount: Int
    var bodyCRC: UInt32
    var chain: Digest32

    /// Header, stored body and trailer, in bytes.
    var blockByteCount: Int { storedByteCount + RecordLogLimits.blockOverheadByteCount }
    /// Where the next block begins.
    var end: Int { offset + blockByteCount }
    var lastPosition: UInt64 { firstPosition + UInt64(recordCount) - 1 }
    var positions: ClosedRange<UInt64> { firstPosition...lastPosition }

    func encode(into bytes: UnsafeMutableRawBufferPointer) {
        bytes.store(Mark.blockWord, at: 0)
        bytes.store(formatVersion, at: 4)
        bytes.store(compression, at: 5)
        bytes.store(mask, at: 6)
        bytes.store(isHole ? Self.holeFlag : 0, at: 7)
        bytes.store(segmentID, at: 8)
        bytes.store(UInt32(offset), at: 16)
        bytes.store(recordCount, at: 20)
        bytes.store(firstPosition, at: 24)
        bytes.store(UInt32(bodyByteCount), at: 32)
        bytes.store(UInt32(storedByteCount), at: 36)
        bytes.store(bodyCRC, at: 40)
        bytes.storeDigest(chain, at: 44)
        bytes.sealStructure(at: 0, byteCount: Self.byteCount)
    }

    /// The valid header at `index` in `bytes`, which stands at `offset` in the segment; `nil` if there is none.
    static func decode(
        _ bytes: UnsafeRawBufferPointer,
        at index: Int,
        segmentID: UInt64,
        offset: Int
    ) -> BlockHeader? {
        guard bytes.holdsStructure(mark: Mark.blockWord, at: index, byteCount: byteCount),
            bytes[index + 4] == formatVersion, bytes[index + 7] <= holeFlag,
            bytes.load(UInt64.self, at: index + 8) == segmentID,
            bytes.load(UInt32.self, at: index + 16) == offset
        else { return nil }
        let header = BlockHeader(
            compression: bytes[index + 5],
            mask: bytes[index + 6],
            isHole: bytes[index + 7] == holeFlag,
            segmentID: segmentID,
            offset: offset,
            recordCount: bytes.load(UInt32.self, at: index + 20),
            firstPosition: bytes.load(UInt64.self, at: index + 24),
            bodyByteCount: Int(bytes.load(UInt32.self, at: index + 32)),
            storedByteCount: Int(bytes.load(UInt32.self, at: index + 36)),
            bodyCRC: bytes.load(UInt32.self, at: index + 40),
            chain: bytes.loadDigest(at: index + 44)
        )
        guard header.recordCount > 0, header.compression <= lz4,
            header.bodyByteCount <= RecordLogLimits.maximumBodyByteCount,
            header.storedByteCount <= header.bodyByteCount,
            header.firstPosition <= UInt64.max - UInt64(header.recordCount)
        else { return nil }
        return header
    }
}

/// The mark behind a block's stored body.
enum BlockTrailer {
    static let byteCount = 4
}

/// Where a block lies and which records it holds: an entry of the index.
struct BlockEntry: Sendable, Equatable {
    static let byteCount = 16

    var offset: Int
    var recordCount: UInt32
    var firstPosition: UInt64

    var lastPosition: UInt64 { firstPosition + UInt64(recordCount) - 1 }
}

/// The last 84 bytes of a sealed segment.
struct SegmentFooter: Sendable, Equatable {
    static let byteCount = 84

    var segmentID: UInt64
    var firstPosition: UInt64
    var lastPosition: UInt64
    var blockCount: Int
    var indexOffset: Int
    var liveByteCount: Int
    var chain: Digest32

    func encode(into bytes: UnsafeMutableRawBufferPointer) {
        bytes.store(Mark.footerWord, at: 0)
        bytes.store(formatVersion, at: 4)
        for offset in 5..<8 { bytes.store(UInt8(0), at: offset) }
        bytes.store(segmentID, at: 8)
        bytes.store(firstPosition, at: 16)
        bytes.store(lastPosition, at: 24)
        bytes.store(UInt32(blockCount), at: 32)
        bytes.store(UInt32(indexOffset), at: 36)
        bytes.store(UInt32(liveByteCount), at: 40)
        bytes.storeDigest(chain, at: 44)
        bytes.sealStructure(at: 0, byteCount: Self.byteCount)
    }

    /// The valid footer at `index` of `bytes`, which stands at `offset` in the segment; `nil` if there is none.
    static func decode(
        _ bytes: UnsafeRawBufferPointer,
        at index: Int,
        segmentID: UInt64,
        offset: Int
    ) -> SegmentFooter? {
        guard bytes.holdsStructure(mark: Mark.footerWord, at: index, byteCount: byteCount),
            bytes[index + 4] == formatVersion,
            bytes.load(UInt64.self, at: index + 8) == segmentID
        else { return nil }
        let footer = SegmentFooter(
            segmentID: segmentID,
            firstPosition: bytes.load(UInt64.self, at: index + 16),
            lastPosition: bytes.load(UInt64.self, at: index + 24),
            blockCount: Int(bytes.load(UInt32.self, at: index + 32)),
            indexOffset: Int(bytes.load(UInt32.self, at: index + 36)),
            liveByteCount: Int(bytes.load(UInt32.self, at: index + 40)),
            chain: bytes.loadDigest(at: index + 44)
        )
        guard footer.liveByteCount == offset + byteCount, footer.blockCount > 0,
            footer.indexOffset >= SegmentHeader.byteCount,
            footer.indexOffset + IndexHeader.byteCount + footer.blockCount * BlockEntry.byteCount <= offset,
            footer.firstPosition <= footer.lastPosition
        else { return nil }
        return footer
    }
}

/// The 40 bytes before an index payload.
struct IndexHeader: Sendable, Equatable {
    static let byteCount = 40

    var mask: UInt8
    var segmentID: UInt64
    var offset: Int
    var blockCount: Int
    var callerByteCount: Int
    var payloadCRC: UInt32

    var payloadByteCount: Int { blockCount * BlockEntry.byteCount + callerByteCount }
    /// Where the footer begins.
    var end: Int { offset + Self.byteCount + payloadByteCount }

    func encode(into bytes: UnsafeMutableRawBufferPointer) {
        bytes.store(Mark.indexWord, at: 0)
        bytes.store(formatVersion, at: 4)
        bytes.store(mask, at: 5)
        bytes.store(UInt16(0), at: 6)
        bytes.store(segmentID, at: 8)
        bytes.store(UInt32(offset), at: 16)
        bytes.store(UInt32(blockCount), at: 20)
        bytes.store(UInt32(callerByteCount), at: 24)
        bytes.store(payloadCRC, at: 28)
        bytes.sealStructure(at: 0, byteCount: Self.byteCount)
    }

    /// The valid index header at `index` of `bytes`, which stands at `offset` in the segment; `nil` if there is none.
    static func decode(
        _ bytes: UnsafeRawBufferPointer,
        at index: Int,
        segmentID: UInt64,
        offset: Int
    ) -> IndexHeader? {
        guard bytes.holdsStructure(mark: Mark.indexWord, at: index, byteCount: byteCount),
            bytes[index + 4] == formatVersion,
            bytes.load(UInt64.self, at: index + 8) == segmentID,
            bytes.load(UInt32.self, at: index + 16) == offset
        else { return nil }
        return IndexHeader(
            mask: bytes[index + 5],
            segmentID: segmentID,
            offset: offset,
            blockCount: Int(bytes.load(UInt32.self, at: index + 20)),
            callerByteCount: Int(bytes.load(UInt32.self, at: index + 24)),
            payloadCRC: bytes.load(UInt32.self, at: index + 28)
        )
    }
}
