import ArgumentParser
import Glibc
import Listening
import NIOCore

/// How `send` puts a receiver under load: flags that only who measures needs.
struct SendLoadFlags: ParsableArguments {
    @Option(help: ArgumentHelp("Splits the lines by device over so many connections.", visibility: .hidden))
    var connections = 1
    @Option(
        help: ArgumentHelp("Lines a second that are due, whether the receiver keeps up or not.", visibility: .hidden)
    )
    var rate: Int?
    @Flag(help: ArgumentHelp("Tells how long lines took from when they were due until durable.", visibility: .hidden))
    var latency = false

    private static let maximumConnectionCount = 20_000
    private static let maximumRate = 100_000_000

    func validate() throws {
        guard (1...SendLoadFlags.maximumConnectionCount).contains(connections) else {
            throw ValidationError("--connections takes 1 to \(SendLoadFlags.maximumConnectionCount)")
        }
        if let rate, !(1...SendLoadFlags.maximumRate).contains(rate) {
            throw ValidationError("--rate takes 1 to \(SendLoadFlags.maximumRate)")
        }
    }

    /// Whether it is one connection as fast as it goes.
    var isPlain: Bool { connections == 1 && rate == nil && !latency }
}

/// Feeds an input to clients: all of it to one, or each device's lines to one of several, at a rate if one is said.
///
/// With a rate the lines of a tick are due at its beginning, whatever became of those before: what a receiver that
/// falls behind costs is measured, not left out.
final class SendLoad {
    private let clients: [LineClient]
    private let headLineCount: Int
    private let load: SendLoadFlags
    private var split = LineSplit()

    /// Nanoseconds between two times at which lines are due, at least.
    private static let tick: Int64 = 1_000_000

    init(_ clients: [LineClient], options: LineClientOptions, load: SendLoadFlags) {
        self.clients = clients
        self.load = load
        headLineCount = options.headLineCount
    }

    /// Of all clients together; their lines acknowledged are added up.
    var status: SendStatus {
        guard clients.count > 1 else { return clients[0].status }
        var sum = SendStatus()
        for status in clients.map(\.status) {
            sum.lineCount += status.lineCount
            sum.byteCount += status.byteCount
            sum.ackedLine += status.ackedLine
            sum.lastPosition = [sum.lastPosition, status.lastPosition].compactMap(\.self).max()
            sum.refusedCount += status.refusedCount
            sum.refusals.merge(status.refusals, uniquingKeysWith: +)
            sum.reconnectCount += status.reconnectCount
            sum.latency.add(status.latency)
        }
        return sum
    }

    /// Sends all of it and waits for the acknowledgements.
    ///
    /// - Throws: `SendFault`, or `InputFault` of the input.
    func send(_ input: SendInput, _ progress: (SendStatus) -> Void) throws {
        if load.isPlain {
            _ = try clients[0].send(isInterrupted: { Signals.isInterrupted }, progress: progress) { buffer in
                try input.read(into: buffer)
            }
            return
        }
        for client in clients { client.start() }
        var failure: (any Error)?
        do { try feed(input, progress) } catch { failure = error }
        for client in clients { client.finish(drainTime: Signals.isInterrupted ? .seconds(10) : nil) }
        for client in clients {
            do throws(SendFault) {
                _ = try client.wait(isInterrupted: { Signals.isInterrupted ? .seconds(10) : nil })
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    private func feed(_ input: SendInput, _ progress: (SendStatus) -> Void) throws {
        let chunker = LineChunker()
        let start = NIODeadline.now()
        var dueCount = 0
        var restOfHead = headLineCount
        var shown = status
        while !Signals.isInterrupted, let lines = try chunker.next({ try input.read(into: $0) }) {
            var bytes = lines.bytes
            var lineCount = lines.lineCount
            while lineCount > 0 {
                if restOfHead > 0 {
                    let head = bytes.readLines(1)
                    for client in clients {
                        guard offer(head, 1, to: client, nil) else { return }
                    }
                    (restOfHead, lineCount) = (restOfHead - 1, lineCount - 1)
                    continue
                }
                let count = min(lineCount, linesOfTick)
                let dueAt = waitUntilDue(dueCount, since: start)
                guard offer(bytes.readLines(count), count, dueAt) else { return }
                (dueCount, lineCount) = (dueCount + count, lineCount - count)
            }
            // What all together did costs too much to add up each time.
            shown.lineCount = UInt64(dueCount)
            progress(shown)
        }
    }

    private var linesOfTick: Int {
        guard let rate = load.rate else { return .max }
        return max(1, Int(Int64(rate) * SendLoad.tick / 1_000_000_000))
    }

    /// When the line with that number is due; waits until then.
    private func waitUntilDue(_ number: Int, since start: NIODeadline) -> NIODeadline? {
        guard let rate = load.rate else { return load.latency ? .now() : nil }
        let (seconds, rest) = number.quotientAndRemainder(dividingBy: rate)
        let dueAt = start + .seconds(Int64(seconds)) + .nanoseconds(Int64(rest) * 1_000_000_000 / Int64(rate))
        let wait = (dueAt - .now()).nanoseconds
        if wait > 0 {
            var time = timespec(tv_sec: Int(wait / 1_000_000_000), tv_nsec: Int(wait % 1_000_000_000))
            nanosleep(&time, nil)
        }
        return dueAt
    }

    /// Offers each client the lines of its devices.
    private func offer(_ lines: ByteBuffer, _ count: Int, _ dueAt: NIODeadline?) -> Bool {
        if clients.count == 1 { return offer(lines, count, to: clients[0], dueAt) }
        let parts = split.parts(of: lines, count: clients.count)
        for (part, client) in zip(parts, clients) where part.lineCount > 0 {
            guard offer(part.lines, part.lineCount, to: client, dueAt) else { return false }
        }
        return true
    }

    private func offer(_ lines: ByteBuffer, _ count: Int, to client: LineClient, _ dueAt: NIODeadline?) -> Bool {
        client.offer(
            LineChunker.Lines(bytes: lines, lineCount: count),
            dueAt: dueAt,
            isInterrupted: { Signals.isInterrupted }
        )
    }
}

extension ByteBuffer {
    /// Takes the next lines out; there are as many.
    fileprivate mutating func readLines(_ count: Int) -> ByteBuffer {
        let length = withUnsafeReadableBytes { bytes in
            if count == .max { return bytes.count }
            var offset = 0
            for _ in 0..<count {
                guard let base = bytes.baseAddress, offset < bytes.count,
                    let end = memchr(base + offset, CInt(UInt8(ascii: "\n")), bytes.count - offset)
                else { break }
                offset = UnsafeRawPointer(end) - base + 1
            }
            return offset
        }
        return readSlice(length: length) ?? ByteBuffer()
    }
}
