extension SeriesFacts {
    /// Section 2 and 3 for a series of register readings: what stands, cut at the exchanges, each side walked by
    /// itself.
    func foldedRegister(_ settings: SeriesSettings, _ segments: [Segment]) -> FoldedSeries {
        var folded = FoldedSeries()
        let exchanges = standingExchanges
        let standing = standingReadings(exchanges, anomalies: &folded.anomalies)

        let latestReading = standing.last
        let latestExchange = exchanges.last
        folded.firstStandingAt = [standing.first?.at, exchanges.first?.value.at].compactMap(\.self).min()
        folded.latestStandingAt = [latestReading?.at, latestExchange?.value.at].compactMap(\.self).max()
        folded.latestStandingValue =
            folded.latestStandingAt == latestExchange?.value.at
            ? latestExchange?.value.initialValue : latestReading?.value

        for (index, start) in ([nil] + exchanges.map(Optional.some)).enumerated() {
            let end = index < exchanges.count ? exchanges[index] : nil
            var points = standing.filter { point in
                (start.map { $0.value.at < point.at } ?? true) && (end.map { point.at < $0.value.at } ?? true)
            }
            // "It acts as a reading `finalValue` at `at` that ends the old segment and a reading `initialValue` at `at`
            // that starts the new one."
            if let start {
                let point = Point(at: start.value.at, value: start.value.initialValue, position: start.position)
                points.insert(point, at: 0)
            }
            if let end {
                points.append(Point(at: end.value.at, value: end.value.finalValue, position: end.position))
            }
            var walk = RegisterWalk(
                points: points,
                endsInExchange: end != nil,
                latestStandingAt: folded.latestStandingAt ?? 0,
                segment: Segment.containing(start?.value.at ?? Instant.min, in: segments),
                settings: settings
            )
            walk.run()
            folded.intervals += walk.intervals
            folded.anomalies += walk.anomalies
        }
        return folded
    }

    /// The value that stands at each instant (section 2), by `readAt`; those at an exchange's instant are left to it.
    private func standingReadings(_ exchanges: [Placed<Exchange>], anomalies: inout [Anomaly]) -> [Point] {
        var finalValues: [Instant: Int128] = [:]
        for exchange in exchanges { finalValues[exchange.value.at] = exchange.value.finalValue }
        // "Between several of these on one `readAt`, the one with the higher position stands."
        var verdictAt: [Instant: Placed<Verdict>] = [:]
        for verdict in verdicts.sorted(by: { $0.position < $1.position }) { verdictAt[verdict.value.readAt] = verdict }
        let received = Dictionary(grouping: readings) { $0.value.readAt }

        var points: [Point] = []
        for instant in Set(received.keys).union(verdictAt.keys).union(finalValues.keys).sorted() {
            let candidates = Candidate.kept(
                received[instant, default: []].map { ($0.position, $0.value.value, $0.value.quality) }
            )
            let conflicting: [Candidate]
            if let finalValue = finalValues[instant] {
                // Section 3: "readings at exactly `at` from the stream are duplicates or conflicts of `finalValue`,
                // which stands, against corrections too".
                conflicting = candidates.filter { $0.value != finalValue }
            } else if let verdict = verdictAt[instant] {
                // Section 2: replaces, adds or sets aside, whatever the quality, and ends a conflict.
                conflicting = []
                if let value = verdict.value.value {
                    points.append(Point(at: instant, value: value, position: verdict.position))
                }
            } else if let standing = Candidate.standing(candidates) {
                conflicting = candidates.filter { $0.value != standing.value }
                points.append(Point(at: instant, value: standing.value, position: standing.position))
            } else {
                conflicting = []
            }
            anomalies += conflicting.map { Anomaly(kind: .conflict, at: instant, position: $0.position) }
        }
        return points
    }
}
