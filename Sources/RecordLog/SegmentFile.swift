/// One segment as seen from outside: for listings and statistics.
package struct SegmentSummary: Sendable, Equatable {
    /// The file's name within `log/`.
    package var file: String
    /// 1 for the first segment, then without gaps.
    package var segmentID: UInt64
    /// The position of its first record, also while it is still empty.
    package var firstPosition: UInt64
    /// The position of its last record; `nil` while it is empty.
    package var lastPosition: UInt64?
    /// The number of blocks.
    package var blockCount: Int
    /// Bytes in use: header, blocks, and index and footer if sealed.
    package var liveByteCount: Int
    /// Bytes the file takes, pre-written space included.
    package var byteCount: Int
    /// Whether it is finished and will not change any more.
    package var isSealed: Bool
    /// UTC milliseconds as the writer gave them, 0 = not given.
    package var createdAtMilliseconds: Int64
    /// The chain value before its first block.
    package var chainBefore: Digest32
    /// The chain value after its last block.
    package var chain: Digest32
}

/// The names in a log directory.
struct SegmentListing {
    private(set) var names: [String] = []
    private(set) var strayNames: [String] = []

    private static let suffix = ".segment"
    private static let digitCount = 16

    init(_ fileSystem: any FileSystem, directory: String) throws(RecordLogError) {
        for name in try fileSystem.names(inDirectory: directory) {
            if Self.firstPosition(ofName: name) == nil { strayNames.append(name) } else { names.append(name) }
        }
    }

    static func name(firstPosition: UInt64) -> String {
        let digits = String(firstPosition)
        return String(repeating: "0", count: max(0, digitCount - digits.utf8.count)) + digits + suffix
    }

    /// The position in a segment's name; `nil` for any other name.
    static func firstPosition(ofName name: String) -> UInt64? {
        guard name.hasSuffix(suffix) else { return nil }
        let digits = name.dropLast(suffix.count)
        guard digits.utf8.count >= digitCount, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return UInt64(digits)
    }
}

/// An open segment with its decoded header, and its footer if it is sealed.
///
/// Invariant: `header` was valid, agrees with the file's name, and `byteCount` was read before `footer`.
struct SegmentFile {
    let name: String
    let file: any OpenFile
    let header: SegmentHeader
    /// The size when it was opened.
    let byteCount: Int
    /// The footer that ends the file; `nil` when not sealed, not yet cut, or damaged.
    let footer: SegmentFooter?

    /// Opens and checks a segment.
    ///
    /// Throws `corruption` for a bad header, name or size, and `newerVersion`.
    init(
        _ fileSystem: any FileSystem,
        directory: String,
        name: String,
        mode: FileOpenMode = .read
    ) throws(RecordLogError) {
        let file = try fileSystem.open(directory + "/" + name, mode: mode)
        let byteCount = try file.byteCount()
        let named = SegmentListing.firstPosition(ofName: name) ?? 0
        let headerBytes = try file.bytes(at: 0, count: SegmentHeader.byteCount)
        switch headerBytes.withUnsafeBytes({ SegmentHeader.decode($0) }) {
        case .newerVersion: throw .newerVersion(file: name)
        case .damaged:
            throw .corruption(
                "the segment header is damaged",
                file: name,
                byteOffset: 0,
                positions: named...UInt64.max
            )
        case .header(let header): self.header = header
        }
        guard header.firstPosition == named, byteCount <= header.segmentByteCount else {
            throw .corruption(
                header.firstPosition == named
                    ? "the file has \(byteCount) bytes, its header says \(header.segmentByteCount)"
                    : "the file's name and its header disagree: the header says \(header.firstPosition)",
                file: name,
                byteOffset: header.firstPosition == named ? header.segmentByteCount : 0,
                positions: named...UInt64.max
            )
        }
        var size = byteCount
        var footer = try Self.footer(of: file, byteCount: size, header: header)
        if footer == nil, size == header.segmentByteCount {
            // It may have been sealed and cut while it was being looked at: then the footer stands at the new end.
            size = try file.byteCount()
            if size != byteCount { footer = try Self.footer(of: file, byteCount: size, header: header) }
        }
        self.name = name
        self.file = file
        self.byteCount = size
        self.footer = footer
    }

    private static func footer(
        of file: any OpenFile,
        byteCount: Int,
        header: SegmentHeader
    ) throws(RecordLogError) -> SegmentFooter? {
        let offset = byteCount - SegmentFooter.byteCount
        guard offset >= SegmentHeader.byteCount else { return nil }
        let bytes = try file.bytes(at: offset, count: SegmentFooter.byteCount)
        guard bytes.count == SegmentFooter.byteCount else { return nil }
        let footer = bytes.withUnsafeBytes {
            SegmentFooter.decode($0, at: 0, segmentID: header.segmentID, offset: offset)
        }
        return footer?.firstPosition == header.firstPosition ? footer : nil
    }

    /// Whether the file ends in a valid footer, or must have: it is shorter than an unsealed file can be.
    var isSealed: Bool { footer != nil || byteCount < header.segmentByteCount }

    /// Reads the whole file.
    func readAll(into buffer: ByteBuffer) throws(RecordLogError) -> UnsafeRawBufferPointer {
        let memory = buffer.reserve(byteCount)
        let count = try file.read(into: memory, at: 0)
        return UnsafeRawBufferPointer(rebasing: memory[..<count])
    }

    /// The index and footer of a sealed segment, if both are sound.
    func sealedTail() throws(RecordLogError) -> SealedTail? {
        guard let footer else { return nil }
        let bytes = try file.bytes(at: footer.indexOffset, count: footer.liveByteCount - footer.indexOffset)
        return bytes.withUnsafeBytes {
            SealedTail.decode($0, at: 0, segmentID: header.segmentID, offset: footer.indexOffset)
        }
    }

    /// The positions at its end that were given up; nil if none were. A hole is the last block of its segment.
    func hole() throws(RecordLogError) -> ClosedRange<UInt64>? {
        guard let block = try lastBlock(), block.isHole else { return nil }
        return block.positions
    }

    /// The header of the last block of a sealed segment; nil where it is not sealed or damaged.
    private func lastBlock() throws(RecordLogError) -> BlockHeader? {
        guard let footer else { return nil }
        // Its entry alone, if it can be had without the whole index: the header that it leads to has its own checksum.
        let start = try file.bytes(at: footer.indexOffset, count: IndexHeader.byteCount)
        let index = start.withUnsafeBytes {
            IndexHeader.decode($0, at: 0, segmentID: header.segmentID, offset: footer.indexOffset)
        }
        guard let index, index.blockCount == footer.blockCount else { return nil }
        if index.mask == 0 {
            let place = footer.indexOffset + IndexHeader.byteCount + (index.blockCount - 1) * BlockEntry.byteCount
            let entry = try file.bytes(at: place, count: BlockEntry.byteCount)
            let offset = entry.count == BlockEntry.byteCount ? entry.withUnsafeBytes { $0.load(UInt32.self, at: 0) } : 0
            return try block(at: Int(offset), before: footer)
        }
        guard let entry = try sealedTail()?.entries.last else { return nil }
        return try block(at: entry.offset, before: footer)
    }

    /// The header at an offset, if it is that of the last block.
    private func block(at offset: Int, before footer: SegmentFooter) throws(RecordLogError) -> BlockHeader? {
        let bytes = try file.bytes(at: offset, count: BlockHeader.byteCount)
        let block = bytes.withUnsafeBytes {
            BlockHeader.decode($0, at: 0, segmentID: header.segmentID, offset: offset)
        }
        return block?.end == footer.indexOffset ? block : nil
    }

    func summary(lastPosition: UInt64?, blockCount: Int, liveByteCount: Int, chain: Digest32) -> SegmentSummary {
        SegmentSummary(
            file: name,
            segmentID: header.segmentID,
            firstPosition: header.firstPosition,
            lastPosition: lastPosition,
            blockCount: blockCount,
            liveByteCount: liveByteCount,
            byteCount: byteCount,
            isSealed: isSealed,
            createdAtMilliseconds: header.createdAtMilliseconds,
            chainBefore: header.chainBefore,
            chain: chain
        )
    }

    func summary(of footer: SegmentFooter) -> SegmentSummary {
        summary(
            lastPosition: footer.lastPosition,
            blockCount: footer.blockCount,
            liveByteCount: footer.liveByteCount,
            chain: footer.chain
        )
    }
}

/// What one segment promises to the next: how a log hangs together across files.
struct SegmentLink: Equatable {
    var nextSegmentID: UInt64
    var nextPosition: UInt64
    var chain: Digest32

    /// Before the first segment.
    static let origin = SegmentLink(nextSegmentID: 1, nextPosition: 1, chain: .zero)

    /// Why `header` does not follow; `nil` if it does.
    func mismatch(_ header: SegmentHeader) -> String? {
        if header.firstPosition != nextPosition {
            return "the segment begins with position \(header.firstPosition) where \(nextPosition) must follow"
        }
        if header.segmentID != nextSegmentID {
            return "the segment's number is \(header.segmentID) where \(nextSegmentID) must follow"
        }
        if header.chainBefore != chain { return "the segment's chain does not begin where the one before it ends" }
        return nil
    }
}
