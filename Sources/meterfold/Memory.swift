import Glibc

/// How the process treats memory that it has freed.
enum Memory {
    /// Below this, freed memory is used again and not given back: chunks and batches come and go all the time, and the
    /// system would clear each page anew.
    private static let keptByteCount: CInt = 32 << 20
    /// `M_TRIM_THRESHOLD` and `M_MMAP_THRESHOLD` of malloc.h.
    private static let thresholds: [CInt] = [-1, -3]

    /// To be called before there are threads. Without glibc's `mallopt` nothing changes.
    static func keepFreed() {
        guard let symbol = dlsym(nil, "mallopt") else { return }
        let mallopt = unsafeBitCast(symbol, to: (@convention(c) (CInt, CInt) -> CInt).self)
        for threshold in thresholds { _ = mallopt(threshold, keptByteCount) }
    }
}
