import Glibc

/// How the process treats memory that it has freed.
enum Memory {
    /// Below this, freed memory is used again and not given back: chunks and batches come and go all the time, and the
    /// system would clear each page anew.
    private static let keptByteCount: CInt = 32 << 20
    /// Places that threads allocate from, each with freed memory of its own. The system's default is eight a processor.
    private static let arenaCount: CInt = 4
    /// `M_TRIM_THRESHOLD`, `M_MMAP_THRESHOLD` and `M_ARENA_MAX` of malloc.h.
    private static let parameters: [(name: CInt, value: CInt)] = [
        (-1, keptByteCount), (-3, keptByteCount), (-8, arenaCount),
    ]

    /// To be called before there are threads. Without glibc's `mallopt` nothing changes.
    static func keepFreed() {
        guard let symbol = dlsym(nil, "mallopt") else { return }
        let mallopt = unsafeBitCast(symbol, to: (@convention(c) (CInt, CInt) -> CInt).self)
        for parameter in parameters { _ = mallopt(parameter.name, parameter.value) }
    }

    /// Gives what is kept freed back to the system: takes a tenth of a second where there is much, in which nobody
    /// allocates. Without glibc's `malloc_trim` nothing changes.
    static func giveBack() {
        guard let symbol = dlsym(nil, "malloc_trim") else { return }
        _ = unsafeBitCast(symbol, to: (@convention(c) (Int) -> CInt).self)(0)
    }
}
