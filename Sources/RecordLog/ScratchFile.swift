internal import Glibc
internal import Synchronization

/// A file without a name for what a process needs no longer than it lives, mapped into memory part by part: what is not
/// looked at the system writes out and takes its memory back.
///
/// A part that was mapped has its room on the disk, so that writing to it does not fail.
package final class ScratchFile {
    private let descriptor: Int32
    /// Where the next part begins.
    private let end = Atomic<Int>(0)
    /// Free bytes that it leaves on the disk.
    package var reserveByteCount: UInt64

    /// Twice what a server keeps free for the log, where nothing else is said.
    package static let usualReserveByteCount: UInt64 = 2 << 30
    /// `O_TMPFILE`, which C makes of several constants.
    private static let nameless = 0o20_000_000 | O_DIRECTORY

    /// - Parameters:
    ///   - directory: on whose file system it lies; nothing of it is seen there. Nil where that has no such files.
    ///   - reserveByteCount: free bytes that it leaves on the disk.
    package init?(in directory: String, reserveByteCount: UInt64 = ScratchFile.usualReserveByteCount) {
        descriptor = open(directory, ScratchFile.nameless | O_RDWR | O_CLOEXEC, 0o600)
        self.reserveByteCount = reserveByteCount
        guard descriptor >= 0 else { return nil }
    }

    deinit { close(descriptor) }

    /// Maps another part, filled with zeros; whoever wants one at the same time gets another.
    ///
    /// - Parameter byteCount: how large it is, a multiple of a page.
    /// - Returns: its memory, good also once the file is closed; nil where the disk has no room.
    package func mapPart(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        guard hasRoom(forBytes: byteCount) else { return nil }
        let offset = off_t(end.wrappingAdd(byteCount, ordering: .relaxed).oldValue)
        guard posix_fallocate(descriptor, offset, off_t(byteCount)) == 0 else { return nil }
        let part = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, offset)
        return part == MAP_FAILED ? nil : part
    }

    private func hasRoom(forBytes count: Int) -> Bool {
        var status = statvfs()
        guard fstatvfs(descriptor, &status) == 0 else { return false }
        let free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
        return free >= UInt64(count) && free - UInt64(count) >= reserveByteCount
    }

    /// Memory that is in no file, filled with zeros.
    ///
    /// - Parameter byteCount: how much, a multiple of a page.
    /// - Returns: the memory.
    package static func mapMemory(_ byteCount: Int) -> UnsafeMutableRawPointer {
        let part = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let part, part != MAP_FAILED else { fatalError("no memory for \(byteCount) bytes") }
        return part
    }

    /// Forgets the pages of a part that `mapPart` gave, which come from the file when they are looked at again, or of
    /// what `mapMemory` gave, which are zeros then.
    ///
    /// - Parameters:
    ///   - part: what one of them gave, or whole pages of it.
    ///   - byteCount: how large it is.
    package static func forget(_ part: UnsafeMutableRawPointer, byteCount: Int) {
        madvise(part, byteCount, MADV_DONTNEED)
    }

    /// Gives back what `mapPart` or `mapMemory` gave.
    ///
    /// - Parameters:
    ///   - part: what it gave.
    ///   - byteCount: how large it is.
    package static func unmap(_ part: UnsafeMutableRawPointer, byteCount: Int) { munmap(part, byteCount) }
}
