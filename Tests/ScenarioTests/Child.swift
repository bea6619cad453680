import Foundation
import Glibc
import Synchronization

/// What a program said and how it ended.
struct Outcome {
    /// Nil where a signal ended it.
    var exitCode: Int32?
    var signal: Int32?
    var output: String
    var errors: String

    var outputLines: [String] { output.split(separator: "\n").map(String.init) }
}

/// Why a program could not be run to its end.
struct ChildFault: Error, CustomStringConvertible {
    var description: String
}

/// A program running in a process of its own.
///
/// Invariants: what it writes goes to files, so that it never waits for us; its pipes close in every other child.
final class Child {
    let process: pid_t
    /// Where our end of its standard input is; -1 once closed.
    private var inputDescriptor: Int32
    /// Our end of its standard output, where that is a pipe that we read ourselves; else -1.
    let outputDescriptor: Int32
    private let outputPath: String
    private let errorPath: String
    private let what: String

    /// What its standard input is.
    enum Input {
        case nothing
        case file(String)
        /// Ours to write and to close.
        case pipe
    }

    /// Held from the making of a pipe until it is marked to be closed in children, and while a child is made.
    private static let spawning = Mutex(())

    /// Time after which a program is held to hang.
    static let patience = 60.0

    /// - Parameters:
    ///   - arguments: the program's path first.
    ///   - input: what its standard input is.
    ///   - folder: an existing folder for the two files of output.
    ///   - environment: variables beside our own.
    ///   - readsOutput: whether its standard output is a pipe of which `outputDescriptor` is our end.
    /// - Throws: `ChildFault` where it cannot be started.
    init(
        _ arguments: [String],
        input: Input,
        folder: String,
        environment: [String: String] = [:],
        readsOutput: Bool = false
    ) throws {
        signal(SIGPIPE, SIG_IGN)
        what = arguments.joined(separator: " ")
        let stem = "\(folder)/\(UUID().uuidString)"
        (outputPath, errorPath) = (stem + ".out", stem + ".err")
        (process, inputDescriptor, outputDescriptor) = try Child.spawning.withLock { [outputPath, errorPath] _ in
            try Child.spawn(arguments, input, environment, readsOutput ? nil : outputPath, errorPath)
        }
    }

    deinit {
        closeInput()
        if outputDescriptor >= 0 { close(outputDescriptor) }
    }

    /// Returns the process and our ends of its standard input and output, -1 where they are no pipes.
    private static func spawn(
        _ arguments: [String],
        _ input: Input,
        _ environment: [String: String],
        _ outputPath: String?,
        _ errorPath: String
    ) throws -> (process: pid_t, input: Int32, output: Int32) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var theirs: [Int32] = []
        defer { for end in theirs { close(end) } }
        var ours: (input: Int32, output: Int32) = (-1, -1)
        switch input {
        case .nothing: posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        case .file(let path): posix_spawn_file_actions_addopen(&actions, 0, path, O_RDONLY, 0)
        case .pipe:
            let (reading, writing) = try Child.pipe()
            posix_spawn_file_actions_adddup2(&actions, reading, 0)
            ours.input = writing
            theirs.append(reading)
        }
        if let outputPath {
            posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        } else {
            let (reading, writing) = try Child.pipe()
            posix_spawn_file_actions_adddup2(&actions, writing, 1)
            ours.output = reading
            theirs.append(writing)
        }
        posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
        return (try spawn(arguments, variables, &actions), ours.input, ours.output)
    }

    private static func spawn(
        _ arguments: [String],
        _ variables: [String],
        _ actions: inout posix_spawn_file_actions_t
    ) throws -> pid_t {
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { for pointer in argv + environment { free(pointer) } }
        // Threads of a test run hold signals back, and children inherit that.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var process: pid_t = 0
        let fault = posix_spawnp(&process, arguments[0], &actions, &attributes, &argv, &environment)
        guard fault == 0 else { throw ChildFault(description: "\(arguments[0]): \(String(cString: strerror(fault)))") }
        return process
    }

    private static func pipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else { throw ChildFault(description: "no pipe to be had") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// Writes to its standard input, as far as it still reads.
    func write(_ bytes: some Collection<UInt8>) {
        let bytes = Array(bytes)
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes { Glibc.write(inputDescriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            offset += count
        }
    }

    func closeInput() {
        if inputDescriptor >= 0 { close(inputDescriptor) }
        inputDescriptor = -1
    }

    func send(_ signal: Int32) { kill(process, signal) }

    /// Waits until it has ended.
    func wait(closingInput: Bool = true) throws -> Outcome {
        if closingInput { closeInput() }
        var status: Int32 = 0
        let start = ContinuousClock.now
        while true {
            let ended = waitpid(process, &status, WNOHANG)
            if ended == process { break }
            guard ended == 0 || errno == EINTR else { throw ChildFault(description: "\(what): lost") }
            if ContinuousClock.now - start > .seconds(Child.patience) {
                kill(process, SIGKILL)
                waitpid(process, &status, 0)
                throw ChildFault(description: "\(what): still running after \(Child.patience) s: \(read(errorPath))")
            }
            usleep(1000)
        }
        let signal = status & 0x7F
        return Outcome(
            exitCode: signal == 0 ? (status >> 8) & 0xFF : nil,
            signal: signal == 0 ? nil : signal,
            output: outputDescriptor < 0 ? read(outputPath) : "",
            errors: read(errorPath)
        )
    }

    /// What it has written to its standard error so far.
    var errorsSoFar: String { read(errorPath) }

    private func read(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}
