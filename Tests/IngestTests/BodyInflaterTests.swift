import CZlib
import MeterModel
import Testing

@testable import Ingest

/// Compressed bodies, also bad ones.
@Suite struct BodyInflaterTests {
    private static func gzip(_ bytes: [UInt8]) -> [UInt8] {
        var stream = z_stream()
        let size = CInt(MemoryLayout<z_stream>.size)
        deflateInit2_(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size)
        defer { deflateEnd(&stream) }
        var input = bytes
        return [UInt8](unsafeUninitializedCapacity: bytes.count + 1024) { output, count in
            input.withUnsafeMutableBufferPointer { input in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                _ = deflate(&stream, Z_FINISH)
                count = output.count - Int(stream.avail_out)
            }
        }
    }

    /// All that comes out of pieces, and the largest chunk of it.
    private func inflated(_ bytes: [UInt8], piece: Int) throws -> (bytes: [UInt8], largest: Int) {
        let inflater = BodyInflater()
        var all: [UInt8] = []
        var largest = 0
        var start = 0
        while start < bytes.count {
            let end = min(start + piece, bytes.count)
            inflater.feed(Array(bytes[start..<end]))
            while let chunk = try inflater.next() {
                #expect(!chunk.isEmpty)
                all += chunk
                largest = max(largest, chunk.count)
            }
            start = end
        }
        try inflater.finish()
        return (all, largest)
    }

    private var text: [UInt8] { Array(readingLines("E-1", 0..<20_000).utf8) }

    @Test(arguments: [1, 2, 7, 1000, 1 << 20])
    func `Members one after the other, in pieces of any size`(_ piece: Int) throws {
        let parts = [Array(text.prefix(3000)), [], Array(text.dropFirst(3000).prefix(2000))]
        let compressed = parts.flatMap(Self.gzip)
        #expect(try inflated(compressed, piece: piece).bytes == parts.flatMap(\.self))
        // Zeros may pad it.
        #expect(try inflated(compressed + [0, 0, 0], piece: piece).bytes == parts.flatMap(\.self))
    }

    @Test func `A small body that becomes large comes in small chunks`() throws {
        let bomb = Self.gzip([UInt8](repeating: UInt8(ascii: "\n"), count: 20 << 20))
        #expect(bomb.count < 64 << 10)
        let (bytes, largest) = try inflated(bomb, piece: bomb.count)
        #expect(bytes.count == 20 << 20 && largest <= BodyInflater.chunkByteCount)
    }

    @Test func `Cut short anywhere it is refused, and what was whole comes out before`() throws {
        let compressed = Self.gzip(Array(text.prefix(300)))
        for count in 1..<compressed.count {
            let refusal = #expect(throws: Refusal.self) {
                _ = try inflated(Array(compressed.prefix(count)), piece: 10)
            }
            #expect(refusal?.code == .badGzip, "\(count) bytes")
        }
        let empty = #expect(throws: Refusal.self) { _ = try inflated([], piece: 10) }
        #expect(empty?.code == .badGzip)
    }

    @Test func `What is no gzip is refused, also behind what is`() throws {
        let whole = Self.gzip(text)
        for bytes in [Array(text.prefix(100)), whole + [1, 2, 3], whole + whole.dropFirst()] {
            for piece in [1, 64, 1 << 20] {
                let refusal = #expect(throws: Refusal.self) { _ = try inflated(bytes, piece: piece) }
                #expect(refusal?.code == .badGzip)
            }
        }
        var damaged = Self.gzip(text)
        for i in damaged.count / 2..<damaged.count / 2 + 8 { damaged[i] ^= 0xFF }
        #expect(throws: Refusal.self) { _ = try inflated(damaged, piece: 4096) }
    }

    @Test func `What is good before a fault comes out before it`() throws {
        var damaged = Self.gzip(text)
        damaged[damaged.count - 6] ^= 0xFF
        let inflater = BodyInflater()
        inflater.feed(damaged)
        var count = 0
        #expect(throws: Refusal.self) {
            while let chunk = try inflater.next() { count += chunk.count }
            try inflater.finish()
        }
        #expect(count == text.count)
    }
}
