import NIOCore
import Testing

@testable import Listening

@Suite struct SendWindowTests {
    private static func append(_ window: inout SendWindow, _ lines: [String], dueAt: NIODeadline? = nil) {
        window.append(ByteBuffer(string: lines.map { $0 + "\n" }.joined()), lineCount: lines.count, dueAt: dueAt)
    }

    private static func drain(_ window: inout SendWindow) -> String {
        var text = ""
        while let bytes = window.next() { text += String(buffer: bytes) }
        return text
    }

    private static func release(
        _ window: inout SendWindow,
        through line: UInt64,
        _ released: (Int) -> Void = { _ in }
    ) -> Bool {
        window.release(through: line) { released($0.lineCount) }
    }

    @Test func `Gives lines once, in order, and lets go of whole chunks`() {
        var window = SendWindow()
        Self.append(&window, ["a", "b"])
        Self.append(&window, ["c"])
        #expect(Self.drain(&window) == "a\nb\nc\n")
        #expect(!window.hasUnsent)
        #expect(window.sentLine == 3)
        var released: [Int] = []
        #expect(Self.release(&window, through: 1) { released.append($0) })
        #expect(released.isEmpty && window.ackedLine == 1)
        #expect(Self.release(&window, through: 3) { released.append($0) })
        #expect(released == [2, 1])
        #expect(window.heldByteCount == 0 && window.isSettled && !window.hasOutstanding)
    }

    @Test func `Begins anew behind the last acknowledged line, inside a chunk too`() {
        var window = SendWindow(after: 10)
        Self.append(&window, ["eleven", "twelve", "", "fourteen"])
        Self.append(&window, ["fifteen"])
        _ = window.next()
        #expect(Self.release(&window, through: 12))
        window.rewind()
        #expect(window.sentLine == 12 && window.hasUnsent)
        #expect(Self.drain(&window) == "\nfourteen\nfifteen\n")
        #expect(window.sentLine == 15)
        #expect(Self.release(&window, through: 15))
        #expect(window.heldByteCount == 0)
    }

    @Test func `An acknowledgement of what was not sent changes nothing`() {
        var window = SendWindow()
        Self.append(&window, ["a"])
        Self.append(&window, ["b"])
        _ = window.next()
        #expect(!Self.release(&window, through: 2))
        #expect(window.ackedLine == 0)
        #expect(Self.release(&window, through: 1))
        #expect(Self.release(&window, through: 0))
        #expect(window.ackedLine == 1)
    }

    @Test func `Is full by bytes, and short chunks count more than their bytes`() {
        var window = SendWindow(byteLimit: 2000)
        var count = 0
        while window.hasRoom {
            Self.append(&window, ["x"])
            count += 1
        }
        #expect(count < 10)
        while window.next() != nil {}
        #expect(Self.release(&window, through: UInt64(count)))
        #expect(window.hasRoom && window.hasAmpleRoom)
    }

    /// Against a plain list of lines, whatever happens in whatever order.
    @Test(arguments: 1...50 as ClosedRange<UInt64>) func `Leaves out nothing`(_ seed: UInt64) {
        var generator = Seeded(state: seed)
        var window = SendWindow(byteLimit: 1 << 30)
        var source: [String] = []
        var received: [String] = []
        var acked = 0
        for _ in 0..<300 {
            switch Int.random(in: 0..<6, using: &generator) {
            case 0, 1:
                let lines = (0..<Int.random(in: 1...5, using: &generator)).map { "line \(source.count + $0)" }
                source += lines
                Self.append(&window, lines)
            case 2, 3:
                if let bytes = window.next() {
                    received += String(buffer: bytes).split(separator: "\n").map(String.init)
                }
            case 4 where !received.isEmpty:
                acked = Int.random(in: acked...max(acked, received.count), using: &generator)
                #expect(Self.release(&window, through: UInt64(acked)), "seed \(seed)")
            case 5 where Bool.random(using: &generator):
                window.rewind()
                received.removeLast(received.count - acked)
            default: break
            }
            #expect(received == Array(source[..<received.count]), "seed \(seed)")
            #expect(window.sentLine == UInt64(received.count), "seed \(seed)")
            #expect(window.lastLine == UInt64(source.count), "seed \(seed)")
        }
        #expect(source.count > 100, "seed \(seed)")
    }
}

/// Random numbers that a seed repeats.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct LineChunkerTests {
    /// Reads a text in pieces of a size.
    private static func chunks(_ text: [UInt8], by size: Int) -> (text: [UInt8], lineCounts: [Int]) {
        let chunker = LineChunker()
        var rest = text[...]
        var result: [UInt8] = []
        var counts: [Int] = []
        while let lines = chunker.next({ buffer in
            let count = min(size, buffer.count, rest.count)
            buffer.copyBytes(from: rest.prefix(count))
            rest = rest.dropFirst(count)
            return count
        }) {
            result += lines.bytes.readableBytesView
            if lines.lineCount > 0 { counts.append(lines.lineCount) }
            #expect(lines.lineCount == lines.bytes.readableBytesView.count { $0 == 0x0A })
        }
        return (result, counts)
    }

    @Test(arguments: [1, 2, 3, 7, 1000]) func `Whole lines whatever the pieces`(_ size: Int) {
        let text = Array("a\n\nlonger line\r\nlast".utf8)
        let (result, counts) = Self.chunks(text, by: size)
        #expect(result == text + [0x0A])
        #expect(counts.reduce(0, +) == 4)
    }

    @Test func `A line that nobody takes is cut and keeps its number`() {
        let long = [UInt8](repeating: 0x78, count: 1_000_000)
        let (result, counts) = Self.chunks(Array("a\n".utf8) + long + Array("\nb\n".utf8), by: 70_000)
        let lines = result.split(separator: 0x0A)
        #expect(lines.map(\.count) == [1, LineChunker.maximumLineByteCount, 1])
        #expect(counts.reduce(0, +) == 3)
    }

    @Test func `Nothing is nothing`() {
        #expect(Self.chunks([], by: 10).text.isEmpty)
    }
}

@Suite struct LineClientAnswerTests {
    private static func read(_ text: String) -> LineClientAnswer? {
        Array(text.utf8).withUnsafeBytes { LineClientAnswer($0) }
    }

    @Test func `Reads what a receiver says`() {
        #expect(Self.read("ok 12 3") == .acked(position: 12, line: 3))
        #expect(Self.read("ok 18446744073709551615 0\r") == .acked(position: .max, line: 0))
        #expect(
            Self.read("err 7 unknown-device no such é") == .refused(line: 7, code: "unknown-device", text: "no such é")
        )
        #expect(Self.read("err 0 busy") == .refused(line: 0, code: "busy", text: ""))
    }

    @Test(arguments: [
        "", "ok", "ok ", "ok 1", "ok 1 ", "ok 1 2 3", "ok -1 2", "ok 18446744073709551616 1", "err", "err 1", "err 1 ",
        "err x y", "HTTP/1.1 400 Bad Request",
    ])
    func `Takes nothing else`(_ text: String) { #expect(Self.read(text) == nil) }
}

@Suite struct LineClientValueTests {
    @Test func `Waits grow to a bound and vary`() {
        var backoff = LineClientBackoff()
        var generator = Seeded(state: 5)
        let waits = (0..<20).map { _ in backoff.next(using: &generator).nanoseconds }
        #expect(waits[0] <= LineClientBackoff.shortest.nanoseconds)
        #expect(waits.allSatisfy { $0 <= LineClientBackoff.longest.nanoseconds })
        #expect(waits[12...].allSatisfy { $0 >= LineClientBackoff.longest.nanoseconds / 2 })
        #expect(Set(waits[12...]).count > 4)
        backoff.reset()
        #expect(backoff.next(using: &generator) <= LineClientBackoff.shortest)
    }

    @Test func `Latencies by rank, within a thirty-second`() {
        var latency = LineClientLatency()
        for i in 1...1000 as ClosedRange<UInt64> { latency.record(microseconds: i * 100, weight: 1) }
        for (perMille, exact) in [(500, 50_000), (990, 99_000), (999, 99_900)] as [(UInt64, UInt64)] {
            let found = latency.microseconds(perMille: perMille)
            #expect(found >= exact && found <= exact + exact / 16)
        }
        #expect(latency.microseconds(perMille: 1000) == 100_000)
        latency.record(microseconds: .max, weight: 1)
        #expect(latency.maximumMicroseconds == .max)
        #expect(LineClientLatency().microseconds(perMille: 999) == 0)
    }

    @Test func `Addresses`() {
        #expect(LineClientAddress("localhost:4090") == LineClientAddress(host: "localhost", port: 4090))
        #expect(LineClientAddress("[::1]:4090") == LineClientAddress(host: "::1", port: 4090))
        #expect(LineClientAddress(host: "::1", port: 4090).description == "[::1]:4090")
        for text in ["", "host", ":1", "host:", "host:0", "host:65536", "::1:4090", "host:x"] {
            #expect(LineClientAddress(text) == nil, "\(text)")
        }
    }

    @Test func `The first line says the keys, quoted`() {
        var options = LineClientOptions(address: LineClientAddress(host: "h", port: 1))
        #expect(options.firstLine == "meterfold/1 {\"ack\":true}\n")
        options.isAcknowledged = false
        options.keys = [("token", "a\"b\\\n"), ("format", "csv")]
        #expect(
            options.firstLine == "meterfold/1 {\"ack\":false,\"token\":\"a\\\"b\\\\\\u000a\",\"format\":\"csv\"}\n"
        )
    }
}
