import Foundation
package import MeterModel
package import Telegrams

/// Reads an input batch by batch, as `InputReader` does, on a thread of its own that is ahead of who takes the batches.
///
/// Invariants: at most `maximumAheadCount` batches wait; they are handed out in order, whole, each with the names that
/// are new in it, so that what is handed out is the same whatever the threads do.
// Safety: what both threads touch is behind `condition`; the reader is its thread's, `current` and `names` the taker's.
package final class AheadReader: @unchecked Sendable {
    /// Batches that are decoded ahead; each is of at most `InputReader.chunkByteCount` bytes.
    static let maximumAheadCount = 3
    /// How long nothing must come for an input to have paused: who writes to a pipe at our own speed often has nothing
    /// in it, and what is appended in small pieces takes more bytes and more syncs.
    private static let pauseMilliseconds: CInt = 5
    /// How long a pipe is taken together that never pauses: lines that trickle in must not wait for a batch to be full.
    private static let longestGathering = Duration.milliseconds(250)

    /// A batch with all that is needed to take it in.
    private struct Portion {
        var batch = DecodedBatch()
        /// The bytes that the batch's offsets count in.
        var chunk = ContiguousArray<UInt8>()
        var newDevices = NameTable(minimumCapacity: 1)
        var newRegisters = NameTable(minimumCapacity: 1)
        var lineCount: UInt64 = 0
        var readByteCount: UInt64 = 0
        var mayWait = false
    }

    private enum Ending {
        case end
        case fault(InputFault)
    }

    private let source: InputSource
    private let reader: InputReader
    private let condition = NSCondition()
    private var waiting: [Portion] = []
    private var spare: [Portion] = []
    private var ending: Ending?
    private var isAbandoned = false
    private var current = Portion()
    /// The names that the drafts' indexes mean, of the batches handed out.
    package private(set) var names = TelegramNames()

    /// Begins to read.
    package static func start(_ source: InputSource, options: InputOptions) -> AheadReader {
        let ahead = AheadReader(source, options)
        let thread = Thread { ahead.run() }
        thread.name = "decoding"
        thread.start()
        return ahead
    }

    private init(_ source: InputSource, _ options: InputOptions) {
        self.source = source
        reader = InputReader(source, options: options)
    }

    /// How many lines were consumed for the batches handed out.
    package var lineCount: UInt64 { current.lineCount }

    /// How many bytes of the source were read for them.
    package var readByteCount: UInt64 { current.readByteCount }

    /// Whether the last batch is to be made durable without waiting for more: the source paused, or it is a pipe from
    /// which was taken for a while.
    package var mayWait: Bool { current.mayWait }

    /// Replaces what is in `batch` by what comes next.
    ///
    /// - Returns: false at the end of the input, the batch then being empty.
    /// - Throws: `InputFault`, as `InputReader.next`, once all batches before the fault were handed out.
    package func next(into batch: inout DecodedBatch) throws(InputFault) -> Bool {
        let (portion, ending) = condition.withLock { () -> (Portion?, Ending?) in
            while waiting.isEmpty, self.ending == nil { condition.wait() }
            guard !waiting.isEmpty else { return (nil, self.ending) }
            swap(&current.batch, &batch)
            spare.append(current)
            current = Portion()
            defer { condition.signal() }
            return (waiting.removeFirst(), nil)
        }
        if case .fault(let fault) = ending { throw fault }
        guard let portion else {
            batch.removeAll(keepingCapacity: true)
            return false
        }
        current = portion
        swap(&current.batch, &batch)
        names.devices.intern(current.newDevices)
        names.registers.intern(current.newRegisters)
        return true
    }

    /// The bytes that the offsets of the last batch count in, for the duration of `body`.
    package func withChunk<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try current.chunk.withUnsafeBytes(body)
    }

    /// Says that no more batches will be taken.
    package func abandon() {
        condition.withLock {
            isAbandoned = true
            condition.signal()
        }
    }

    // MARK: The thread

    private func run() {
        var counts: (devices: Int, registers: Int) = (0, 0)
        var gatheringSince: ContinuousClock.Instant?
        while var portion = emptyPortion() {
            do throws(InputFault) {
                guard try reader.next(into: &portion.batch) else { return finish(.end) }
            } catch {
                return finish(.fault(error))
            }
            portion.chunk.append(contentsOf: reader.chunk)
            portion.newDevices.intern(reader.names.devices, from: counts.devices)
            portion.newRegisters.intern(reader.names.registers, from: counts.registers)
            counts = (reader.names.devices.count, reader.names.registers.count)
            portion.lineCount = reader.lineCount
            portion.readByteCount = source.readByteCount
            let since = gatheringSince ?? .now
            portion.mayWait =
                !source.isFile && since.duration(to: .now) >= AheadReader.longestGathering
                || !source.hasMore(withinMilliseconds: AheadReader.pauseMilliseconds)
            gatheringSince = portion.mayWait ? nil : since
            condition.withLock {
                waiting.append(portion)
                condition.signal()
            }
        }
    }

    /// A portion to fill, waiting until there is room for it; nil: nobody takes any more.
    private func emptyPortion() -> Portion? {
        let portion = condition.withLock { () -> Portion? in
            while waiting.count >= AheadReader.maximumAheadCount, !isAbandoned { condition.wait() }
            return isAbandoned ? nil : spare.popLast() ?? Portion()
        }
        guard var portion else { return nil }
        portion.chunk.removeAll(keepingCapacity: true)
        if portion.newDevices.count > 0 { portion.newDevices = NameTable(minimumCapacity: 1) }
        if portion.newRegisters.count > 0 { portion.newRegisters = NameTable(minimumCapacity: 1) }
        return portion
    }

    private func finish(_ ending: Ending) {
        condition.withLock {
            self.ending = ending
            condition.signal()
        }
    }
}
