import CCRC32C
import Testing

@testable import RecordLog

@Suite struct FormatTests {
    @Test func `the checksum has its published check value, by table and by instruction`() {
        let check = Array("123456789".utf8)
        #expect(meterfold_crc32c(0, check, check.count) == 0xE306_9283)
        #expect(meterfold_crc32c_portable(0, check, check.count) == 0xE306_9283)
        var generator = SeededGenerator(seed: 1)
        for count in 0..<300 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(meterfold_crc32c(7, bytes, count) == meterfold_crc32c_portable(7, bytes, count))
        }
        // Long inputs are taken in lanes.
        let long = (0..<20_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        for _ in 0..<200 {
            let range = Int.random(in: 0...9, using: &generator)..<Int.random(in: 3000...20_000, using: &generator)
            let bytes = Array(long[range])
            let crc = UInt32.random(in: 0...UInt32.max, using: &generator)
            #expect(
                meterfold_crc32c(crc, bytes, bytes.count) == meterfold_crc32c_portable(crc, bytes, bytes.count),
                "\(range)"
            )
        }
    }

    @Test func `structures have their sizes and marks enough bits`() {
        #expect(SegmentHeader.byteCount == 80)
        #expect(BlockHeader.byteCount == 84)
        #expect(IndexHeader.byteCount == 40)
        #expect(SegmentFooter.byteCount == 84)
        #expect(BlockEntry.byteCount == 16)
        for mark in [Mark.segment, Mark.block, Mark.index, Mark.footer, Mark.headerEnd, Mark.trailer] {
            #expect(mark.count == 4)
            #expect(mark.allSatisfy { $0.nonzeroBitCount >= 2 })
        }
        #expect(Set([Mark.segment, Mark.block, Mark.index, Mark.footer].map { $0[0] }).count == 1)
    }

    @Test func `a block header comes back as it was written`() {
        let header = BlockHeader(
            compression: 1,
            mask: 3,
            segmentID: 9,
            offset: 80,
            recordCount: 12,
            firstPosition: 77,
            bodyByteCount: 1000,
            storedByteCount: 400,
            bodyCRC: 5,
            chain: .sha256(UnsafeRawBufferPointer(start: nil, count: 0))
        )
        var bytes = [UInt8](repeating: 0xFF, count: BlockHeader.byteCount)
        bytes.withUnsafeMutableBytes { header.encode(into: $0) }
        bytes.withUnsafeBytes { bytes in
            #expect(BlockHeader.decode(bytes, at: 0, segmentID: 9, offset: 80) == header)
            #expect(BlockHeader.decode(bytes, at: 0, segmentID: 8, offset: 80) == nil)
            #expect(BlockHeader.decode(bytes, at: 0, segmentID: 9, offset: 81) == nil)
        }
    }

    @Test func `a digest shows as hexadecimal and refuses other lengths`() {
        let empty = Digest32.sha256(UnsafeRawBufferPointer(start: nil, count: 0))
        #expect(empty.description == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(Digest32(bytes: [1, 2]) == nil)
        #expect(Digest32(bytes: [UInt8](repeating: 0, count: 32)) == .zero)
    }

    @Test func `bodies with empty sectors are masked and come back`() throws {
        var generator = SeededGenerator(seed: 2)
        let noise = (0..<9000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        var body = noise
        body.replaceSubrange(1000..<3000, with: repeatElement(0, count: 2000))
        let stored = UnsafeMutableRawBufferPointer.allocate(byteCount: body.count, alignment: 8)
        defer { stored.deallocate() }
        stored.copyBytes(from: body)
        let mask = try SectorMask.apply(to: stored, fileOffset: 164)
        #expect(mask != 0)
        for piece in SectorPieces(164..<164 + body.count) where piece.count == 512 {
            #expect(!UnsafeRawBufferPointer(stored).isWeak(piece.lowerBound - 164..<piece.upperBound - 164))
        }
        SectorMask.toggle(mask, over: stored)
        #expect(Array(stored) == body)
    }
}
