import Glibc
package import MeterModel

/// Why an input cannot be read on.
package enum InputFault: Error, Hashable, Sendable {
    /// The file or pipe cannot be read: which, and the system's words.
    case unreadable(source: String, reason: String)
    /// Compressed data is cut off or damaged.
    case damaged(Refusal)
    /// Nothing tells the format.
    case unknownFormat(source: String)
    /// Whoever runs the program wants it to end.
    case interrupted

    /// What is said of an input of no known format.
    package static let unknownFormatText = "this is neither NDJSON, line protocol nor CSV with a header"
}

/// The bytes of a file or of standard input, inflated where they begin like gzip or an LZ4 frame.
package final class InputSource {
    private enum Coding {
        case undetected
        case plain
        case gzip(GzipInflater)
        case lz4(LZ4FrameInflater)
    }

    /// What refusals call it: the path, or `-`.
    package let name: String
    /// Bytes read from the file so far, as they lie there: compressed ones of a compressed file.
    package private(set) var readByteCount: UInt64 = 0
    /// Whether it is a regular file, from which no read has to wait.
    let isFile: Bool
    private let descriptor: CInt
    private let isOwner: Bool
    private let isInterrupted: () -> Bool
    private var coding = Coding.undetected
    /// Bytes read and not yet handed out, from `pendingStart` to `pendingEnd`.
    private let pending: UnsafeMutableRawBufferPointer
    private var pendingStart = 0
    private var pendingEnd = 0
    private var isAtEnd = false

    /// How long an interrupt may go unnoticed.
    private static let waitMilliseconds: CInt = 200
    private static let bufferByteCount = 256 * 1024
    private static let pipeByteCount: CInt = 1 << 20
    /// `F_SETPIPE_SZ`, which C makes of several constants.
    private static let setPipeByteCount: CInt = 1031
    private static let gzipMagic: [UInt8] = [0x1F, 0x8B]
    private static let lz4Magic: [UInt8] = [0x04, 0x22, 0x4D, 0x18]

    /// - Parameters:
    ///   - path: a file, or `-` for standard input.
    ///   - isInterrupted: asked while a read waits.
    /// - Throws: `InputFault.unreadable` where it cannot be opened.
    package init(path: String, isInterrupted: @escaping () -> Bool = { false }) throws(InputFault) {
        name = path
        self.isInterrupted = isInterrupted
        isOwner = path != "-"
        descriptor = isOwner ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO
        guard descriptor >= 0 else {
            throw .unreadable(source: path, reason: String(cString: strerror(errno)))
        }
        var status = Glibc.stat()
        isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        pending = .allocate(byteCount: InputSource.bufferByteCount, alignment: 16)
        // Whoever writes to a pipe gets further ahead; of what is no pipe, or may not be so large, nothing changes.
        _ = fcntl(descriptor, InputSource.setPipeByteCount, InputSource.pipeByteCount)
    }

    deinit {
        pending.deallocate()
        if isOwner { close(descriptor) }
    }

    /// How many bytes there are to read of an input.
    ///
    /// - Parameter path: a file, or `-` for standard input, which may be a file too.
    /// - Returns: nil of what is no regular file, and where it is not there.
    package static func byteCount(of path: String) -> UInt64? {
        var status = Glibc.stat()
        guard (path == "-" ? fstat(STDIN_FILENO, &status) : stat(path, &status)) == 0,
            status.st_mode & S_IFMT == S_IFREG
        else { return nil }
        let offset = path == "-" ? lseek(STDIN_FILENO, 0, SEEK_CUR) : 0
        return UInt64(max(0, Int64(status.st_size) - Int64(offset)))
    }

    /// Reads some bytes into `buffer`, which is not empty.
    ///
    /// - Parameter buffer: where they go.
    /// - Returns: how many; 0 at the end.
    /// - Throws: `InputFault`.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(InputFault) -> Int {
        if case .undetected = coding { try detect() }
        switch coding {
        case .undetected, .plain:
            guard pendingStart < pendingEnd else { return try fill(buffer) }
            let count = min(buffer.count, pendingEnd - pendingStart)
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: pending[pendingStart..<pendingStart + count]))
            pendingStart += count
            return count
        case .gzip(let inflater):
            if let fault = inflater.pendingFault { throw fault }
            return try inflate(buffer, inflater.inflate, inflater.finish)
        case .lz4(let inflater): return try inflate(buffer, inflater.inflate, inflater.finish)
        }
    }

    /// Reads some bytes to the start of `chunk`, which is not empty.
    ///
    /// - Returns: how many; 0 at the end.
    /// - Throws: `InputFault`.
    package func readChunk(_ chunk: inout [UInt8]) throws(InputFault) -> Int {
        let read: Result<Int, InputFault> = chunk.withUnsafeMutableBytes { buffer in
            do throws(InputFault) { return .success(try self.read(into: buffer)) } catch { return .failure(error) }
        }
        return try read.get()
    }

    /// Whether a read need not wait longer than that: always of a file, of a pipe once it holds bytes, and at the end.
    ///
    /// - Parameter milliseconds: how long it is waited for.
    /// - Returns: false where nothing came.
    package func hasMore(withinMilliseconds milliseconds: CInt) -> Bool {
        if pendingStart < pendingEnd { return true }
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&request, 1, milliseconds) != 0
    }

    private func inflate(
        _ buffer: UnsafeMutableRawBufferPointer,
        _ step: (UnsafeMutableRawBufferPointer, UnsafeMutableRawBufferPointer) throws(InputFault) -> (
            consumed: Int, produced: Int
        ),
        _ finish: () throws(InputFault) -> Void
    ) throws(InputFault) -> Int {
        while true {
            if pendingStart == pendingEnd, !isAtEnd {
                pendingStart = 0
                pendingEnd = try fill(pending)
            }
            // At the end of the compressed bytes the inflater may still hold some of its own.
            let input = UnsafeMutableRawBufferPointer(rebasing: pending[pendingStart..<pendingEnd])
            let (consumed, produced) = try step(input, buffer)
            pendingStart += consumed
            if produced > 0 { return produced }
            if consumed == 0, isAtEnd {
                try finish()
                return 0
            }
        }
    }

    /// Looks at the first bytes, however few at a time they come.
    private func detect() throws(InputFault) {
        while pendingEnd < InputSource.lz4Magic.count, !isAtEnd {
            pendingEnd += try fill(UnsafeMutableRawBufferPointer(rebasing: pending[pendingEnd...]))
        }
        let head = pending[..<pendingEnd]
        if head.starts(with: InputSource.gzipMagic) {
            coding = .gzip(GzipInflater())
        } else if head.starts(with: InputSource.lz4Magic) {
            coding = .lz4(LZ4FrameInflater())
        } else {
            coding = .plain
        }
    }

    /// Waits for bytes or the end, in slices: a signal that came right before a wait does not end it.
    private func wait() throws(InputFault) {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while true {
            let count = poll(&request, 1, InputSource.waitMilliseconds)
            if count > 0 || (count < 0 && errno != EINTR) { return }
            if isInterrupted() { throw .interrupted }
        }
    }

    private func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(InputFault) -> Int {
        try wait()
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count > 0 {
                readByteCount += UInt64(count)
                return count
            }
            if count == 0 {
                isAtEnd = true
                return 0
            }
            if errno == EINTR, isInterrupted() { throw .interrupted }
            if errno != EINTR { throw .unreadable(source: name, reason: String(cString: strerror(errno))) }
        }
    }
}
