/// How a chunk of entries is packed: differences of differences, for meters are read at a steady pace.
///
/// | bytes | meaning |
/// |---|---|
/// | 1 | bit 0: times are whole seconds apart; bit 1: values are thousands apart; bit 2: all have the same kind |
/// | varint | the first value |
/// | varint | the first entry's word: position and kind, which is status, quality and role |
/// | varint | of each later entry: its time's step, less the step before |
/// | varint | its value's step |
/// | varint | its position's step, less the step before |
/// | 2 | its kind; not where bit 2 says so |
///
/// Varints are zigzag, 7 bits a byte, low bits first. The first time is the chunk's own; steps in seconds or thousands
/// where the bits say so. Beside memory it lies in snapshots of the fold alone: another form is another version of
/// these.
enum PackedEntries {
    private static let timesAreSeconds: UInt8 = 1
    private static let valuesAreThousands: UInt8 = 2
    private static let kindsAreAlike: UInt8 = 4

    /// How many bytes so many entries take at most.
    static func maximumByteCount(of count: Int) -> Int {
        1 + 2 * maximumNumberByteCount + (count - 1) * maximumStepByteCount
    }

    private static let maximumNumberByteCount = 10
    private static let maximumStepByteCount = 3 * maximumNumberByteCount + 2

    /// Packs entries into memory that has room for `maximumByteCount`.
    /// - Precondition: there is one.
    /// - Returns: how many bytes they take.
    static func pack(_ entries: UnsafeBufferPointer<SeriesEntry>, to start: UnsafeMutablePointer<UInt8>) -> Int {
        var bytes = start
        let first = entries[0]
        var form = timesAreSeconds | valuesAreThousands | kindsAreAlike
        for i in 1..<max(1, entries.count) {
            if (entries[i].at &- entries[i - 1].at) % 1000 != 0 { form &= ~timesAreSeconds }
            if (entries[i].value &- entries[i - 1].value) % 1000 != 0 { form &= ~valuesAreThousands }
            if entries[i].rawWord & 0xFFFF != first.rawWord & 0xFFFF { form &= ~kindsAreAlike }
        }
        bytes.pointee = form
        bytes += 1
        append(first.value, to: &bytes)
        append(Int64(bitPattern: first.rawWord), to: &bytes)
        let timeScale: Int64 = form & timesAreSeconds != 0 ? 1000 : 1
        let valueScale: Int64 = form & valuesAreThousands != 0 ? 1000 : 1
        var (timeStep, positionStep): (Int64, Int64) = (0, 0)
        for i in 1..<max(1, entries.count) {
            let (before, entry) = (entries[i - 1], entries[i])
            let time = (entry.at &- before.at) / timeScale
            let position = Int64(entry.position) &- Int64(before.position)
            append(time &- timeStep, to: &bytes)
            append((entry.value &- before.value) / valueScale, to: &bytes)
            append(position &- positionStep, to: &bytes)
            if form & kindsAreAlike == 0 {
                bytes[0] = UInt8(truncatingIfNeeded: entry.rawWord)
                bytes[1] = UInt8(truncatingIfNeeded: entry.rawWord >> 8)
                bytes += 2
            }
            (timeStep, positionStep) = (time, position)
        }
        return bytes - start
    }

    /// Unpacks `count` entries that `pack` wrote at `bytes`; the first is of `firstAt`.
    static func unpack(
        _ bytes: UnsafePointer<UInt8>,
        count: Int,
        firstAt: Int64,
        into out: UnsafeMutablePointer<SeriesEntry>
    ) {
        var bytes = bytes
        let form = bytes[0]
        bytes += 1
        var value = read(&bytes)
        let word = UInt64(bitPattern: read(&bytes))
        var at = firstAt
        var position = Int64(word >> 16)
        var kind = word & 0xFFFF
        out[0] = SeriesEntry(at: at, value: value, word: word)
        let timeScale: Int64 = form & timesAreSeconds != 0 ? 1000 : 1
        let valueScale: Int64 = form & valuesAreThousands != 0 ? 1000 : 1
        var (timeStep, positionStep): (Int64, Int64) = (0, 0)
        for i in 1..<max(1, count) {
            timeStep &+= read(&bytes)
            at &+= timeStep &* timeScale
            value &+= read(&bytes) &* valueScale
            positionStep &+= read(&bytes)
            position &+= positionStep
            if form & kindsAreAlike == 0 {
                kind = UInt64(bytes[0]) | UInt64(bytes[1]) << 8
                bytes += 2
            }
            out[i] = SeriesEntry(at: at, value: value, word: UInt64(bitPattern: position) << 16 | kind)
        }
    }

    /// Whether bytes that may say anything are such as `unpack` reads for so many entries, to their end.
    static func areWhole(_ bytes: UnsafeBufferPointer<UInt8>, count: Int) -> Bool {
        guard count > 0, let form = bytes.first, form < 8, let last = bytes.last else { return false }
        let numberCount = 2 + 3 * (count - 1)
        if form & kindsAreAlike != 0 {
            // Each number ends with the first byte that says so.
            let raw = UnsafeRawBufferPointer(bytes)
            var endCount = 0
            var next = 1
            while next + 8 <= raw.count {
                let word = raw.loadUnaligned(fromByteOffset: next, as: UInt64.self)
                endCount &+= (~word & 0x8080_8080_8080_8080).nonzeroBitCount
                next &+= 8
            }
            while next < raw.count {
                endCount &+= raw[next] < 0x80 ? 1 : 0
                next &+= 1
            }
            return endCount == numberCount && last < 0x80
        }
        var next = 1
        for number in 0..<numberCount {
            while next < bytes.count, bytes[next] >= 0x80 { next += 1 }
            next += 1
            // The kind stands behind the third of each later entry.
            if number >= 2, (number - 2) % 3 == 2 { next += 2 }
            if next > bytes.count { return false }
        }
        return next == bytes.count
    }

    @inline(__always)
    private static func append(_ number: Int64, to bytes: inout UnsafeMutablePointer<UInt8>) {
        var rest = UInt64(bitPattern: number << 1 ^ number >> 63)
        while rest >= 0x80 {
            bytes.pointee = UInt8(truncatingIfNeeded: rest) | 0x80
            bytes += 1
            rest >>= 7
        }
        bytes.pointee = UInt8(truncatingIfNeeded: rest)
        bytes += 1
    }

    @inline(__always)
    private static func read(_ bytes: inout UnsafePointer<UInt8>) -> Int64 {
        var number: UInt64 = 0
        var shift: UInt64 = 0
        while bytes[0] >= 0x80 {
            number |= UInt64(bytes[0] & 0x7F) << shift
            shift += 7
            bytes += 1
        }
        number |= UInt64(bytes[0]) << shift
        bytes += 1
        return Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1)
    }
}
