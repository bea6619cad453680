import Foundation
import Glibc
import Testing

/// `meterfold serve` on a scenario's data directory, on ports of its own; killed when it is let go.
final class Server {
    let child: Child
    let tcp: Int
    let http: Int
    private var hasEnded = false

    /// Waits until it says where it listens.
    ///
    /// - Parameters:
    ///   - scenario: whose data directory is served.
    ///   - tcp: the port for lines; 0 picks one.
    ///   - arguments: further ones.
    /// - Throws: `ChildFault` where it does not come to listen.
    init(_ scenario: Scenario, tcp: Int = 0, _ arguments: [String] = []) throws {
        let listen = ["serve", "--tcp", "127.0.0.1:\(tcp)", "--http", "127.0.0.1:0"]
        child = try scenario.start(listen + arguments, readsOutput: true)
        var line = ""
        let start = ContinuousClock.now
        while !line.hasSuffix("\n"), ContinuousClock.now - start < .seconds(Child.patience) {
            var poll = pollfd(fd: child.outputDescriptor, events: Int16(POLLIN), revents: 0)
            guard Glibc.poll(&poll, 1, 1000) > 0 else { continue }
            var byte: UInt8 = 0
            guard read(child.outputDescriptor, &byte, 1) == 1 else { break }
            line.append(Character(UnicodeScalar(byte)))
        }
        func port(_ name: String) -> Int? {
            line.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix(name) }
                .flatMap { $0.split(separator: ":").last }.flatMap { Int($0) }
        }
        guard line.hasPrefix("listening "), let tcp = port("tcp="), let http = port("http=") else {
            child.send(SIGKILL)
            let outcome = try child.wait()
            throw ChildFault(description: "serve does not listen: '\(line)' \(outcome.errors)")
        }
        (self.tcp, self.http) = (tcp, http)
    }

    deinit { if !hasEnded { _ = try? end(by: SIGKILL) } }

    /// Ends it in order and checks that it says so.
    @discardableResult
    func stop(sourceLocation: SourceLocation = #_sourceLocation) throws -> Outcome {
        let outcome = try end(by: SIGTERM)
        #expect(outcome.exitCode == 0, "\(outcome.errors)", sourceLocation: sourceLocation)
        return outcome
    }

    /// Ends it as a failure of power would, as far as a process can be.
    @discardableResult
    func kill() throws -> Outcome {
        let outcome = try end(by: SIGKILL)
        #expect(outcome.signal == SIGKILL)
        return outcome
    }

    private func end(by signal: Int32) throws -> Outcome {
        hasEnded = true
        child.send(signal)
        return try child.wait()
    }

    // MARK: Lines

    func connect() throws -> Wire { try Wire(port: tcp) }

    /// Sends lines with a first line that asks for acks, ends, and returns the answers.
    func converse(_ lines: String, greeting: String = #"{"ack":true}"#) throws -> [String] {
        let wire = try connect()
        wire.send("meterfold/1 \(greeting)\n" + lines)
        wire.endSending()
        return try wire.readLines()
    }

    // MARK: HTTP

    func get(_ target: String, headers: [String: String] = [:]) throws -> Answer {
        try Wire.ask("GET", target, port: http, headers: headers)
    }

    func post(_ target: String, _ body: String, headers: [String: String] = [:]) throws -> Answer {
        try Wire.ask("POST", target, port: http, headers: headers, body: Array(body.utf8))
    }

    /// The value of a metric, by its name and labels as they are printed.
    func metric(_ name: String) throws -> String? {
        let lines = try get("/metrics").body.split(separator: "\n")
        return lines.first { $0.hasPrefix(name + " ") }.flatMap { $0.split(separator: " ").last }.map(String.init)
    }
}

extension Scenario {
    /// Who recorded the events of the log, days that turned aside.
    func recorders(_ arguments: String...) throws -> [String] {
        let outcome = try run(["replay", "--with-record"] + arguments)
        expect(exit: 0, outcome)
        return try outcome.outputLines.map { try Row($0) }.filter { $0["event"] != "DayTurned" }.map {
            try Row($0[json: "record"] ?? "{}")["recordedBy"] ?? "nobody"
        }
    }
}

/// Waits until something is so; false after `seconds`.
func eventually(within seconds: Int = 30, _ isSo: () throws -> Bool) rethrows -> Bool {
    let start = ContinuousClock.now
    while ContinuousClock.now - start < .seconds(seconds) {
        if try isSo() { return true }
        usleep(20_000)
    }
    return try isSo()
}
