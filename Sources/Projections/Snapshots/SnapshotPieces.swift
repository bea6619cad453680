import CCRC32C
import RecordLog
import Threading

/// Puts the pieces of a snapshot into its file, on a thread of its own, while the next one is filled.
///
/// Invariants: `spare` is the piece under way, or holds nothing; it, the file and the counts are the thread's from
/// `put` until `hold` returns, and the caller's from then on. After `failure` nothing more is written.
// Safety: as the invariants say; `thread` hands memory from one thread to the other.
final class SnapshotPieces: @unchecked Sendable {
    /// What is synced at once: little enough that acks, which wait for the same disk, wait for no more than this, and
    /// that little is left to do in the end.
    private static let syncByteCount = 64 << 20

    private let file: any OpenFile
    private let thread = SideThread(name: "pieces")
    private var spare = SnapshotPieces.allocate()
    /// Bytes of the file so far.
    private(set) var byteCount = 0
    private var unsyncedByteCount = 0
    private(set) var failure: (any Error)?

    /// - Parameter file: empty.
    init(_ file: any OpenFile) { self.file = file }

    deinit { spare.deallocate() }

    /// Memory for a piece, its header included.
    static func allocate() -> UnsafeMutableRawPointer {
        .allocate(byteCount: SnapshotFormat.pieceHeaderByteCount + SnapshotFormat.pieceByteCount, alignment: 16)
    }

    /// Waits for the piece under way; `put` or `release` is to follow.
    func hold() { thread.hold() }

    /// Ends what `hold` began.
    func release() { thread.release() }

    /// Has a piece written, and ends what `hold` began.
    ///
    /// - Parameters:
    ///   - piece: its number, kind and byte count, room for a checksum, and its content; not touched any more.
    ///   - contentByteCount: bytes behind the header.
    /// - Returns: memory for the next piece.
    func put(_ piece: UnsafeMutableRawPointer, contentByteCount: Int) -> UnsafeMutableRawPointer {
        defer { spare = piece }
        // Safety: nobody else has it until this is held again.
        nonisolated(unsafe) let piece = piece
        thread.perform { [self] in
            let headerByteCount = SnapshotFormat.pieceHeaderByteCount
            let crc = meterfold_crc32c(
                meterfold_crc32c(0, piece, headerByteCount - 4),
                piece + headerByteCount,
                contentByteCount
            )
            piece.storeBytes(of: crc.littleEndian, toByteOffset: headerByteCount - 4, as: UInt32.self)
            write(UnsafeRawBufferPointer(start: piece, count: headerByteCount + contentByteCount))
        }
        return spare
    }

    /// Writes bytes; only while it is held.
    func write(_ bytes: UnsafeRawBufferPointer) {
        guard failure == nil else { return }
        do {
            try file.write(bytes, at: byteCount)
            byteCount += bytes.count
            unsyncedByteCount += bytes.count
            if unsyncedByteCount >= SnapshotPieces.syncByteCount {
                try file.sync()
                unsyncedByteCount = 0
            }
        } catch {
            failure = error
        }
    }
}
