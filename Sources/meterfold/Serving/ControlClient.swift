import ArgumentParser
import AsyncHTTPClient
import Foundation
import Glibc
import Ingest
import NIOCore
import NIOHTTP1

/// Hands commands to the server that holds the data directory, and says what it says.
struct ControlClient {
    private let socket: ControlSocket
    private let directory: DataDirectory

    /// Nil where no server holds the directory.
    init?(_ directory: DataDirectory) {
        guard directory.exists, let socket = ControlSocket(directory), socket.isServed else { return nil }
        self.socket = socket
        self.directory = directory
    }

    private struct Answer: Decodable {
        var exitCode: Int32
        var out: String
        var err: String
    }

    /// The longest answer, in bytes.
    private static let maximumAnswerByteCount = 1 << 30

    // MARK: Commands

    func topUp(_ words: PaymentWords) async throws {
        var arguments = [("device", words.device), ("amount", words.amount), ("reference", words.reference)]
        arguments.append(("provider", words.provider))
        if let currency = words.currency { arguments.append(("currency", currency)) }
        if let at = words.at { arguments.append(("at", at)) }
        try end(try await run("topup", arguments))
    }

    func apply(_ work: ApplyWork, asks ask: (() -> Bool)?) async throws {
        var arguments: [(String, String)] = [("format", work.format.rawValue)]
        var bytes: [UInt8] = []
        for file in work.files {
            let text: String
            do throws(FleetFault) { text = try file.text.get() } catch {
                throw Failure(
                    place: file.name,
                    cause: error.text,
                    hint: "nothing was changed; mend what is named and apply again"
                )
            }
            arguments.append(("file", file.name))
            arguments.append(("bytes", String(text.utf8.count)))
            bytes.append(contentsOf: text.utf8)
        }
        if work.isDryRun { arguments.append(("dryRun", "1")) }
        let confirmed = arguments + [("yes", "1")]
        let body = ByteBuffer(bytes: bytes)
        var answer = try await run("apply", work.isConfirmed ? confirmed : arguments, .bytes(body))
        if answer.exitCode == ControlExit.needsConfirmation {
            guard let ask else {
                answer.exitCode = 1
                return try end(answer)
            }
            Terminal.write(errorText: answer.out)
            guard ask() else { throw ApplyWork.refused }
            answer = try await run("apply", confirmed, .bytes(body))
        }
        try end(answer)
    }

    func drainPushes() async throws { try end(try await run("push-drain", [])) }

    func rebuild() async throws { try end(try await run("rebuild", [])) }

    /// Sends one input.
    ///
    /// - Parameters:
    ///   - file: a path, or `-`.
    ///   - words: how it is read, by the names of `InputOptions.wordNames`.
    ///   - profile: the YAML of a profile that does not come with the program.
    ///   - logOnly: whether the views are left for later.
    ///   - progress: is told how far it is.
    /// - Returns: what the server did, what went wrong on the way, and where the input is damaged.
    /// - Throws: `Failure` where the server cannot be asked.
    func ingest(
        _ file: String,
        _ words: [(String, String)],
        profile: [UInt8]?,
        logOnly: Bool,
        _ progress: IngestProgress
    ) async throws -> (answer: IngestAnswer?, failure: String?, damage: SourceBytes.Damage?) {
        var arguments = words
        arguments.append(("source", file))
        if let profile { arguments.append(("profileBytes", String(profile.count))) }
        if logOnly { arguments.append(("logOnly", "1")) }
        let input: SourceBytes
        do throws(InputFault) { input = try SourceBytes(path: file, after: profile ?? [], progress) } catch {
            throw Failure(error)
        }
        let answer = try await run("ingest", arguments, .stream(input, length: .unknown))
        input.end()
        var failure: String? = answer.err.isEmpty ? nil : answer.err
        if case .unreadable? = input.fault { failure = input.fault.map { Failure($0).description + "\n" } }
        return (answer.out.isEmpty ? nil : try IngestAnswer(answer.out), failure, input.damage)
    }

    // MARK: The way there

    private func run(
        _ command: String,
        _ arguments: [(String, String)],
        _ body: HTTPClientRequest.Body? = nil
    ) async throws -> Answer {
        var components = URLComponents()
        components.path = "/control/\(command)"
        components.queryItems = arguments.map { URLQueryItem(name: $0.0, value: $0.1) }
        // A plus is a blank to whoever reads a query as a form.
        let query = (components.percentEncodedQuery ?? "").replacingOccurrences(of: "+", with: "%2B")
        guard let url = URL(httpURLWithSocketPath: socket.path, uri: components.percentEncodedPath + "?" + query) else {
            throw Failure(place: command, cause: "its arguments cannot be sent", hint: "")
        }
        var configuration = HTTPClient.Configuration()
        // A rebuild takes as long as it takes.
        configuration.timeout = .init(connect: .seconds(10), read: nil)
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            var request = HTTPClientRequest(url: url.absoluteString)
            request.method = .POST
            request.body = body
            let response = try await client.execute(request, deadline: .distantFuture)
            let bytes = try await response.body.collect(upTo: ControlClient.maximumAnswerByteCount)
            try await client.shutdown()
            guard response.status == .ok else {
                throw Failure(
                    place: "server",
                    cause: String(buffer: bytes).prefix(400).description,
                    hint: "the server holds \(directory.path); see its log"
                )
            }
            return try JSONDecoder().decode(Answer.self, from: Data(bytes.readableBytesView))
        } catch let error as Failure {
            throw error
        } catch {
            try? await client.shutdown()
            throw Failure(
                place: "\(directory.path)/control.sock",
                cause: "\(error)",
                hint: "the server may have ended meanwhile; run the command again"
            )
        }
    }

    private func show(_ answer: Answer) {
        var out = answer.out
        out.withUTF8 { Terminal.write(UnsafeRawBufferPointer($0)) }
        Terminal.write(errorText: answer.err)
    }

    private func end(_ answer: Answer) throws {
        // Said as by the command itself, with its usage.
        if answer.exitCode == EX_USAGE { throw ValidationError(answer.err.trimmingCharacters(in: .newlines)) }
        show(answer)
        if answer.exitCode != 0 { throw ExitCode(answer.exitCode) }
    }
}
