/// Keeps stored bytes free of empty sectors, so that an empty sector proves a write that did not complete.
enum SectorMask {
    /// The mask number that leaves no weak whole sector in `bytes`, which will lie at `fileOffset`; it is laid over them in place.
    ///
    /// Number 0 = nothing had to be done, as for practically all compressed bodies. Costs one load a sector then.
    static func apply(to bytes: UnsafeMutableRawBufferPointer, fileOffset: Int) throws(RecordLogError) -> UInt8 {
        guard hasWeakSector(UnsafeRawBufferPointer(bytes), fileOffset: fileOffset) else { return 0 }
        for mask in UInt8(1)...UInt8.max {
            toggle(mask, over: bytes)
            if !hasWeakSector(UnsafeRawBufferPointer(bytes), fileOffset: fileOffset) { return mask }
            toggle(mask, over: bytes)
        }
        throw RecordLogError(
            .bodyTooLarge,
            "no mask fits this body",
            hint: "it was made to defeat all of them: refuse it"
        )
    }

    /// Lays a mask over bytes, or takes it off again.
    ///
    /// Mask 0 changes nothing.
    static func toggle(_ mask: UInt8, over bytes: UnsafeMutableRawBufferPointer) {
        guard mask != 0 else { return }
        var state = UInt64(mask)
        var offset = 0
        while offset < bytes.count {
            var word = splitMix64(&state).littleEndian
            let count = min(8, bytes.count - offset)
            withUnsafeBytes(of: &word) { wordBytes in
                for index in 0..<count { bytes[offset + index] ^= wordBytes[index] }
            }
            offset += count
        }
    }

    private static func hasWeakSector(_ bytes: UnsafeRawBufferPointer, fileOffset: Int) -> Bool {
        let sector = RecordLogLimits.sectorByteCount
        var start = (sector - fileOffset % sector) % sector
        while start + sector <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self)
            if word.nonzeroBitCount < 2, bytes.isWeak(start..<start + sector) { return true }
            start += sector
        }
        return false
    }
}

/// The next output of the SplitMix64 generator.
func splitMix64(_ state: inout UInt64) -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
}
