import MeterModel

/// What is known of each series in the segment at hand: its device and register, and its last reading.
///
/// Invariants: `ordinals[series]` is `absent` or the place of the series in `states`; only the first `mapped` entries
/// are initialised; a series is defined at most once until `reset`. Readers and writers hold equal states at
/// equal places of a segment.
struct SeriesStates: ~Copyable {
    struct State {
        /// `unseen` before the first reading.
        var lastAt: Int64
        /// What is expected between a reading and the next.
        var period: Int64
        var lastValue: Int64
        var device: UInt32
        var series: UInt32

        /// Goes back to before the first reading.
        mutating func forget() {
            lastAt = SeriesStates.unseen
            period = 0
            lastValue = 0
        }

        /// Takes another period where a reading, not the first, deviates much from what was expected.
        ///
        /// Small deviations are the clock's; keeping the period through them keeps them small. A period close to whole
        /// minutes is taken for whole minutes.
        @inline(__always)
        mutating func turn(_ deviation: Int64) {
            if deviation.magnitude > period.magnitude / 16 { period = State.nominal(period &+ deviation) }
        }

        /// Moves on by what a run says of the next reading.
        ///
        /// - Parameters:
        ///   - deviation: of its time from what was expected; of a first reading from `previousAt`.
        ///   - rise: of its value above the last.
        ///   - previousAt: the time of the reading before it in the run, 0 where there is none.
        /// - Returns: its time and value.
        @inline(__always)
        mutating func advance(_ deviation: Int64, _ rise: Int64, after previousAt: Int64) -> (at: Int64, value: Int64) {
            if lastAt == SeriesStates.unseen {
                lastAt = previousAt &+ deviation
                period = 0
            } else {
                lastAt = lastAt &+ period &+ deviation
                turn(deviation)
            }
            lastValue = lastValue &+ rise
            return (lastAt, lastValue)
        }

        private static func nominal(_ gap: Int64) -> Int64 {
            let minutes = (gap &+ 30_000) / 60_000 * 60_000
            return (gap &- minutes).magnitude <= gap.magnitude / 64 ? minutes : gap
        }
    }

    static let absent = UInt32.max
    static let unseen = Int64.min

    private(set) var ordinals: UnsafeMutablePointer<UInt32>
    private(set) var mapped = 0
    private(set) var states: UnsafeMutablePointer<State>
    private(set) var count = 0
    private var capacity = 256

    init() {
        ordinals = .allocate(capacity: 1)
        states = .allocate(capacity: capacity)
    }

    deinit {
        ordinals.deallocate()
        states.deallocate()
    }

    /// Forgets every series, for a new segment.
    mutating func reset() {
        for i in 0..<count { ordinals[Int(states[i].series)] = SeriesStates.absent }
        count = 0
    }

    @inline(__always)
    func ordinal(of series: UInt32) -> UInt32 {
        Int(series) < mapped ? ordinals[Int(series)] : SeriesStates.absent
    }

    func isDefined(_ series: UInt32) -> Bool { ordinal(of: series) != SeriesStates.absent }

    func device(of series: UInt32) -> UInt32? {
        let ordinal = ordinal(of: series)
        return ordinal == SeriesStates.absent ? nil : states[Int(ordinal)].device
    }

    /// - Precondition: the series is below `EventStorageLimits.maximumNumber` and not defined.
    mutating func define(_ series: UInt32, device: UInt32) {
        precondition(Int(series) < EventStorageLimits.maximumNumber && !isDefined(series), "series cannot be defined")
        if Int(series) >= mapped { map(upTo: Int(series) + 1) }
        if count == capacity { growStates() }
        ordinals[Int(series)] = UInt32(count)
        states[count] = State(lastAt: SeriesStates.unseen, period: 0, lastValue: 0, device: device, series: series)
        count += 1
    }

    private mutating func map(upTo end: Int) {
        let grown = min(max(end, mapped * 2, 1024), EventStorageLimits.maximumNumber)
        let moved = UnsafeMutablePointer<UInt32>.allocate(capacity: grown)
        moved.update(from: ordinals, count: mapped)
        (moved + mapped).initialize(repeating: SeriesStates.absent, count: grown - mapped)
        ordinals.deallocate()
        ordinals = moved
        mapped = grown
    }

    private mutating func growStates() {
        let moved = UnsafeMutablePointer<State>.allocate(capacity: capacity * 2)
        moved.update(from: states, count: count)
        states.deallocate()
        states = moved
        capacity *= 2
    }
}
