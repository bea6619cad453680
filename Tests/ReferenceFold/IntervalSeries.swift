extension SeriesFacts {
    /// Section 3 for a series of interval readings: taken as they are, but for conflicts and overlaps.
    func foldedIntervals(_ settings: SeriesSettings, _ segments: [Segment]) -> FoldedSeries {
        var folded = FoldedSeries()
        var standing: [(reading: IntervalReading, position: Int)] = []
        // "Same (start, end): duplicate or conflict as in section 2."
        for received in Dictionary(grouping: intervals, by: { [$0.value.start, $0.value.end] }).values {
            let span = received[0].value
            let candidates = Candidate.kept(received.map { ($0.position, $0.value.value, $0.value.quality) })
            guard let winner = Candidate.standing(candidates) else { continue }
            for other in candidates where other.value != winner.value {
                folded.anomalies.append(Anomaly(kind: .conflict, at: span.end, position: other.position))
            }
            let reading = IntervalReading(
                start: span.start,
                end: span.end,
                value: winner.value,
                quality: winner.quality
            )
            standing.append((reading, winner.position))
        }
        // "Go through them by start, of equal start the longer first: one that overlaps the last that stands is set
        // aside."
        standing.sort { left, right in
            left.reading.start != right.reading.start
                ? left.reading.start < right.reading.start : left.reading.end > right.reading.end
        }
        for (reading, position) in standing {
            if let latest = folded.latestStandingAt, reading.start < latest {
                folded.anomalies.append(Anomaly(kind: .overlap, at: reading.end, position: position))
                continue
            }
            folded.firstStandingAt = folded.firstStandingAt ?? reading.start
            folded.latestStandingAt = reading.end
            folded.latestStandingValue = reading.value
            // "An interval reading belongs to the segment of its `start`."
            let quantity = Segment.containing(reading.start, in: segments).quantity(reading.value)
            if quantity > maximumCount {
                folded.anomalies.append(Anomaly(kind: .implausible, at: reading.end, position: position))
                continue
            }
            folded.intervals.append(
                Interval(
                    start: reading.start,
                    end: reading.end,
                    quantity: quantity,
                    isGap: reading.end - reading.start > settings.gapAfter
                )
            )
        }
        return folded
    }
}
