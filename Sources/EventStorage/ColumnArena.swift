/// Memory for what a batch of columns holds: taken piece by piece, given back all at once.
///
/// Invariants: pieces lie in `chunks[..<used]` or the front of `chunks[used]`; they stay where they are until `reset`,
/// which keeps the memory for the next batch.
struct ColumnArena: ~Copyable {
    private var chunks: [UnsafeMutableRawBufferPointer] = []
    private var used = 0
    private var offset = 0

    private static let chunkByteCount = 4 << 20
    private static let alignment = 16

    deinit { for chunk in chunks { chunk.deallocate() } }

    mutating func reset() {
        used = 0
        offset = 0
    }

    /// Uninitialised memory for so many bytes.
    mutating func take(_ byteCount: Int) -> UnsafeMutableRawPointer {
        let needed = (byteCount + ColumnArena.alignment - 1) & ~(ColumnArena.alignment - 1)
        while used < chunks.count, chunks[used].count - offset < needed {
            used += 1
            offset = 0
        }
        if used == chunks.count {
            chunks.append(
                .allocate(byteCount: max(needed, ColumnArena.chunkByteCount), alignment: ColumnArena.alignment)
            )
        }
        guard let base = chunks[used].baseAddress else { preconditionFailure("a chunk without memory") }
        defer { offset += needed }
        return base + offset
    }

    mutating func copy(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let copy = UnsafeMutableRawBufferPointer(start: take(bytes.count), count: bytes.count)
        copy.copyMemory(from: bytes)
        return UnsafeRawBufferPointer(copy)
    }
}
