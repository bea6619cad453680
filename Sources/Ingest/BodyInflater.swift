package import MeterModel

/// Inflates a gzip body that comes piece by piece.
///
/// Not more than `chunkByteCount` is inflated at a time, so that a small body cannot become a large memory.
package final class BodyInflater {
    /// How much is handed out at once, in bytes.
    package static let chunkByteCount = 256 * 1024

    private let inflater = GzipInflater()
    private var pending: [UInt8] = []
    private var start = 0
    /// A fault met behind bytes that were still good, which are handed out first.
    private var fault: InputFault?

    package init() {}

    /// Takes the next compressed bytes; what came before has been drained.
    package func feed(_ bytes: [UInt8]) {
        pending = bytes
        start = 0
    }

    /// Some inflated bytes; nil where more compressed ones are needed.
    ///
    /// - Throws: the `Refusal` `bad-gzip`.
    package func next() throws(Refusal) -> [UInt8]? {
        if let fault { throw BodyInflater.refusal(fault) }
        let output = [UInt8](unsafeUninitializedCapacity: BodyInflater.chunkByteCount) { buffer, count in
            count = 0
            let target = UnsafeMutableRawBufferPointer(buffer)
            pending.withUnsafeMutableBytes { all in
                do throws(InputFault) {
                    if let pending = inflater.pendingFault { throw pending }
                    while count < target.count {
                        let input = UnsafeMutableRawBufferPointer(rebasing: all[start...])
                        let room = UnsafeMutableRawBufferPointer(rebasing: target[count...])
                        let (consumed, produced) = try inflater.inflate(input, into: room)
                        start += consumed
                        count += produced
                        if produced == 0, consumed == 0 || start == all.count { break }
                    }
                } catch {
                    fault = error
                }
            }
        }
        if !output.isEmpty { return output }
        if let fault { throw BodyInflater.refusal(fault) }
        return nil
    }

    /// To be called at the end of the compressed bytes.
    ///
    /// - Throws: the `Refusal` `bad-gzip` where they end too early.
    package func finish() throws(Refusal) {
        do throws(InputFault) { try inflater.finish() } catch { throw BodyInflater.refusal(error) }
    }

    private static func refusal(_ fault: InputFault) -> Refusal {
        guard case .damaged(let refusal) = fault else { return Refusal(.badGzip, "\(fault)") }
        return refusal
    }
}
