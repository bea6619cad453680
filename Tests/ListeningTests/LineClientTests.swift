import NIOCore
import NIOSSL
import Synchronization
import Testing

@testable import Listening

@Suite struct LineClientTests {
    /// A client's run against a receiver.
    private struct Run {
        var status = SendStatus()
        var fault: SendFault?
        var events: [SendEvent] = []
        var refusals: [SendRefusal] {
            events.compactMap { if case .refused(let refusal) = $0 { refusal } else { nil } }
        }
    }

    /// Sends a text, some bytes a read.
    private static func send(
        _ text: String,
        to receiver: ScriptedReceiver,
        piece: Int = 10,
        _ configure: (inout LineClientOptions) -> Void = { _ in }
    ) throws -> Run {
        var options = LineClientOptions(address: LineClientAddress(host: "127.0.0.1", port: receiver.port))
        options.retryFor = .minutes(10)
        configure(&options)
        let events = Events()
        let client = try LineClient(options) { event in events.all.withLock { $0.append(event) } }
        var rest = Array(text.utf8)[...]
        var run = Run()
        do {
            run.status = try client.send { buffer in
                let count = min(piece, buffer.count, rest.count)
                buffer.copyBytes(from: rest.prefix(count))
                rest = rest.dropFirst(count)
                return count
            }
        } catch let fault as SendFault {
            run.fault = fault
            run.status = client.status
        }
        run.events = events.all.withLock { $0 }
        return run
    }

    private final class Events: Sendable { let all = Mutex<[SendEvent]>([]) }

    private static func lines(_ numbers: ClosedRange<Int>) -> [String] { numbers.map { "line-\($0)" } }
    private static func text(_ numbers: ClosedRange<Int>) -> String { lines(numbers).joined(separator: "\n") + "\n" }

    @Test func `Everything arrives, once, and is acknowledged`() throws {
        let receiver = try ScriptedReceiver(ScriptedReceiver.patient)
        defer { receiver.stop() }
        let run = try Self.send(Self.text(1...1000) + "last", to: receiver, piece: 777) {
            $0.keys = [("token", "t"), ("format", "line-protocol")]
        }
        #expect(run.fault == nil)
        let seen = receiver.connections
        #expect(seen.count == 1)
        #expect(seen.first?.firstLine == #"meterfold/1 {"ack":true,"token":"t","format":"line-protocol"}"#)
        #expect(seen.first?.lines == Self.lines(1...1000) + ["last"])
        #expect(run.status.ackedLine == 1001 && run.status.lineCount == 1001)
        #expect(run.status.lastPosition == 1001 && run.status.reconnectCount == 0)
        #expect(run.events.isEmpty)
    }

    @Test func `Nothing to send is no fault`() throws {
        let receiver = try ScriptedReceiver { $0.hasEnded ? [.close] : [] }
        defer { receiver.stop() }
        let run = try Self.send("", to: receiver)
        #expect(run.fault == nil && run.status == SendStatus())
        #expect(receiver.connections.first?.lines == [])
    }

    /// Every seventh line is acknowledged; a connection breaks after some lines, whether acknowledged or not.
    @Test(arguments: [1, 5, 7, 20]) func `Resumes behind the last acknowledgement`(_ breaking: Int) throws {
        let receiver = try ScriptedReceiver { seen in
            let count = seen.lines.count
            if seen.hasEnded { return [.say("ok 9 \(count)"), .close] }
            if count == breaking, seen.connection < 4 { return [.close] }
            return count % 7 == 0 && count > 0 ? [.say("ok 9 \(count)")] : []
        }
        defer { receiver.stop() }
        let run = try Self.send(Self.text(1...100), to: receiver)
        #expect(run.fault == nil)
        #expect(run.status.ackedLine == 100)
        #expect(run.status.reconnectCount == 4)
        let seen = receiver.connections
        try #require(seen.count == 5)
        var next = 1
        for one in seen {
            #expect(one.lines == Array(Self.lines(1...100)[(next - 1)...].prefix(one.lines.count)))
            next += one.connection < 4 ? (breaking - 1) / 7 * 7 : one.lines.count
        }
        #expect(next == 101)
    }

    @Test func `A header goes at the head of each connection, and lines keep their numbers`() throws {
        let receiver = try ScriptedReceiver { seen in
            let count = seen.lines.count
            if seen.hasEnded { return [seen.ok, .close] }
            // Of the first connection line 4 of the source is refused twice, being unacknowledged the first time.
            if seen.connection == 0, count == 3 { return [.say("ok 3 3")] }
            if seen.connection == 0, count == 4 { return [.say("err 4 bad-csv no"), .close] }
            if seen.connection == 1, count == 2 { return [.say("err 2 bad-csv no")] }
            if seen.connection == 1, count == 4 { return [.say("err 4 unknown-device who"), seen.ok] }
            return []
        }
        defer { receiver.stop() }
        let run = try Self.send("header\n" + Self.text(2...9), to: receiver) { $0.headLineCount = 1 }
        #expect(run.fault == nil)
        let seen = receiver.connections
        try #require(seen.count == 2)
        #expect(Array(seen[0].lines.prefix(4)) == ["header"] + Self.lines(2...4))
        #expect(seen[1].lines == ["header"] + Self.lines(4...9))
        #expect(
            run.refusals == [
                SendRefusal(line: 4, code: "bad-csv", text: "no"),
                SendRefusal(line: 6, code: "unknown-device", text: "who"),
            ]
        )
        #expect(run.status.refusals == ["bad-csv": 1, "unknown-device": 1])
        #expect(run.status.ackedLine == 9)
    }

    @Test func `A header alone is answered too`() throws {
        let receiver = try ScriptedReceiver { seen in
            seen.hasEnded ? [.say("err 1 bad-csv a column is missing"), .say("ok 0 1"), .close] : []
        }
        defer { receiver.stop() }
        let run = try Self.send("header", to: receiver) { $0.headLineCount = 1 }
        #expect(run.refusals == [SendRefusal(line: 1, code: "bad-csv", text: "a column is missing")])
        #expect(run.status.ackedLine == 1)
    }

    @Test func `A wrong token ends it, a full receiver does not`() throws {
        let refusing = try ScriptedReceiver { _ in [.say("err 0 unauthorized it was revoked"), .close] }
        defer { refusing.stop() }
        let refused = try Self.send(Self.text(1...10), to: refusing)
        #expect(refused.fault == .rejected(code: "unauthorized", text: "it was revoked"))
        #expect(refusing.connections.count == 1)

        let busy = try ScriptedReceiver { seen in
            if seen.connection < 2 { return [.say("err 0 too-many-connections later"), .close] }
            return ScriptedReceiver.patient(seen)
        }
        defer { busy.stop() }
        let run = try Self.send(Self.text(1...10), to: busy)
        #expect(run.fault == nil && run.status.ackedLine == 10)
        let reasons = run.events.compactMap { if case .lost(let reason, _) = $0 { reason } else { nil } }
        #expect(reasons == ["too-many-connections: later", "too-many-connections: later"])
    }

    @Test func `Who speaks another protocol is told from a receiver`() throws {
        let web = try ScriptedReceiver { _ in [.say("HTTP/1.1 400 Bad Request"), .close] }
        defer { web.stop() }
        #expect(try Self.send("a\n", to: web).fault == .notUnderstood("it says 'HTTP/1.1 400 Bad Request'"))
        let liar = try ScriptedReceiver { $0.lines.isEmpty ? [] : [.say("ok 5 999")] }
        defer { liar.stop() }
        guard case .notUnderstood = try Self.send("a\nb\n", to: liar).fault else {
            Issue.record("an acknowledgement of what was not sent passes")
            return
        }
    }

    @Test func `Gives up where nobody listens, after the attempts allowed`() throws {
        let receiver = try ScriptedReceiver(ScriptedReceiver.patient)
        let port = receiver.port
        receiver.stop()
        var options = LineClientOptions(address: LineClientAddress(host: "127.0.0.1", port: port))
        options.maximumAttemptCount = 3
        let events = Events()
        let client = try LineClient(options) { event in events.all.withLock { $0.append(event) } }
        var isFirst = true
        let fault = #expect(throws: SendFault.self) {
            _ = try client.send { buffer in
                defer { isFirst = false }
                buffer.copyBytes(from: "a\n".utf8)
                return isFirst ? 2 : 0
            }
        }
        #expect(fault == .unreachable("Connection refused"))
        #expect(events.all.withLock { $0.count } == 3)
    }

    @Test func `A silent receiver is left, and what it did not answer is sent again`() throws {
        let receiver = try ScriptedReceiver { seen in
            seen.connection == 0 ? [] : ScriptedReceiver.patient(seen)
        }
        defer { receiver.stop() }
        let run = try Self.send(Self.text(1...10), to: receiver) { $0.patience = .milliseconds(100) }
        #expect(run.fault == nil && run.status.reconnectCount >= 1)
        #expect(receiver.connections.last?.lines == Self.lines(1...10))
    }

    @Test func `A full window stops the source until there is room`() throws {
        let receiver = try ScriptedReceiver { seen in
            if seen.hasEnded { return [seen.ok, .close] }
            return seen.lines.count % 50 == 0 && !seen.lines.isEmpty ? [seen.ok] : []
        }
        defer { receiver.stop() }
        let run = try Self.send(Self.text(1...5000), to: receiver, piece: 500) { $0.windowByteLimit = 2000 }
        #expect(run.fault == nil && run.status.ackedLine == 5000)
        #expect(receiver.connections.first?.lines == Self.lines(1...5000))
    }

    @Test func `Without acknowledgements it ends once all is written`() throws {
        let receiver = try ScriptedReceiver { $0.hasEnded ? [.close] : [] }
        defer { receiver.stop() }
        let run = try Self.send(Self.text(1...1000), to: receiver, piece: 1000) { $0.isAcknowledged = false }
        #expect(run.fault == nil && run.status.ackedLine == 1000 && run.status.lastPosition == nil)
        #expect(receiver.connections.first?.firstLine == #"meterfold/1 {"ack":false}"#)
        #expect(receiver.connections.first?.lines == Self.lines(1...1000))
    }

    @Test func `Interrupted, it drops the unfinished line and waits for the others`() throws {
        let receiver = try ScriptedReceiver(ScriptedReceiver.patient)
        defer { receiver.stop() }
        let client = try LineClient(
            LineClientOptions(address: LineClientAddress(host: "127.0.0.1", port: receiver.port))
        )
        var isInterrupted = false
        let status = try client.send(isInterrupted: { isInterrupted }) { buffer in
            let text = "a\nb\nunfinis"
            buffer.copyBytes(from: text.utf8)
            isInterrupted = true
            return text.utf8.count
        }
        #expect(status.ackedLine == 2)
        #expect(receiver.connections.first?.lines == ["a", "b"])
    }

    @Test func `Interrupted, it waits no longer than it may`() throws {
        let receiver = try ScriptedReceiver { _ in [] }
        defer { receiver.stop() }
        let client = try LineClient(
            LineClientOptions(address: LineClientAddress(host: "127.0.0.1", port: receiver.port))
        )
        var isInterrupted = false
        #expect(throws: SendFault.notDrained) {
            _ = try client.send(isInterrupted: { isInterrupted }, drainTime: .milliseconds(50)) { buffer in
                buffer.copyBytes(from: "a\n".utf8)
                isInterrupted = true
                return 2
            }
        }
    }

    @Test func `What the source throws comes out once the lines before are safe`() throws {
        struct Broken: Error {}
        let receiver = try ScriptedReceiver(ScriptedReceiver.patient)
        defer { receiver.stop() }
        let client = try LineClient(
            LineClientOptions(address: LineClientAddress(host: "127.0.0.1", port: receiver.port))
        )
        var isFirst = true
        #expect(throws: Broken.self) {
            _ = try client.send { buffer in
                guard isFirst else { throw Broken() }
                isFirst = false
                buffer.copyBytes(from: "a\nb".utf8)
                return 3
            }
        }
        #expect(client.status.ackedLine == 1)
    }
}
