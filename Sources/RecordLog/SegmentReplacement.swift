/// Puts other bytes in the place of a segment, whose file is kept.
///
/// Invariant: at every moment the segment's name leads to the whole old file, to the whole new one, or, where there was
/// none, to nothing. The caller holds `parity/lock`.
struct SegmentReplacement {
    let fileSystem: any FileSystem
    let paths: LogPaths

    /// Writes the new bytes, makes them durable, reads them back, and puts them in place.
    ///
    /// - Parameters:
    ///   - segment: The name under `log/`.
    ///   - bytes: What the file is to be.
    ///   - time: Goes into the name under which the old file is kept.
    /// - Returns: Where the old file is kept; nil where there was none.
    /// - Throws: `noSpace`, `inputOutput`.
    func replace(
        _ segment: String,
        by bytes: UnsafeRawBufferPointer,
        at time: String
    ) throws(RecordLogError) -> String? {
        try write(bytes)
        let path = paths.log + "/" + segment
        var kept: String?
        if try fileSystem.names(inDirectory: paths.log).contains(segment) {
            let name = try freeName("\(segment).\(time)")
            try fileSystem.link(path, to: name)
            try fileSystem.syncDirectory(paths.damaged)
            kept = name
        }
        try fileSystem.rename(paths.segmentInMending, to: path)
        try fileSystem.syncDirectory(paths.log)
        try fileSystem.syncDirectory(paths.parity)
        return kept
    }

    /// A path under `damaged/` that nothing has yet.
    private func freeName(_ wanted: String) throws(RecordLogError) -> String {
        try fileSystem.makeDirectoryIfMissing(paths.damaged, in: paths.directory)
        let taken = try fileSystem.namesIfAny(inDirectory: paths.damaged)
        var name = wanted
        var number = 2
        while taken.contains(name) {
            name = "\(wanted)-\(number)"
            number += 1
        }
        return paths.damaged + "/" + name
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws(RecordLogError) {
        try fileSystem.removeIfAny(paths.segmentInMending)
        let file = try fileSystem.open(paths.segmentInMending, mode: .create)
        defer { file.close() }
        try file.write(bytes, at: 0)
        try file.sync()
        try file.dropCache()
        let window = ByteBuffer()
        var offset = 0
        while offset < bytes.count {
            let count = min(1 << 20, bytes.count - offset)
            let target = window.reserve(count)
            guard try file.read(into: target, at: offset) == count,
                UnsafeRawBufferPointer(target).elementsEqual(bytes[offset..<offset + count])
            else { throw .inputOutput("what was written reads back otherwise", path: paths.segmentInMending) }
            offset += count
        }
    }
}

extension FileSystem {
    /// Whatever the device, rather than memory, gives of a segment's file; the rest of its bytes are zero.
    ///
    /// - Returns: what lies in `buffer`, until that is used again.
    func salvage(_ path: String, into buffer: ByteBuffer) throws(RecordLogError) -> UnsafeRawBufferPointer {
        let file = try open(path, mode: .read)
        defer { file.close() }
        try? file.dropCache()
        let memory = buffer.reserve(min(try file.byteCount(), RecordLogLimits.maximumSegmentByteCount))
        try file.salvage(into: memory, at: 0)
        return UnsafeRawBufferPointer(memory)
    }

    /// Takes away a name that a crash left. Its file is not written to: it may have got its other name already.
    func removeIfAny(_ path: String) throws(RecordLogError) {
        do throws(RecordLogError) { try remove(path) } catch  where error.code == .notFound {}
    }

    /// Makes a directory durably, if it is missing.
    func makeDirectoryIfMissing(_ path: String, in parent: String) throws(RecordLogError) {
        do throws(RecordLogError) {
            _ = try names(inDirectory: path)
        } catch  where error.code == .notFound {
            try makeDirectory(path)
            try syncDirectory(parent)
        }
    }

    /// The names in a directory; none if it is missing.
    func namesIfAny(inDirectory path: String) throws(RecordLogError) -> [String] {
        do throws(RecordLogError) {
            return try names(inDirectory: path)
        } catch  where error.code == .notFound {
            return []
        }
    }
}
