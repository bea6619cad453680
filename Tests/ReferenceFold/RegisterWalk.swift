/// A standing reading of a segment.
struct Point: Sendable {
    let at: Instant
    let value: Int128
    let position: Int
}

/// The walk of section 3 over one segment's standing readings.
struct RegisterWalk {
    let points: [Point]
    let endsInExchange: Bool
    /// The latest standing reading of the whole series.
    let latestStandingAt: Instant
    let segment: Segment
    let settings: SeriesSettings

    /// The baselines up to `B`, back to the last wrap, reset or start of the segment.
    private var baselines: [Point] = []
    private(set) var intervals: [Interval] = []
    private(set) var anomalies: [Anomaly] = []

    static let window: Int64 = 48 * hour

    init(
        points: [Point],
        endsInExchange: Bool,
        latestStandingAt: Instant,
        segment: Segment,
        settings: SeriesSettings
    ) {
        self.points = points
        self.endsInExchange = endsInExchange
        self.latestStandingAt = latestStandingAt
        self.segment = segment
        self.settings = settings
    }

    mutating func run() {
        guard let first = points.first else { return }
        baselines = [first]
        var index = 1
        while index < points.count, let next = step(index) { index = next }
    }

    /// Takes the reading at `index`; the index of the next one to take, or nil where the tail is held.
    private mutating func step(_ index: Int) -> Int? {
        let reading = points[index]
        guard let baseline = baselines.last else { return nil }
        if reading.value >= baseline.value {
            rise(from: baseline, to: reading)
            return index + 1
        }
        if let earlier = earlierBaseline(for: reading) {
            return decideBetweenDipAndSpike(index, earlier: earlier, baseline: baseline)
        }
        return decideBetweenDipWrapAndReset(index, baseline: baseline)
    }

    /// Rule 1.
    private mutating func rise(from baseline: Point, to reading: Point) {
        addInterval(from: baseline, to: reading, delta: reading.value - baseline.value)
        baselines.append(reading)
    }

    /// Rule 2: the index among the baselines of `P`, "one of the baselines before `B`, back to the last wrap, reset or
    /// start of the segment, has a value <= `R.value` and lies at most 48 h before `R.readAt`", the latest such.
    private func earlierBaseline(for reading: Point) -> Int? {
        baselines.indices.dropLast().last { index in
            baselines[index].value <= reading.value && baselines[index].at >= reading.at - RegisterWalk.window
        }
    }

    /// Rule 2.
    private mutating func decideBetweenDipAndSpike(_ index: Int, earlier: Int, baseline: Point) -> Int? {
        let reading = points[index]
        let overBaselines = baselines[(earlier + 1)...]
        let deciding = following(index).prefix(overBaselines.count)
        if let back = deciding.first(where: { points[$0].value >= baseline.value }) {
            return dip(index, back)
        }
        guard deciding.count == overBaselines.count || isClosed(after: reading) else { return hold(reading) }
        spike(overBaselines)
        baselines.removeSubrange((earlier + 1)...)
        rise(from: baselines[earlier], to: reading)
        return index + 1
    }

    /// Rule 3.
    private mutating func decideBetweenDipWrapAndReset(_ index: Int, baseline: Point) -> Int? {
        let reading = points[index]
        if let back = following(index).first(where: { points[$0].value >= baseline.value }) {
            return dip(index, back)
        }
        if let modulus = segment.modulus {
            let delta = modulus - baseline.value + reading.value
            // `0 <= modulus - B.value + R.value <= modulus / 10` (exact).
            if delta >= 0, delta * 10 <= modulus {
                let isPlausible = addInterval(from: baseline, to: reading, delta: delta)
                if isPlausible { anomalies.append(Anomaly(kind: .wrap, at: reading.at, position: reading.position)) }
                baselines = [reading]
                return index + 1
            }
        }
        guard isClosed(after: reading) else { return hold(reading) }
        anomalies.append(Anomaly(kind: .reset, at: reading.at, position: reading.position))
        baselines = [reading]
        return index + 1
    }

    /// The readings that follow the one at `index`, up to and including 48 h after it.
    private func following(_ index: Int) -> [Int] {
        (index + 1..<points.count).prefix { points[$0].at <= points[index].at + RegisterWalk.window }.map(\.self)
    }

    /// "The series has a standing reading later than `R.readAt` + 48 h, or an exchange ends the segment".
    private func isClosed(after reading: Point) -> Bool {
        endsInExchange || latestStandingAt > reading.at + RegisterWalk.window
    }

    /// "Every reading from `R` up to the first such is set aside (anomaly `dip`, once a run), and the walk goes on with
    /// that reading against `B`".
    private mutating func dip(_ index: Int, _ back: Int) -> Int {
        anomalies.append(Anomaly(kind: .dip, at: points[index].at, position: points[index].position))
        return back
    }

    /// "The `m` baselines are set aside and their intervals withdrawn (anomaly `spike`, once a run, at the first; their
    /// `implausible` or `too-long` goes)".
    private mutating func spike(_ setAside: ArraySlice<Point>) {
        let instants = Set(setAside.map(\.at))
        intervals.removeAll { instants.contains($0.end) }
        anomalies.removeAll { ($0.kind == .implausible || $0.kind == .tooLong) && instants.contains($0.at) }
        if let first = setAside.first {
            anomalies.append(Anomaly(kind: .spike, at: first.at, position: first.position))
        }
    }

    /// "The tail from `R` on is **held**: no interval yet, anomaly `suspected-reset` (open)".
    private mutating func hold(_ reading: Point) -> Int? {
        anomalies.append(Anomaly(kind: .suspectedReset, at: reading.at, position: reading.position))
        return nil
    }

    /// Rule 4.
    ///
    /// False where the delta is implausible.
    @discardableResult
    private mutating func addInterval(from baseline: Point, to reading: Point, delta: Int128) -> Bool {
        let elapsed = reading.at - baseline.at
        if elapsed > maximumIntervalLength {
            anomalies.append(Anomaly(kind: .tooLong, at: reading.at, position: reading.position))
            return true
        }
        let isTooFast =
            settings.maxRate.map { delta * Int128(hour) > $0 * Int128(elapsed) || elapsed == 0 } ?? false
        let quantity = segment.quantity(delta)
        if isTooFast || quantity > maximumCount {
            anomalies.append(Anomaly(kind: .implausible, at: reading.at, position: reading.position))
            return false
        }
        intervals.append(
            Interval(start: baseline.at, end: reading.at, quantity: quantity, isGap: elapsed > settings.gapAfter)
        )
        return true
    }
}
