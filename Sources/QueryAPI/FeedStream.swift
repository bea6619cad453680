internal import Hummingbird
internal import MeterModel
internal import NIOCore

/// One reader of the live feed: server-sent events (WHATWG HTML, section 9.2), written one piece after the other.
///
/// The `id` is a position, and is told only with the last item of that position, so that who resumes from it misses
/// nothing; he may get items of one position again. Nothing is queued for a reader: he is given what the ring holds
/// when he has taken the piece before, and is let go where the ring has gone on without him.
struct FeedStream: Sendable {
    let feed: any LiveFeed
    /// Whose items are wanted.
    let wants: @Sendable (String) -> Bool
    let heartbeat: Duration
    let pieceItemCount: Int
    /// Ends with the server's work.
    let closing: Closing

    private enum Signal { case news, beat }

    /// Writes until the reader or the feed goes away.
    @concurrent
    func write(after position: Position, to writer: inout any ResponseBodyWriter) async throws {
        let (signals, source) = AsyncStream.makeStream(of: Signal.self, bufferingPolicy: .bufferingNewest(1))
        let heartbeat = heartbeat
        let closing = closing
        // Before the first look, so that nothing falls in between.
        let wakeups = feed.wakeups()
        let listening = Task {
            for await _ in wakeups { source.yield(.news) }
            source.finish()
        }
        let beating = Task {
            while (try? await Task.sleep(for: heartbeat)) != nil { source.yield(.beat) }
        }
        let ending = Task {
            await closing.wait()
            source.finish()
        }
        defer { for task in [listening, beating, ending] { task.cancel() } }
        var cursor = FeedCursor(after: position)
        // Something at once, so that the reader knows that he is connected.
        try await writer.write(ByteBuffer(string: ": \(feed.position.rawValue)\n\n"))
        guard try await writeNews(&cursor, isFirst: true, to: &writer) else { return }
        var told = position
        for await signal in signals {
            guard try await writeNews(&cursor, isFirst: false, to: &writer) else { return }
            guard case .beat = signal else { continue }
            // An id without data moves the reader on, though nothing of his happened.
            let id = cursor.position > told ? "id: \(cursor.position.rawValue)\n" : ""
            told = cursor.position
            try await writer.write(ByteBuffer(string: ": heartbeat\n\(id)\n"))
        }
    }

    /// Writes what is there.
    ///
    /// - Returns: false where the reader was too slow and is to be let go.
    @concurrent
    private func writeNews(
        _ cursor: inout FeedCursor,
        isFirst: Bool,
        to writer: inout any ResponseBodyWriter
    ) async throws -> Bool {
        var isFirst = isFirst
        while true {
            let asked = cursor.position
            switch feed.read(&cursor, maximumCount: pieceItemCount) {
            case .gap(let through):
                try await writer.write(ByteBuffer(bytes: gap(after: asked, through: through)))
                if !isFirst { return false }
            case .items(let entries, _):
                if entries.isEmpty { return true }
                let bytes = events(entries)
                if !bytes.isEmpty { try await writer.write(ByteBuffer(bytes: bytes)) }
            }
            isFirst = false
        }
    }

    private func gap(after position: Position, through: Position) -> [UInt8] {
        let data = JSONText.object([("after", position.json), ("through", through.json)])
        return Array("event: gap\nid: \(through.rawValue)\ndata: ".utf8) + data.bytes + Array("\n\n".utf8)
    }

    private func events(_ entries: [FeedPiece.Entry]) -> [UInt8] {
        var bytes: [UInt8] = []
        var needsID = false
        for entry in entries {
            let id = "id: \(entry.item.position.rawValue)\n"
            if wants(entry.item.device) {
                bytes.append(contentsOf: "event: \(entry.item.kind.rawValue)\n".utf8)
                if entry.isLast { bytes.append(contentsOf: id.utf8) }
                bytes.append(contentsOf: "data: ".utf8)
                bytes.append(contentsOf: entry.item.data)
                bytes.append(contentsOf: "\n\n".utf8)
                needsID = !entry.isLast
            } else if entry.isLast, needsID {
                bytes.append(contentsOf: "\(id)\n".utf8)
                needsID = false
            }
        }
        return bytes
    }
}
