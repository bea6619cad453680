// A parity file's structures, as "Parity" in `docs/record-log-format.md` lays them out.

/// How the live bytes of a sealed segment are cut into chunks, these put into groups, and where a parity file has what.
struct ParityLayout: Sendable, Equatable {
    static let chunkByteCount = 4 << 10
    /// The most chunks that one parity chunk stands for.
    static let groupChunkCount = 16

    let liveByteCount: Int
    let chunkCount: Int
    let groupCount: Int

    init(liveByteCount: Int) {
        self.liveByteCount = liveByteCount
        chunkCount = (liveByteCount + Self.chunkByteCount - 1) / Self.chunkByteCount
        groupCount = (chunkCount + Self.groupChunkCount - 1) / Self.groupChunkCount
    }

    func range(ofChunk chunk: Int) -> Range<Int> {
        let start = chunk * Self.chunkByteCount
        return start..<min(liveByteCount, start + Self.chunkByteCount)
    }

    func group(ofChunk chunk: Int) -> Int { chunk % groupCount }

    func chunks(ofGroup group: Int) -> StrideTo<Int> { stride(from: group, to: chunkCount, by: groupCount) }

    var tableByteCount: Int { 4 * (chunkCount + groupCount) }

    func parityOffset(ofGroup group: Int) -> Int {
        ParityHeader.byteCount + tableByteCount + group * Self.chunkByteCount
    }

    var secondTableOffset: Int { parityOffset(ofGroup: groupCount) }
    var secondHeaderOffset: Int { secondTableOffset + tableByteCount }
    var fileByteCount: Int { secondHeaderOffset + ParityHeader.byteCount }

    /// Byte ranges of the segment that chunks cover, those that touch joined.
    func ranges(ofChunks chunks: [Int]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for chunk in chunks {
            let range = range(ofChunk: chunk)
            if let last = ranges.last, last.upperBound == range.lowerBound {
                ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
            } else {
                ranges.append(range)
            }
        }
        return ranges
    }
}

/// The 160 bytes at both ends of a parity file.
struct ParityHeader: Sendable, Equatable {
    static let byteCount = 160

    var segmentID: UInt64
    var firstPosition: UInt64
    var lastPosition: UInt64
    var liveByteCount: Int
    var tableCRC: UInt32
    var chainBefore: Digest32
    var chainAfter: Digest32
    var segmentDigest: Digest32

    var layout: ParityLayout { ParityLayout(liveByteCount: liveByteCount) }

    /// What a header's bytes turn out to be.
    enum Decoded {
        case header(ParityHeader)
        case newerVersion
        case damaged
    }

    func encode(into bytes: UnsafeMutableRawBufferPointer) {
        bytes.store(Mark.parityWord, at: 0)
        bytes.store(formatVersion, at: 4)
        for offset in 5..<8 { bytes.store(UInt8(0), at: offset) }
        bytes.store(segmentID, at: 8)
        bytes.store(firstPosition, at: 16)
        bytes.store(lastPosition, at: 24)
        bytes.store(UInt64(liveByteCount), at: 32)
        bytes.store(UInt32(ParityLayout.chunkByteCount), at: 40)
        bytes.store(UInt32(ParityLayout.groupChunkCount), at: 44)
        bytes.store(tableCRC, at: 48)
        bytes.store(UInt32(0), at: 52)
        bytes.storeDigest(chainBefore, at: 56)
        bytes.storeDigest(chainAfter, at: 88)
        bytes.storeDigest(segmentDigest, at: 120)
        bytes.sealStructure(at: 0, byteCount: Self.byteCount)
    }

    static func decode(_ bytes: UnsafeRawBufferPointer) -> Decoded {
        guard bytes.holdsStructure(mark: Mark.parityWord, at: 0, byteCount: byteCount) else { return .damaged }
        if bytes[4] != formatVersion { return .newerVersion }
        let liveByteCount = bytes.load(UInt64.self, at: 32)
        guard bytes.load(UInt32.self, at: 40) == ParityLayout.chunkByteCount,
            bytes.load(UInt32.self, at: 44) == ParityLayout.groupChunkCount,
            liveByteCount > 0, liveByteCount <= RecordLogLimits.maximumSegmentByteCount
        else { return .damaged }
        let header = ParityHeader(
            segmentID: bytes.load(UInt64.self, at: 8),
            firstPosition: bytes.load(UInt64.self, at: 16),
            lastPosition: bytes.load(UInt64.self, at: 24),
            liveByteCount: Int(liveByteCount),
            tableCRC: bytes.load(UInt32.self, at: 48),
            chainBefore: bytes.loadDigest(at: 56),
            chainAfter: bytes.loadDigest(at: 88),
            segmentDigest: bytes.loadDigest(at: 120)
        )
        guard header.firstPosition <= header.lastPosition, header.lastPosition < .max else { return .damaged }
        return .header(header)
    }
}

/// Makes the bytes of a parity file.
enum ParityEncoding {
    /// - Parameters:
    ///   - segment: The live bytes of a segment that was found sound.
    ///   - header: The segment's.
    ///   - footer: The segment's.
    /// - Returns: The whole file. Costs one pass over the segment for XOR and checksums, and one for the digest.
    static func encode(
        _ segment: UnsafeRawBufferPointer,
        header: SegmentHeader,
        footer: SegmentFooter
    ) -> [UInt8] {
        let layout = ParityLayout(liveByteCount: segment.count)
        var bytes = [UInt8](repeating: 0, count: layout.fileByteCount)
        bytes.withUnsafeMutableBytes { file in
            let table = UnsafeMutableRawBufferPointer(
                rebasing: file[ParityHeader.byteCount..<ParityHeader.byteCount + layout.tableByteCount]
            )
            for chunk in 0..<layout.chunkCount {
                let range = layout.range(ofChunk: chunk)
                table.store(segment.crc32c(range), at: 4 * chunk)
                let parity = layout.parityOffset(ofGroup: layout.group(ofChunk: chunk))
                UnsafeMutableRawBufferPointer(rebasing: file[parity..<parity + range.count])
                    .toggle(with: UnsafeRawBufferPointer(rebasing: segment[range]))
            }
            for group in 0..<layout.groupCount {
                let start = layout.parityOffset(ofGroup: group)
                let crc = UnsafeRawBufferPointer(file).crc32c(start..<start + ParityLayout.chunkByteCount)
                table.store(crc, at: 4 * (layout.chunkCount + group))
            }
            ParityHeader(
                segmentID: header.segmentID,
                firstPosition: header.firstPosition,
                lastPosition: footer.lastPosition,
                liveByteCount: segment.count,
                tableCRC: UnsafeRawBufferPointer(table).crc32c(0..<table.count),
                chainBefore: header.chainBefore,
                chainAfter: footer.chain,
                segmentDigest: .sha256(segment)
            ).encode(into: file)
            UnsafeMutableRawBufferPointer(rebasing: file[layout.secondTableOffset..<layout.secondHeaderOffset])
                .copyMemory(from: UnsafeRawBufferPointer(table))
            UnsafeMutableRawBufferPointer(rebasing: file[layout.secondHeaderOffset...])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: file[..<ParityHeader.byteCount]))
        }
        return bytes
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Lays as many bytes over these with XOR.
    func toggle(with other: UnsafeRawBufferPointer) {
        precondition(other.count <= count, "as many bytes as there are")
        typealias Lane = SIMD8<UInt64>
        let width = MemoryLayout<Lane>.size
        var offset = 0
        while offset + width <= other.count {
            let lane =
                loadUnaligned(fromByteOffset: offset, as: Lane.self)
                ^ other.loadUnaligned(fromByteOffset: offset, as: Lane.self)
            storeBytes(of: lane, toByteOffset: offset, as: Lane.self)
            offset += width
        }
        while offset < other.count {
            self[offset] ^= other[offset]
            offset += 1
        }
    }
}
