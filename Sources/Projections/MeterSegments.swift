import Billing
import MeterModel

/// The meters that served one series in turn, and what multiplies and bounds the counts of each (semantics, section 3).
///
/// Invariants: `exchanges` ascends by `at`, each `at` once; segment 0 lies before the first exchange, segment i begins
/// at `exchanges[i - 1].at`; of each segment `firstFactors` or `laterFactors` hold what stands.
struct MeterSegments {
    struct Exchange {
        var at: Int64
        /// mWh or mL.
        var finalValue: Int64
        var initialValue: Int64
        var position: UInt64
        var multiplierThousandths: Int64?
        var modulus: Int64?
    }

    /// What multiplies the counts of a segment, in thousandths, and its modulus, mWh or mL.
    struct Factors {
        var thousandths: Int64 = 1000
        var modulus: Int64?
    }

    /// A value told for the segment that contains `anchor`.
    private struct Telling {
        var anchor: Int64
        var value: Int64
        var position: UInt64
    }

    private(set) var exchanges: [Exchange] = []
    private var multipliers: [Telling] = []
    private var declaredModulus: Int64?
    /// Of segment 0, which is all that most have, and of those after it.
    private var firstFactors = Factors()
    private var laterFactors: [Factors] = []
    /// The exchanges known that do not count, all later than those that do: the first and the last of them.
    private var laterExchanges: ClosedRange<Int64>?
    /// mWh or mL an hour.
    var maxRate: Int64?

    /// The segment of an instant: that of the last exchange up to it.
    @inline(__always)
    func segment(at instant: Int64) -> Int {
        if exchanges.isEmpty { return 0 }
        var i = exchanges.count
        while i > 0, exchanges[i - 1].at > instant { i -= 1 }
        return i
    }

    var count: Int { exchanges.count + 1 }

    @inline(__always)
    func factors(ofSegment segment: Int) -> Factors { segment == 0 ? firstFactors : laterFactors[segment - 1] }

    func exchange(at instant: Int64) -> Exchange? { exchanges.first { $0.at == instant } }

    /// Takes an exchange in; one at the same `at` again replaces the former.
    mutating func insert(_ exchange: Exchange) {
        if let i = exchanges.firstIndex(where: { $0.at >= exchange.at }) {
            if exchanges[i].at == exchange.at { exchanges[i] = exchange } else { exchanges.insert(exchange, at: i) }
        } else {
            exchanges.append(exchange)
        }
        settle()
    }

    /// Takes in that an exchange is known which does not count: what is told for its segment means no other.
    mutating func noteLaterExchange(at instant: Int64) {
        laterExchanges =
            laterExchanges.map { min($0.lowerBound, instant)...max($0.upperBound, instant) }
            ?? instant...instant
        settle()
    }

    /// What the device declares, for the segment before the first exchange; no multiplier means that of before.
    mutating func declare(multiplierThousandths: Int64?, modulus: Int64?, maxRate: Int64?, position: UInt64) {
        if let multiplierThousandths {
            multipliers.append(Telling(anchor: Int64.min, value: multiplierThousandths, position: position))
        }
        declaredModulus = modulus
        self.maxRate = maxRate
        settle()
    }

    /// A correction for the segment that contains `at`; nil means the latest segment known now.
    mutating func correctMultiplier(at instant: Int64?, thousandths: Int64, position: UInt64) {
        let anchor = instant ?? laterExchanges?.upperBound ?? exchanges.last?.at ?? Int64.min
        multipliers.append(Telling(anchor: anchor, value: thousandths, position: position))
        settle()
    }

    /// Of several multipliers for one segment the highest position stands; a segment with none keeps the one before.
    private mutating func settle() {
        laterFactors = []
        let told = multipliers.filter { telling in laterExchanges.map { telling.anchor < $0.lowerBound } ?? true }
        var before = Factors(thousandths: 1000, modulus: declaredModulus)
        for i in 0..<count {
            var stands: (value: Int64, position: UInt64)?
            if i > 0, let value = exchanges[i - 1].multiplierThousandths { stands = (value, exchanges[i - 1].position) }
            for telling in told where segment(at: telling.anchor) == i {
                if stands.map({ $0.position < telling.position }) ?? true { stands = (telling.value, telling.position) }
            }
            if let stands { before.thousandths = stands.value }
            if i > 0 { before.modulus = exchanges[i - 1].modulus ?? before.modulus }
            if i == 0 { firstFactors = before } else { laterFactors.append(before) }
        }
    }

    /// A delta times the multiplier of a segment, rounded half-even once; nil beyond 10^15.
    @inline(__always)
    func quantity(delta: Int64, segment: Int) -> Int64? {
        let factor = factors(ofSegment: segment).thousandths
        if factor == 1000 { return delta <= maximumMilliValue ? delta : nil }
        let product = roundedHalfEven(Int128(delta) * Int128(factor), dividedBy: 1000)
        return product <= Int128(maximumMilliValue) ? Int64(product) : nil
    }

    /// Whether a delta came faster than the declared `maxRate` allows; never where none is declared.
    @inline(__always)
    func exceedsMaxRate(delta: Int64, elapsed: Int64) -> Bool {
        guard let maxRate else { return false }
        return Int128(delta) * Int128(Milliseconds.hour) > Int128(maxRate) * Int128(elapsed)
    }

    /// Whether any dial is known to return to 0, so that a drop may be a wrap.
    var hasModulus: Bool { declaredModulus != nil || exchanges.contains { $0.modulus != nil } }

    /// A drop read as a wrap: `modulus - baseline + value` where that is from 0 to a tenth of the modulus.
    func wrapDelta(from baseline: Int64, to value: Int64, segment: Int) -> Int64? {
        guard let modulus = factors(ofSegment: segment).modulus else { return nil }
        let delta = Int128(modulus) - Int128(baseline) + Int128(value)
        return delta >= 0 && delta * 10 <= Int128(modulus) ? Int64(delta) : nil
    }
}

// MARK: Snapshots

extension MeterSegments {
    /// Whether nothing is declared, exchanged or corrected, as of most series.
    private var isPlain: Bool {
        exchanges.isEmpty && multipliers.isEmpty && declaredModulus == nil && laterExchanges == nil && maxRate == nil
    }

    func write(to out: SnapshotWriter) {
        out.flag(isPlain)
        if isPlain { return }
        out.count(exchanges.count)
        for exchange in exchanges {
            out.zigzag(exchange.at)
            out.zigzag(exchange.finalValue)
            out.zigzag(exchange.initialValue)
            out.varint(exchange.position)
            out.optional(exchange.multiplierThousandths, out.zigzag)
            out.optional(exchange.modulus, out.zigzag)
        }
        out.count(multipliers.count)
        for telling in multipliers {
            out.zigzag(telling.anchor)
            out.zigzag(telling.value)
            out.varint(telling.position)
        }
        out.optional(declaredModulus, out.zigzag)
        out.optional(laterExchanges) { range in
            out.zigzag(range.lowerBound)
            out.zigzag(range.upperBound)
        }
        out.optional(maxRate, out.zigzag)
    }

    init(from reader: SnapshotReader) throws(SnapshotFault) {
        if try reader.flag() { return }
        for _ in 0..<(try reader.count()) {
            exchanges.append(
                Exchange(
                    at: try reader.zigzag(),
                    finalValue: try reader.zigzag(),
                    initialValue: try reader.zigzag(),
                    position: try reader.varint(),
                    multiplierThousandths: try reader.optional(reader.zigzag),
                    modulus: try reader.optional(reader.zigzag)
                )
            )
        }
        for _ in 0..<(try reader.count()) {
            let (anchor, value) = (try reader.zigzag(), try reader.zigzag())
            multipliers.append(Telling(anchor: anchor, value: value, position: try reader.varint()))
        }
        declaredModulus = try reader.optional(reader.zigzag)
        if try reader.flag() {
            let (first, last) = (try reader.zigzag(), try reader.zigzag())
            guard first <= last else { throw reader.malformed("exchanges that end before they begin") }
            laterExchanges = first...last
        }
        maxRate = try reader.optional(reader.zigzag)
        settle()
    }
}
