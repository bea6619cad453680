import MeterModel

/// A standing reading of a register in its place on the time line, and what the walk made of it. 24 bytes.
struct SeriesEntry: BitwiseCopyable {
    /// `readAt`, UTC milliseconds.
    var at: Int64
    /// mWh or mL, as read.
    var value: Int64
    /// Position (48 bits), status (8 bits), quality (4 bits), role (4 bits).
    private var word: UInt64

    init(
        at: Int64,
        value: Int64,
        position: UInt64,
        quality: Quality = .measured,
        status: EntryStatus = .held,
        role: EntryRole = .reading
    ) {
        self.at = at
        self.value = value
        word =
            position << 16 | UInt64(status.rawValue) << 8 | UInt64(quality.rawValue) << 4 | UInt64(role.rawValue)
    }

    /// `word`: another entry's `rawWord`.
    @inline(__always)
    init(at: Int64, value: Int64, word: UInt64) {
        self.at = at
        self.value = value
        self.word = word
    }

    /// What the entry says beside time and value, for `init(at:value:word:)`. The position is in its upper 48 bits.
    @inline(__always)
    var rawWord: UInt64 { word }

    /// Of the event whose value stands here, of duplicates the first.
    var position: UInt64 { word >> 16 }

    var status: EntryStatus {
        @inline(__always) get { EntryStatus(rawValue: UInt8(truncatingIfNeeded: word >> 8)) ?? .held }
        @inline(__always) set { word = word & ~0xFF00 | UInt64(newValue.rawValue) << 8 }
    }

    var quality: Quality {
        get { Quality(rawValue: UInt8(truncatingIfNeeded: word >> 4) & 0xF) ?? .measured }
        set { word = word & ~0xF0 | UInt64(newValue.rawValue) << 4 }
    }

    var role: EntryRole {
        @inline(__always) get { EntryRole(rawValue: UInt8(truncatingIfNeeded: word) & 0xF) ?? .reading }
    }
}

/// Where an entry comes from. At one instant `exchangeFinal` comes before `exchangeInitial`.
enum EntryRole: UInt8 {
    case reading = 0
    /// The old meter's last value: ends a segment.
    case exchangeFinal = 1
    /// The new meter's first value: begins a segment.
    case exchangeInitial = 2
}

/// What the walk of section 3 decided about a standing reading.
enum EntryStatus: UInt8 {
    /// The baseline with which a segment begins.
    case first = 0
    /// A baseline; the interval from the baseline before it counts.
    case interval = 1
    /// A baseline reached over the modulus; the interval counts.
    case wrap = 2
    /// A baseline after a drop; no interval.
    case reset = 3
    /// A baseline more than 400 days after the one before; no interval.
    case tooLong = 4
    /// A baseline too far above the one before; no interval.
    case implausible = 5
    /// As `tooLong`, over the modulus.
    case tooLongWrap = 6
    /// Set aside: below a baseline to which the series came back. The first of a run, and the others.
    case dip = 7
    case dipRest = 8
    /// Set aside: above what came before and after. The first of a run, and the others.
    case spike = 9
    case spikeRest = 10
    /// Undecided until later readings come. The first, and all after it.
    case held = 11
    case heldRest = 12

    var isBaseline: Bool { rawValue <= EntryStatus.tooLongWrap.rawValue }
    var isHeld: Bool { self == .held || self == .heldRest }
    var hasInterval: Bool { self == .interval || self == .wrap }
    /// Whether nothing out of the ordinary was decided.
    var isPlain: Bool { self == .first || self == .interval }
}
