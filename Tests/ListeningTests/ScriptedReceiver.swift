import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A receiver of lines that behaves as a test says, also badly.
///
/// Invariants: what came in is kept connection by connection, in the order in which they were accepted.
final class ScriptedReceiver: Sendable {
    /// What it does upon something.
    enum Reply {
        case say(String)
        /// Closes behind what was said.
        case close
        /// Reads no further.
        case stopReading
    }

    /// One connection, as a script sees it.
    struct Seen {
        /// Counted from 0.
        var connection: Int
        /// Lines that came, the first line apart.
        var lines: [String] = []
        var firstLine = ""
        var hasEnded = false
        /// Answers `ok` for all lines so far.
        var ok: Reply { .say("ok \(lines.count) \(lines.count)") }
    }

    /// Asked after each line (the first line too, `lines` then being empty) and after the end.
    typealias Script = @Sendable (Seen) -> [Reply]

    private let script: Script
    private let seen = Mutex<[Seen]>([])
    private let server: any Channel
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    /// Acknowledges at the end alone, then closes.
    static let patient: Script = { $0.hasEnded ? [$0.ok, .close] : [] }

    init(tls: TLSConfiguration? = nil, port: Int = 0, _ script: @escaping Script) throws {
        self.script = script
        let context = try tls.map { try NIOSSLContext(configuration: $0) }
        let box = Box()
        self.box = box
        server = try ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    guard let receiver = box.owner.withLock({ $0 }) else { throw ChannelError.eof }
                    try channel.pipeline.syncOperations.addHandler(ScriptedConnection(receiver))
                }
            }
            .bind(host: "127.0.0.1", port: port).wait()
        box.owner.withLock { $0 = self }
    }

    private final class Box: Sendable {
        let owner = Mutex<ScriptedReceiver?>(nil)
    }

    private let box: Box

    var port: Int { server.localAddress?.port ?? 0 }

    /// What came in so far, connection by connection.
    var connections: [Seen] { seen.withLock { $0 } }

    func stop() {
        box.owner.withLock { $0 = nil }
        try? group.syncShutdownGracefully()
    }

    fileprivate func opened() -> Int {
        seen.withLock { seen in
            seen.append(Seen(connection: seen.count))
            return seen.count - 1
        }
    }

    fileprivate func note(_ connection: Int, _ change: (inout Seen) -> Void) -> [Reply] {
        let now = seen.withLock { seen in
            change(&seen[connection])
            return seen[connection]
        }
        return script(now)
    }
}

private final class ScriptedConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let receiver: ScriptedReceiver
    private var connection = 0
    private var rest = ""
    private var isClosed = false

    init(_ receiver: ScriptedReceiver) { self.receiver = receiver }

    func channelActive(context: ChannelHandlerContext) { connection = receiver.opened() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        rest += String(buffer: unwrapInboundIn(data))
        while let end = rest.utf8.firstIndex(of: 0x0A), !isClosed {
            let line = String(rest[..<end])
            rest = String(rest[rest.utf8.index(after: end)...])
            let replies = receiver.note(connection) { seen in
                if seen.firstLine.isEmpty { seen.firstLine = line } else { seen.lines.append(line) }
            }
            obey(replies, context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return }
        obey(receiver.note(connection) { $0.hasEnded = true }, context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func obey(_ replies: [ScriptedReceiver.Reply], _ context: ChannelHandlerContext) {
        for reply in replies where !isClosed {
            switch reply {
            case .say(let text): context.writeAndFlush(NIOAny(ByteBuffer(string: text + "\n")), promise: nil)
            case .close:
                isClosed = true
                context.close(promise: nil)
            case .stopReading: context.channel.setOption(.autoRead, value: false).whenFailure { _ in }
            }
        }
    }
}
