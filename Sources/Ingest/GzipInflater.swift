import CZlib
import MeterModel

/// Inflates gzip, one member after the other.
///
/// Invariant: `stream` was initialised by zlib and lies still, as zlib wants.
final class GzipInflater {
    private let stream: UnsafeMutablePointer<z_stream>
    /// Compressed bytes taken so far.
    private var consumedCount: UInt64 = 0
    private var isBetweenMembers = false

    init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // 15 bits of window, and 16 for gzip's wrapping.
        let result = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
        precondition(result == Z_OK, "zlib cannot be set up")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Inflates some of `input` into `output`.
    func inflate(
        _ input: UnsafeMutableRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws(InputFault) -> (consumed: Int, produced: Int) {
        if isBetweenMembers {
            guard input.first == 0x1F else {
                guard input.allSatisfy({ $0 == 0 }) else { throw fault("bytes after the end of the data") }
                return (input.count, 0)
            }
            isBetweenMembers = false
            inflateReset(stream)
        }
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = UInt32(input.count)
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(output.count)
        let result = CZlib.inflate(stream, Z_NO_FLUSH)
        let consumed = input.count - Int(stream.pointee.avail_in)
        let produced = output.count - Int(stream.pointee.avail_out)
        consumedCount += UInt64(consumed)
        switch result {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: isBetweenMembers = true
        default:
            pendingFault = fault(stream.pointee.msg.map { String(cString: $0) } ?? "the data is damaged")
            if produced == 0, let pendingFault { throw pendingFault }
        }
        return (consumed, produced)
    }

    /// A fault met behind bytes that were still good.
    private(set) var pendingFault: InputFault?

    /// To be called at the end of the compressed bytes.
    func finish() throws(InputFault) {
        guard isBetweenMembers else { throw fault("the data ends in the middle") }
    }

    private func fault(_ cause: String) -> InputFault {
        .damaged(Refusal(.badGzip, "at compressed byte \(consumedCount): \(cause)"))
    }
}
