/// The rows of section 10 over a log.
struct QueryRows {
    private let log: [RecordedEvent]
    private let asOf: Instant?
    private let world: World

    init(_ log: [RecordedEvent], asOf: Instant?) {
        self.log = log
        self.asOf = asOf
        var world = World()
        for recorded in log { world.apply(recorded) }
        self.world = world
    }

    func rows(_ query: ReferenceQuery) -> [Row] {
        switch query {
        case .consumption(let size): consumption(size)
        case .balance: balance()
        case .ledger: ledger()
        case .arrears: arrears()
        case .episodes: episodes()
        case .pushes: pushes()
        case .anomalies: anomalies()
        case .devices: devices()
        }
    }

    /// The devices by their name's bytes.
    private var folded: [(name: Text, device: FoldedDevice)] {
        world.devices.sorted { $0.key < $1.key }.map { ($0.key, FoldedDevice($0.value, in: world, asOf: asOf)) }
    }

    private func consumption(_ size: BucketSize) -> [Row] {
        folded.flatMap { name, device in
            device.facts.series.sorted { $0.key < $1.key }.flatMap { register, facts in
                let intervals = facts.folded(device.facts.settings, asOf: asOf).intervals
                return Bucket.all(of: intervals, size, in: device.zone).map { bucket in
                    var row = Row()
                    row.add("device", name)
                    row.add("register", register)
                    row.add("start", timeText(bucket.start, offset: device.zone.offset(at: bucket.start)))
                    row.add("end", timeText(bucket.end, offset: device.zone.offset(at: bucket.end)))
                    row.add("quantity", decimalText(bucket.quantity, places: 6))
                    row.add("unit", world.dimensions[name]?.shownUnit)
                    row.add("estimated", decimalText(bucket.estimated, places: 6))
                    row.add("complete", bucket.isComplete)
                    return row
                }
            }
        }
    }

    private func balance() -> [Row] {
        folded.filter(\.device.hasBalance).map { name, device in
            let charges = device.charges()
            let balance = device.topUps - charges
            var row = Row()
            row.add("device", name)
            row.add("currency", device.currency)
            row.add("balance", shownBalance(balance, device.currency))
            row.add("balanceExact", decimalText(balance, places: 16))
            row.add("charges", decimalText(charges, places: 16))
            row.add("topUps", decimalText(device.topUps, places: 16))
            row.add("asOf", at: device.clock)
            row.add("position", world.position)
            return row
        }
    }

    /// Section 6: "rounded half-even to the minor unit"; section 10: "all minor digits".
    private func shownBalance(_ balance: Int128, _ currency: Text?) -> String {
        let digits = currency.map(minorDigits) ?? 2
        return fixedText(roundedHalfEven(balance, by: powerOfTen(16 - digits)), places: digits)
    }

    private func ledger() -> [Row] {
        folded.flatMap { name, device in
            device.ledger().map { line in
                var row = Row()
                row.add("device", name)
                row.add("day", line.date.text)
                row.add("kind", line.kind)
                if let period = line.period { row.add("period", period) }
                if let quantity = line.quantity { row.add("quantity", decimalText(quantity, places: 6)) }
                if let price = line.price { row.add("price", decimalText(price, places: 6)) }
                row.add("amount", decimalText(line.amount, places: 16))
                return row
            }
        }
    }

    /// "Devices with an open `zero` episode", by `since`, null first.
    private func arrears() -> [Row] {
        let open = Crossings.following(log).episodes.filter { $0.rule == World.zeroRule && $0.isOpen }
        let devices = Dictionary(uniqueKeysWithValues: folded.map { ($0.name, $0.device) })
        let sorted = open.sorted { left, right in
            if left.crossedAt != right.crossedAt { return isBefore(left.crossedAt, right.crossedAt) }
            return left.device < right.device
        }
        return sorted.compactMap { episode in
            guard let device = devices[episode.device] else { return nil }
            var row = Row()
            row.add("device", episode.device)
            row.add("balance", shownBalance(device.topUps - device.charges(), device.currency))
            row.add("currency", device.currency)
            row.add("since", at: episode.crossedAt)
            row.add("episode", episode.number)
            row.add("position", episode.position)
            return row
        }
    }

    private func isBefore(_ left: Instant?, _ right: Instant?) -> Bool {
        guard let right else { return false }
        return left.map { $0 < right } ?? true
    }

    private func episodes() -> [Row] {
        let episodes = Crossings.following(log).episodes.sorted { left, right in
            if left.position != right.position { return left.position < right.position }
            return (left.device, left.rule, left.number) < (right.device, right.rule, right.number)
        }
        return episodes.map { episode in
            var row = Row()
            row.add("device", episode.device)
            row.add("rule", episode.rule)
            row.add("episode", episode.number)
            row.add("position", episode.position)
            row.add("crossedAt", at: episode.crossedAt)
            row.add("balanceBefore", decimalText(episode.balanceBefore, places: 16))
            row.add("balanceAfter", decimalText(episode.balanceAfter, places: 16))
            if let clearedAt = episode.clearedAt { row.add("clearedAt", at: clearedAt) }
            if let clearedPosition = episode.clearedPosition { row.add("clearedPosition", clearedPosition) }
            return row
        }
    }

    private func pushes() -> [Row] {
        let jobs = Crossings.following(log).jobs.sorted { left, right in
            if left.position != right.position { return left.position < right.position }
            return (left.device, left.rule, left.episode, Text(left.kind))
                < (right.device, right.rule, right.episode, Text(right.kind))
        }
        return jobs.map { job in
            let outcomes = world.outcomes[job.id, default: []]
            var row = Row()
            row.add("job", job.id)
            row.add("device", job.device)
            row.add("rule", job.rule)
            row.add("episode", job.episode)
            row.add("kind", job.kind)
            // Section 7: "the view shows what the last outcome in the log says".
            row.add("state", outcomes.last?.outcome.rawValue ?? "pending")
            row.add("attempts", outcomes.filter { $0.outcome == .delivered || $0.outcome == .failed }.count)
            let responses = outcomes.compactMap(\.response)
            if let last = responses.last { row.add("lastOutcome", last) }
            return row
        }
    }

    private func anomalies() -> [Row] {
        folded.flatMap { name, device in
            let all = device.facts.series.flatMap { register, facts in
                facts.folded(device.facts.settings, asOf: nil).anomalies.map { (register: register, anomaly: $0) }
            }
            let sorted = all.sorted { left, right in
                let (one, other) = (left.anomaly, right.anomaly)
                if one.at != other.at { return one.at < other.at }
                return (Text(one.kind.rawValue), left.register, one.position)
                    < (Text(other.kind.rawValue), right.register, other.position)
            }
            return sorted.map { register, anomaly in
                var row = Row()
                row.add("device", name)
                row.add("register", register)
                row.add("kind", anomaly.kind.rawValue)
                row.add("at", at: anomaly.at)
                row.add("position", anomaly.position)
                row.add("open", anomaly.kind == .suspectedReset)
                return row
            }
        }
    }

    private func devices() -> [Row] {
        folded.map { name, device in
            let onClockDay = device.clock.flatMap { device.tariffName(on: device.zone.date(at: $0)) }
            var row = Row()
            row.add("device", name)
            row.add("utility", device.facts.utility?.rawValue)
            row.add("unit", (device.facts.unit ?? device.facts.utility?.unit)?.rawValue)
            row.add("tariff", onClockDay ?? device.assignments.first?.tariff)
            row.add("readings", device.billing.readingCount)
            row.add("duplicates", device.billing.duplicateCount)
            row.add("firstReadAt", at: device.billing.firstStandingAt)
            row.add("lastReadAt", at: device.billing.latestStandingAt)
            row.add("lastValue", device.billing.latestStandingValue.map { decimalText($0, places: 6) })
            if let account = device.facts.account { row.add("account", account) }
            return row
        }
    }
}
