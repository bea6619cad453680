import Foundation
import Ingest
import NIOCore
import NIOPosix
import Synchronization
import TestStage
import Testing

@testable import Listening

/// TLS, the end of a listener, and senders that go on after it.
@Suite struct LineListenerEndTests {
    private static let greeting = LineListenerTests.greeting

    private static func lines(_ device: String, _ numbers: Range<Int>) -> String {
        LineListenerTests.lines(device, numbers)
    }

    @Test func `Over TLS it is the same, and the end of sending gets its last answer`() async throws {
        try await LiveReceiver.running { receiver in
            receiver.tls = true
        } _: { receiver in
            let sender = try await RawSender(receiver.port, tls: true)
            try await sender.send(Self.greeting + Self.lines("E-1", 0..<10))
            try await sender.wait(for: "ok 10 10")
            try await sender.send(Self.lines("E-1", 10..<5000) + Self.lines("E-1", 5000..<5001).dropLast())
            #expect(try await sender.answers().last == "ok 5001 5001")
            #expect(try receiver.logged().count == 5001)
            let plain = try await RawSender(receiver.port)
            try await plain.send(Self.lines("E-2", 0..<1))
            _ = try await plain.end()
            #expect(try receiver.logged().count == 5001)
        }
    }

    @Test func `Drained, it answers everything it has read`() async throws {
        try await LiveReceiver.running { receiver in
            let senders = try await withThrowingTaskGroup(of: RawSender.self) { group in
                for i in 0..<20 {
                    group.addTask {
                        let sender = try await RawSender(receiver.port)
                        try await sender.send(Self.greeting + Self.lines("E-\(i)", 0..<500))
                        return sender
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            try await waitUntil("all are taken") { receiver.listener?.figures.acceptedCount == 20 }
            await receiver.listener?.drain(within: .seconds(300))
            #expect(receiver.listener?.figures.openCount == 0)
            let counts = Dictionary(grouping: try receiver.logged(), by: \.device).mapValues(\.count)
            var answered = 0
            for sender in senders {
                let answers = try await sender.end()
                // Where the first line was not read yet nobody is known to want an answer.
                guard let last = answers.last else { continue }
                #expect(last.hasPrefix("err 0 shutting-down "), "\(last)")
                let ok = answers.last { $0.hasPrefix("ok ") }?.split(separator: " ").last.flatMap { Int($0) }
                answered += ok ?? 0
            }
            #expect(answered == counts.values.reduce(0, +))
            // The port is free for others: whoever takes it, this one takes nobody.
            if let late = try? await RawSender(receiver.port) { _ = try? await late.answers() }
            #expect(receiver.listener?.figures.acceptedCount == 20)
        }
    }

    @Test func `Sent on after the last acknowledgement, a line may come twice`() async throws {
        let receiver = try LiveReceiver()
        try await receiver.start()
        let first = try await RawSender(receiver.port)
        try await first.send(Self.greeting + Self.lines("E-1", 0..<5))
        try await first.wait(for: "ok 5 5")
        try await first.send(Self.lines("E-1", 5..<8))
        await receiver.stop()
        await first.close()
        let port = receiver.port
        try await receiver.start()
        #expect(receiver.port == port)
        let second = try await RawSender(receiver.port)
        try await second.send(Self.greeting + Self.lines("E-1", 5..<12))
        let answer = try #require(try await second.answers().last)
        #expect(answer.hasSuffix(" 7"))
        let logged = try receiver.logged()
        #expect(answer == "ok \(logged.count) 7")
        #expect((12...15).contains(logged.count))
        #expect(Set(logged.map { $0.value / 1_000_000 }) == Set(0..<12))
        await receiver.stop()
    }

    @Test func `A client sends on when the listener is there again`() async throws {
        let receiver = try LiveReceiver()
        try await receiver.start()
        let count = 20_000
        var options = LineClientOptions(address: LineClientAddress(host: "127.0.0.1", port: receiver.port))
        options.keys = [("utility", "electricity")]
        options.retryFor = .minutes(10)
        options.windowByteLimit = 64 << 10
        let client = try LineClient(options)
        let receiverHasStopped = Flag()
        let task = Task.detached {
            let text = Array(Self.lines("E-1", 0..<count).utf8)
            return try await onThread {
                var rest = text[...]
                return try client.send { buffer in
                    let count = min(4096, buffer.count, rest.count)
                    buffer.copyBytes(from: rest.prefix(count))
                    rest = rest.dropFirst(count)
                    // There is something left to send when the listener ends.
                    while rest.count < text.count / 2, !receiverHasStopped.isSet { usleep(1000) }
                    return count
                }
            }
        }
        try await waitUntil("some lines are durable") { client.status.ackedLine > 100 }
        await receiver.stop()
        #expect(!client.isOver)
        receiverHasStopped.set()
        try await receiver.start()
        let status = try await task.value
        #expect(status.ackedLine == UInt64(count) && status.refusedCount == 0)
        #expect(status.reconnectCount > 0)
        let logged = try receiver.logged()
        #expect(Set(logged.map { $0.value / 1_000_000 }) == Set(0..<Int64(count)))
        #expect(status.lastPosition == UInt64(logged.count))
        await receiver.stop()
    }
}

/// Something that has come about, told from one thread to another.
private final class Flag: Sendable {
    private let value = Atomic(false)

    var isSet: Bool { value.load(ordering: .acquiring) }

    func set() { value.store(true, ordering: .releasing) }
}

/// Runs what blocks on a thread of its own.
private func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}
