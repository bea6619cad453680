/// A reading as decoded, before it is accepted: names are indexes of the decoder's `TelegramNames`, the value is as
/// written, what the line left out is absent.
package struct ReadingDraft: Sendable {
    package static let absent = UInt32.max
    package static let absentInstant = Int64.min

    /// The line it stood in, from 1.
    package var line: UInt64
    /// Where the line's bytes lie in the chunk that was decoded.
    package var rawOffset: UInt32
    package var rawByteCount: UInt32
    package var device: UInt32
    /// `absent` where the line named none.
    package var register: UInt32
    /// The value is `coefficient / 10^fractionDigits`, in lowest terms.
    package var coefficient: Int64
    package var fractionDigits: UInt8
    /// The unit's raw value, 0 where the line named none.
    package var unit: UInt8
    package var quality: Quality
    package var isInterval: Bool
    /// `readAt`, or of an interval its `end`; UTC milliseconds; `absentInstant` for "when received".
    package var at: Int64
    /// Of an interval alone.
    package var start: Int64
    /// The gateway's clock, or `absentInstant`.
    package var receivedAt: Int64

    package init(
        line: UInt64,
        rawOffset: UInt32,
        rawByteCount: UInt32,
        device: UInt32,
        register: UInt32,
        coefficient: Int64,
        fractionDigits: UInt8,
        unit: UInt8,
        quality: Quality,
        isInterval: Bool,
        at: Int64,
        start: Int64,
        receivedAt: Int64
    ) {
        self.line = line
        self.rawOffset = rawOffset
        self.rawByteCount = rawByteCount
        self.device = device
        self.register = register
        self.coefficient = coefficient
        self.fractionDigits = fractionDigits
        self.unit = unit
        self.quality = quality
        self.isInterval = isInterval
        self.at = at
        self.start = start
        self.receivedAt = receivedAt
    }
}

/// The names a decoder has met, refused lines included.
package struct TelegramNames: Sendable {
    package var devices = NameTable(minimumCapacity: 16_384)
    package var registers = NameTable()

    package init() {}
}

/// An accepted reading: the form in which it is logged and folded. 40 bytes, no references.
package struct ReadingRecord: Hashable, Sendable {
    /// Index of the series in the log's `SeriesDirectory`.
    package var series: UInt32
    package var traits: ReadingTraits
    /// `readAt`, or of an interval its `end`; UTC milliseconds.
    package var at: Int64
    /// mWh or mL; of an interval its amount.
    package var value: Int64
    /// Of an interval `end - start` in milliseconds, else 0.
    package var span: Int64
    /// The gateway's clock, or `ReadingDraft.absentInstant`.
    package var receivedAt: Int64

    @inlinable
    package init(series: UInt32, traits: ReadingTraits, at: Int64, value: Int64, span: Int64, receivedAt: Int64) {
        self.series = series
        self.traits = traits
        self.at = at
        self.value = value
        self.span = span
        self.receivedAt = receivedAt
    }
}

/// Quality, kind and unit of a reading in one byte: bits 0-1 quality, bit 2 interval, bits 3-5 unit.
package struct ReadingTraits: Hashable, Sendable {
    package var rawValue: UInt8

    @inlinable
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    @inlinable
    package init(quality: Quality, isInterval: Bool, unit: Unit) {
        rawValue = quality.rawValue | (isInterval ? 4 : 0) | unit.rawValue << 3
    }

    @inlinable
    package var quality: Quality { Quality(rawValue: rawValue & 3) ?? .measured }
    @inlinable
    package var isInterval: Bool { rawValue & 4 != 0 }
    /// The unit in which the reading was told; the value itself is in mWh or mL.
    @inlinable
    package var unit: Unit { Unit(rawValue: rawValue >> 3 & 7) ?? .kilowattHour }

    /// Whether a byte from outside is one of those that `init(quality:isInterval:unit:)` makes.
    @inlinable
    package var isValid: Bool { rawValue & 0xC0 == 0 && (1...5).contains(rawValue >> 3 & 7) }
}

/// The largest magnitude of a register value, in mWh or mL (semantics, section 1).
package let maximumMilliValue: Int64 = 1_000_000_000_000_000

/// The longest interval that counts, in milliseconds: 400 days.
package let maximumIntervalMilliseconds: Int64 = 400 * Milliseconds.day
