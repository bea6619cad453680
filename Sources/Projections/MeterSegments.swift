import Billing
import MeterModel

/// The meters that served one series in turn, and what multiplies and bounds the counts of each (semantics, section 3).
///
/// Of most series nothing is told about that, and then this is a word that is nil.
///
/// Invariants: what `told` holds never changes, so copies share it; it is nil where nothing was told.
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

    /// What was told of the meters.
    ///
    /// Invariants: `exchanges` ascends by `at`, each `at` once; segment 0 lies before the first exchange, segment i
    /// begins at `exchanges[i - 1].at`; `factors` has what stands of each segment.
    private struct Tellings {
        var exchanges: [Exchange] = []
        var multipliers: [Telling] = []
        var declaredModulus: Int64?
        /// The exchanges known that do not count, all later than those that do: the first and the last of them.
        var laterExchanges: ClosedRange<Int64>?
        /// mWh or mL an hour.
        var maxRate: Int64?
        private(set) var factors = [Factors()]

        var isEmpty: Bool {
            exchanges.isEmpty && multipliers.isEmpty && declaredModulus == nil && laterExchanges == nil
                && maxRate == nil
        }

        @inline(__always)
        func segment(at instant: Int64) -> Int {
            if exchanges.isEmpty { return 0 }
            var i = exchanges.count
            while i > 0, exchanges[i - 1].at > instant { i -= 1 }
            return i
        }

        /// Of several multipliers for one segment the highest position stands; a segment with none keeps the one
        /// before.
        mutating func settle() {
            factors = []
            let told = multipliers.filter { telling in laterExchanges.map { telling.anchor < $0.lowerBound } ?? true }
            var before = Factors(thousandths: 1000, modulus: declaredModulus)
            for i in 0...exchanges.count {
                var stands: (value: Int64, position: UInt64)?
                if i > 0, let value = exchanges[i - 1].multiplierThousandths {
                    stands = (value, exchanges[i - 1].position)
                }
                for telling in told where segment(at: telling.anchor) == i {
                    if stands.map({ $0.position < telling.position }) ?? true {
                        stands = (telling.value, telling.position)
                    }
                }
                if let stands { before.thousandths = stands.value }
                if i > 0 { before.modulus = exchanges[i - 1].modulus ?? before.modulus }
                factors.append(before)
            }
        }
    }

    private final class Told {
        let tellings: Tellings

        init(_ tellings: Tellings) { self.tellings = tellings }
    }

    private var told: Told?

    private mutating func tell(_ change: (inout Tellings) -> Void) {
        var tellings = told?.tellings ?? Tellings()
        change(&tellings)
        tellings.settle()
        told = tellings.isEmpty ? nil : Told(tellings)
    }

    var exchanges: [Exchange] { told?.tellings.exchanges ?? [] }

    /// mWh or mL an hour.
    var maxRate: Int64? { told?.tellings.maxRate }

    /// The segment of an instant: that of the last exchange up to it.
    @inline(__always)
    func segment(at instant: Int64) -> Int { told?.tellings.segment(at: instant) ?? 0 }

    var count: Int { exchanges.count + 1 }

    @inline(__always)
    func factors(ofSegment segment: Int) -> Factors { told?.tellings.factors[segment] ?? Factors() }

    func exchange(at instant: Int64) -> Exchange? { exchanges.first { $0.at == instant } }

    /// Takes an exchange in; one at the same `at` again replaces the former.
    mutating func insert(_ exchange: Exchange) {
        tell { told in
            if let i = told.exchanges.firstIndex(where: { $0.at >= exchange.at }) {
                if told.exchanges[i].at == exchange.at {
                    told.exchanges[i] = exchange
                } else {
                    told.exchanges.insert(exchange, at: i)
                }
            } else {
                told.exchanges.append(exchange)
            }
        }
    }

    /// Takes in that an exchange is known which does not count: what is told for its segment means no other.
    mutating func noteLaterExchange(at instant: Int64) {
        tell {
            $0.laterExchanges =
                $0.laterExchanges.map { min($0.lowerBound, instant)...max($0.upperBound, instant) }
                ?? instant...instant
        }
    }

    /// What the device declares, for the segment before the first exchange; no multiplier means that of before.
    mutating func declare(multiplierThousandths: Int64?, modulus: Int64?, maxRate: Int64?, position: UInt64) {
        tell {
            if let multiplierThousandths {
                $0.multipliers.append(Telling(anchor: Int64.min, value: multiplierThousandths, position: position))
            }
            $0.declaredModulus = modulus
            $0.maxRate = maxRate
        }
    }

    /// A correction for the segment that contains `at`; nil means the latest segment known now.
    mutating func correctMultiplier(at instant: Int64?, thousandths: Int64, position: UInt64) {
        tell {
            let anchor = instant ?? $0.laterExchanges?.upperBound ?? $0.exchanges.last?.at ?? Int64.min
            $0.multipliers.append(Telling(anchor: anchor, value: thousandths, position: position))
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
    var hasModulus: Bool {
        guard let told = told?.tellings else { return false }
        return told.declaredModulus != nil || told.exchanges.contains { $0.modulus != nil }
    }

    /// A drop read as a wrap: `modulus - baseline + value` where that is from 0 to a tenth of the modulus.
    func wrapDelta(from baseline: Int64, to value: Int64, segment: Int) -> Int64? {
        guard let modulus = factors(ofSegment: segment).modulus else { return nil }
        let delta = Int128(modulus) - Int128(baseline) + Int128(value)
        return delta >= 0 && delta * 10 <= Int128(modulus) ? Int64(delta) : nil
    }
}

// MARK: Snapshots

extension MeterSegments {
    func write(to out: SnapshotWriter) {
        out.flag(told == nil)
        guard let told = told?.tellings else { return }
        out.count(told.exchanges.count)
        for exchange in told.exchanges {
            out.zigzag(exchange.at)
            out.zigzag(exchange.finalValue)
            out.zigzag(exchange.initialValue)
            out.varint(exchange.position)
            out.optional(exchange.multiplierThousandths, out.zigzag)
            out.optional(exchange.modulus, out.zigzag)
        }
        out.count(told.multipliers.count)
        for telling in told.multipliers {
            out.zigzag(telling.anchor)
            out.zigzag(telling.value)
            out.varint(telling.position)
        }
        out.optional(told.declaredModulus, out.zigzag)
        out.optional(told.laterExchanges) { range in
            out.zigzag(range.lowerBound)
            out.zigzag(range.upperBound)
        }
        out.optional(told.maxRate, out.zigzag)
    }

    init(from reader: SnapshotReader) throws(SnapshotFault) {
        if try reader.flag() { return }
        var read = Tellings()
        for _ in 0..<(try reader.count()) {
            read.exchanges.append(
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
            read.multipliers.append(Telling(anchor: anchor, value: value, position: try reader.varint()))
        }
        read.declaredModulus = try reader.optional(reader.zigzag)
        if try reader.flag() {
            let (first, last) = (try reader.zigzag(), try reader.zigzag())
            guard first <= last else { throw reader.malformed("exchanges that end before they begin") }
            read.laterExchanges = first...last
        }
        read.maxRate = try reader.optional(reader.zigzag)
        tell { $0 = read }
    }
}
