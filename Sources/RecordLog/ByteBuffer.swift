/// Reusable memory with one owner: grows to the largest request, never shrinks.
///
/// Invariant: `memory` is owned by this object alone and freed with it; pointers handed out are good until the next `reserve`.
final class ByteBuffer {
    private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: 16)

    /// Memory of at least `byteCount` bytes.
    ///
    /// Earlier content is kept only if no growth was needed.
    func reserve(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
        if memory.count < byteCount {
            memory.deallocate()
            memory = .allocate(byteCount: max(byteCount, 4096), alignment: 16)
        }
        return UnsafeMutableRawBufferPointer(rebasing: memory[..<byteCount])
    }

    deinit { memory.deallocate() }
}
