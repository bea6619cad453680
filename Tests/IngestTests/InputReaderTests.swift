import CLZ4
import CZlib
import Foundation
import MeterModel
import Synchronization
import Telegrams
import Testing

@testable import Ingest

/// All that a reader made of an input.
struct Read {
    var readings: [String] = []
    var refusals: [Refusal] = []
    var raws: [String] = []

    init(_ path: String, _ options: InputOptions = InputOptions()) throws {
        let reader = InputReader(try InputSource(path: path), options: options)
        var batch = DecodedBatch()
        while try reader.next(into: &batch) { take(batch, reader.names, reader.chunk) }
    }

    /// The same, of a reader that is ahead.
    init(ahead path: String, pausing pause: () -> Void = {}) throws {
        let reader = AheadReader.start(try InputSource(path: path), options: InputOptions())
        defer { reader.abandon() }
        var batch = DecodedBatch()
        while try reader.next(into: &batch) {
            pause()
            reader.withChunk { take(batch, reader.names, $0) }
        }
    }

    private mutating func take(_ batch: DecodedBatch, _ names: TelegramNames, _ chunk: UnsafeRawBufferPointer) {
        for draft in batch.readings {
            let value = ExactDecimal(Int128(draft.coefficient), fractionDigits: Int(draft.fractionDigits))
            readings.append("\(names.devices[draft.device]) \(Instant(milliseconds: draft.at).rfc3339) \(value)")
        }
        for line in batch.refusals {
            refusals.append(line.refusal)
            let raw = chunk[line.rawOffset..<line.rawOffset + line.rawByteCount]
            raws.append(String(decoding: raw, as: UTF8.self))
        }
    }
}

/// A pipe with a name, which does not end while it is there.
private struct NamedPipe {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("pipe-\(UUID().uuidString)").path
    let writer: CInt

    init() {
        #expect(mkfifo(path, 0o600) == 0)
        writer = open(path, O_RDWR)
    }

    func remove() {
        close(writer)
        unlink(path)
    }
}

@Suite struct InputReaderTests {
    /// A signal that comes between a look at the flag and the wait does not end the wait by itself.
    @Test func `An interrupt noted before a wait ends it`() throws {
        let pipe = NamedPipe()
        defer { pipe.remove() }
        let source = try InputSource(path: pipe.path, isInterrupted: { true })
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 1)
        defer { buffer.deallocate() }
        #expect(throws: InputFault.interrupted) { try source.read(into: buffer) }
    }

    /// A file for the duration of `body`.
    private func withFile<R>(_ bytes: [UInt8], _ body: (String) throws -> R) throws -> R {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("meterfold-\(UUID().uuidString)")
        try Data(bytes).write(to: url)
        defer { try? FileManager.default.removeItem(at: url) }
        return try body(url.path)
    }

    private func lines(_ count: Int) -> [UInt8] {
        (0..<count).flatMap { Array("{\"device\":\"E-\($0 % 7)\",\"readAt\":\($0 * 60),\"value\":\($0)}\n".utf8) }
    }

    private func gzip(_ bytes: [UInt8]) -> [UInt8] {
        var stream = z_stream()
        let result = deflateInit2_(
            &stream,
            6,
            Z_DEFLATED,
            15 + 16,
            8,
            Z_DEFAULT_STRATEGY,
            ZLIB_VERSION,
            CInt(MemoryLayout<z_stream>.size)
        )
        precondition(result == Z_OK)
        var input = bytes
        var output = [UInt8](repeating: 0, count: bytes.count + 1000)
        return input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output -> [UInt8] in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                precondition(deflate(&stream, Z_FINISH) == Z_STREAM_END)
                deflateEnd(&stream)
                return Array(output.prefix(Int(stream.total_out)))
            }
        }
    }

    private func lz4(_ bytes: [UInt8]) -> [UInt8] {
        var preferences = LZ4F_preferences_t()
        preferences.frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled
        var output = [UInt8](repeating: 0, count: LZ4F_compressFrameBound(bytes.count, &preferences))
        let count = LZ4F_compressFrame(&output, output.count, bytes, bytes.count, &preferences)
        return Array(output.prefix(count))
    }

    @Test func `A reader that is ahead gives the same, however slowly it is asked`() throws {
        var bytes: [UInt8] = []
        for i in 0..<90_000 {
            bytes += Array("{\"device\":\"E-\(i * i % 5003)\",\"readAt\":\(i * 60),\"value\":\(i)}\n".utf8)
            if i % 1000 == 0 { bytes += Array("{\"device\":\(i)\n".utf8) }
        }
        let plain = try withFile(bytes) { try Read($0) }
        #expect(plain.readings.count == 90_000 && plain.refusals.count == 90)
        for microseconds: UInt32 in [0, 20_000] {
            let ahead = try withFile(bytes) { try Read(ahead: $0) { usleep(microseconds) } }
            #expect(ahead.readings == plain.readings)
            #expect(ahead.refusals == plain.refusals)
            #expect(ahead.raws == plain.raws)
        }
    }

    @Test func `A reader that is ahead hands over what came before a fault`() throws {
        let pipe = NamedPipe()
        defer { pipe.remove() }
        let line = Array("{\"device\":\"E\",\"readAt\":60,\"value\":1}\n".utf8)
        #expect(write(pipe.writer, line, line.count) == line.count)
        let isInterrupted = Atomic(false)
        let source = try InputSource(path: pipe.path, isInterrupted: { isInterrupted.load(ordering: .relaxed) })
        let reader = AheadReader.start(source, options: InputOptions())
        var batch = DecodedBatch()
        #expect(try reader.next(into: &batch))
        #expect(batch.readings.count == 1 && reader.mayWait)
        isInterrupted.store(true, ordering: .relaxed)
        #expect(write(pipe.writer, line, 5) == 5)
        #expect(throws: InputFault.interrupted) {
            while try reader.next(into: &batch) {}
        }
    }

    @Test func `What trickles in without a pause is not gathered for long`() throws {
        let pipe = NamedPipe()
        defer { pipe.remove() }
        let isOver = Atomic(false)
        let line = Array("{\"device\":\"E\",\"readAt\":60,\"value\":1}\n".utf8)
        let source = try InputSource(path: pipe.path, isInterrupted: { isOver.load(ordering: .relaxed) })
        let reader = AheadReader.start(source, options: InputOptions())
        var batch = DecodedBatch()
        var count = 0
        // Each line has the next one behind it before it is taken.
        #expect(write(pipe.writer, line, line.count) == line.count)
        repeat {
            #expect(write(pipe.writer, line, line.count) == line.count)
            #expect(try reader.next(into: &batch))
            count += batch.readings.count
            usleep(1000)
        } while !reader.mayWait && count < 20_000
        #expect(count < 20_000)
        isOver.store(true, ordering: .relaxed)
        reader.abandon()
    }

    @Test func `Plain, gzip and lz4 give the same, in several parts too`() throws {
        let bytes = lines(60_000)
        let half = bytes.count / 2
        let plain = try withFile(bytes) { try Read($0) }
        #expect(plain.readings.count == 60_000)
        #expect(plain.readings.last == "E-2 1970-02-11T15:59:00Z 59999")
        let forms = [
            gzip(bytes), lz4(bytes), gzip(Array(bytes[..<half])) + gzip(Array(bytes[half...])) + [0, 0],
            lz4(Array(bytes[..<half])) + lz4(Array(bytes[half...])),
        ]
        for form in forms {
            let read = try withFile(form) { try Read($0) }
            #expect(read.refusals.isEmpty, "\(read.refusals)")
            #expect(read.readings == plain.readings)
        }
    }

    @Test func `How much there is, and how much is read, are bytes of the file as it lies there`() throws {
        for bytes in [lines(2000), gzip(lines(2000)), lz4(lines(2000)), []] {
            try withFile(bytes) { path in
                #expect(InputSource.byteCount(of: path) == UInt64(bytes.count))
                let source = try InputSource(path: path)
                #expect(source.readByteCount == 0)
                var chunk = [UInt8](repeating: 0, count: 1000)
                while try source.readChunk(&chunk) > 0 {}
                #expect(source.readByteCount == UInt64(bytes.count))
            }
        }
        #expect(InputSource.byteCount(of: "/dev/null") == nil)
        #expect(InputSource.byteCount(of: "/absent") == nil)
    }

    @Test func `What was decoded before the damage is kept, the unfinished line is not`() throws {
        let bytes = lines(60_000)
        for (form, code) in [(gzip(bytes), RefusalCode.badGzip), (lz4(bytes), .badLZ4)] {
            let read = try withFile(Array(form[..<(form.count / 2)])) { try Read($0) }
            #expect(read.refusals.map(\.code) == [code])
            #expect(read.refusals[0].text.contains("compressed byte \(form.count / 2)"))
            #expect(read.readings.count > 1000)
            #expect(read.readings.count < 59_000)
            var damaged = form
            for i in form.count / 2..<form.count / 2 + 64 { damaged[i] ^= 0x5A }
            let other = try withFile(damaged) { try Read($0) }
            #expect(other.refusals.last?.code == code)
        }
        let frame = lz4(bytes)
        // Sizes of the blocks stand before them, checksums behind; each block holds 64 KiB.
        var (start, wholeCount) = (7, 0)
        func end(_ start: Int) -> Int {
            start + 8 + (Int(frame[start]) | Int(frame[start + 1]) << 8 | Int(frame[start + 2]) << 16)
        }
        while end(start) < frame.count / 2 { (start, wholeCount) = (end(start), wholeCount + 1) }
        for place in [start + 100, start + 3] {
            var damaged = frame
            damaged[place] ^= 0x5A
            let kept = try withFile(damaged) { try Read($0) }
            let wholeLineCount = bytes[..<(wholeCount << 16)].count { $0 == UInt8(ascii: "\n") }
            #expect(kept.readings.count == wholeLineCount && kept.refusals.map(\.code) == [.badLZ4])
        }
        let trailing = try withFile(gzip(lines(10)) + [1, 2, 3]) { try Read($0) }
        #expect(trailing.readings.count == 10)
        #expect(trailing.refusals.map(\.code) == [.badGzip])
    }

    @Test func `The format is detected, or said, or unknown`() throws {
        #expect(try withFile(Array("m,device=E value=1 60000000000".utf8)) { try Read($0) }.readings.count == 1)
        #expect(try withFile(Array("device,readAt,value\nE,0,1\n".utf8)) { try Read($0) }.readings.count == 1)
        #expect(try withFile([]) { try Read($0) }.readings.isEmpty)
        #expect(try withFile(Array("\n \n".utf8)) { try Read($0) }.readings.isEmpty)
        #expect(throws: InputFault.self) { try withFile(Array("word\n".utf8)) { try Read($0) } }
        var options = InputOptions()
        options.format = .ndjson
        #expect(try withFile(Array("word\n".utf8)) { try Read($0, options) }.refusals.map(\.code) == [.badJSON])
        #expect(throws: InputFault.self) { try Read("/nonexistent") }
    }

    @Test func `A header that does not fit ends the input`() throws {
        let read = try withFile(Array("device,readAt,value,colour\nE,0,1,2\n".utf8)) { try Read($0) }
        #expect(read.refusals.map(\.code) == [.unknownField])
        #expect(read.raws == ["device,readAt,value,colour"])
        #expect(read.readings.isEmpty)
    }
}
