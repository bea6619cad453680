/// A span in which a rule is disarmed (section 7).
struct Episode: Sendable {
    let device: Text
    let rule: Text
    let number: Int
    let position: Int
    let crossedAt: Instant?
    let balanceBefore: Int128
    let balanceAfter: Int128
    var clearedAt: Instant?
    var clearedPosition: Int?
    /// "An episode without a `crossed` job has no other jobs".
    var hasCrossedJob = false
    /// The last of the rule's reminders that was requested, from 1.
    var lastReminder = 0

    var isOpen: Bool {
        clearedPosition == nil
    }
}

/// A push that was asked for.
struct PushJob: Sendable {
    let device: Text
    let rule: Text
    let episode: Int
    let kind: String
    let position: Int

    /// `<device>/<rule>/<episode>/<kind>`.
    var id: Text {
        Text(bytes: device.bytes + Array("/".utf8) + rule.bytes + Array("/\(episode)/\(kind)".utf8))
    }
}

/// What section 7 looks at before and after an event.
private struct Standing {
    let device: FoldedDevice
    /// Nil for a device without a tariff.
    let balance: Int128?

    init(_ device: FoldedDevice) {
        self.device = device
        balance = device.hasBalance ? device.topUps - device.charges() : nil
    }
}

/// Follows the log in position order and keeps the episodes and pushes (section 7).
struct Crossings {
    private var world = World()
    private var latest: [Text: Standing] = [:]
    private(set) var episodes: [Episode] = []
    private(set) var jobs: [PushJob] = []
    /// The index of the latest episode of each (device, rule).
    private var latestEpisodes: [[Text]: Int] = [:]

    static func following(_ log: [RecordedEvent]) -> Crossings {
        var crossings = Crossings()
        for recorded in log { crossings.follow(recorded) }
        return crossings
    }

    private mutating func follow(_ recorded: RecordedEvent) {
        world.apply(recorded)
        for name in devices(concernedBy: recorded.event).sorted() {
            // A device without a tariff has no balance: nothing to look at.
            guard let facts = world.devices[name], !facts.assignments.isEmpty else { continue }
            let before = latest[name]
            let after = Standing(FoldedDevice(facts, in: world))
            latest[name] = after
            look(at: name, before, after, recorded)
            remind(name, after, recorded)
        }
    }

    /// The devices whose balance or clock an event can change; the outcome of a push concerns none.
    private func devices(concernedBy event: Event) -> [Text] {
        switch event {
        case .tariffPublished(let tariff, _):
            return world.devices.filter { $0.value.assignments.values.contains(tariff) }.map(\.key)
        case .dayTurned(let timezone, _):
            return world.devices.filter { FoldedDevice.zone(of: $0.value, world.tariffs).name == timezone }.map(\.key)
        default:
            return event.device.map { [$0] } ?? []
        }
    }

    private mutating func look(at name: Text, _ before: Standing?, _ after: Standing, _ recorded: RecordedEvent) {
        guard let balance = after.balance else { return }
        let eventTime = recorded.event.ownTime ?? after.device.billing.latestStandingAt
        let changed = recorded.event.ruleChanges(of: before?.device.facts)
        // "Removed, its episode closes without a push."
        for change in changed where change.rule == nil {
            if let open = openEpisode(name, change.name) { close(open, at: eventTime, recorded.position) }
        }
        var crossed: [(rule: Text, level: Int128, episode: Int)] = []
        for (ruleName, rule) in after.device.facts.allRules.sorted(by: { $0.key < $1.key }) {
            if let open = openEpisode(name, ruleName) {
                guard balance > rule.rearm else { continue }
                close(open, at: eventTime, recorded.position)
                if rule.asksForCleared, episodes[open].hasCrossedJob {
                    request(episodes[open], "cleared", recorded.position)
                }
            } else if balance <= rule.level {
                // "At the event that sets a rule, or gives the device its first balance: the rule starts disarmed."
                let startsDisarmed = before?.balance == nil || changed.contains { $0.name == ruleName }
                let crossing =
                    startsDisarmed
                    ? eventTime : before.flatMap { lineCrossing(rule.level, $0, after, recorded.event) } ?? eventTime
                let former = startsDisarmed ? balance : before?.balance ?? balance
                open(name, ruleName, crossing, before: former, balance, recorded)
                if !startsDisarmed { crossed.append((ruleName, rule.level, episodes.count - 1)) }
            }
        }
        // "One push is requested: the one with the lowest `T` (of equals the first name)."
        if let lowest = crossed.min(by: { ($0.level, $0.rule) < ($1.level, $1.rule) }) {
            episodes[lowest.episode].hasCrossedJob = true
            request(episodes[lowest.episode], "crossed", recorded.position)
        }
    }

    private func openEpisode(_ device: Text, _ rule: Text) -> Int? {
        latestEpisodes[[device, rule]].flatMap { episodes[$0].isOpen ? $0 : nil }
    }

    private mutating func open(
        _ device: Text,
        _ rule: Text,
        _ crossedAt: Instant?,
        before: Int128,
        _ after: Int128,
        _ recorded: RecordedEvent
    ) {
        let former = latestEpisodes.updateValue(episodes.count, forKey: [device, rule])
        episodes.append(
            Episode(
                device: device,
                rule: rule,
                number: (former.map { episodes[$0].number } ?? 0) + 1,
                position: recorded.position,
                crossedAt: crossedAt,
                balanceBefore: before,
                balanceAfter: after
            )
        )
    }

    private mutating func close(_ episode: Int, at instant: Instant?, _ position: Int) {
        episodes[episode].clearedAt = instant
        episodes[episode].clearedPosition = position
    }

    private mutating func request(_ episode: Episode, _ kind: String, _ position: Int) {
        jobs.append(
            PushJob(
                device: episode.device,
                rule: episode.rule,
                episode: episode.number,
                kind: kind,
                position: position
            )
        )
    }

    /// The reminder ladder: "requested by the first later event after which the device's clock has reached it (of
    /// several due at once the last alone)".
    private mutating func remind(_ name: Text, _ after: Standing, _ recorded: RecordedEvent) {
        guard let clock = after.device.clock else { return }
        for (ruleName, rule) in after.device.facts.allRules.sorted(by: { $0.key < $1.key }) {
            guard let open = openEpisode(name, ruleName), episodes[open].hasCrossedJob,
                episodes[open].position < recorded.position, let crossedAt = episodes[open].crossedAt
            else { continue }
            let due = rule.reminders.filter { crossedAt + $0 <= clock }.count
            guard due > episodes[open].lastReminder else { continue }
            episodes[open].lastReminder = due
            request(episodes[open], "reminder-\(due)", recorded.position)
        }
    }
}

extension Crossings {
    /// The exception of section 7: "a reading, correction, void or exchange that changes the billing series only by
    /// adding intervals later than all it had".
    ///
    /// The instant the line reaches `level`, or nil where the exception does not hold.
    private func lineCrossing(_ level: Int128, _ before: Standing, _ after: Standing, _ event: Event) -> Instant? {
        guard event.isOfSeries, let balance = before.balance,
            let added = addedIntervals(before.device.billing.intervals, after.device.billing.intervals),
            let first = added.map(\.start).min()
        else { return nil }
        let parts = after.device.parts(cuttingHours: true).filter { $0.start >= first }
        var line = Line(
            balance: balance,
            start: first,
            parts: parts,
            drops: newlyDue(before.device.standingCharges(), after.device.standingCharges())
        )
        return line.reaches(level)
    }

    private func addedIntervals(_ before: [Interval], _ after: [Interval]) -> [Interval]? {
        let kept = after.filter { before.contains($0) }
        guard kept.count == before.count else { return nil }
        let added = after.filter { !before.contains($0) }
        let latest = before.map(\.end).max() ?? Instant.min
        return added.allSatisfy { $0.start >= latest } ? added : nil
    }

    private func newlyDue(_ before: [StandingCharge], _ after: [StandingCharge]) -> [Line.Drop] {
        let known = Set(before.map(\.date))
        return after.filter { !known.contains($0.date) }.map { Line.Drop(at: $0.at, charge: $0.chargeWithTax) }
    }
}

/// The straight lines of section 7.
private struct Line {
    struct Drop {
        let at: Instant
        let charge: Int128
    }

    var balance: Int128
    let start: Instant
    let parts: [Part]
    var drops: [Drop]

    /// "The instant it reaches `T`, rounded up to the full second".
    mutating func reaches(_ level: Int128) -> Instant? {
        // "Drops by each newly due standing charge at its midnight (if that is before the start: at the start)."
        drops = drops.map { Drop(at: max($0.at, start), charge: $0.charge) }.sorted { $0.at < $1.at }
        for part in parts {
            if let dropped = drop(upTo: part.start, level) { return dropped }
            let charge = part.chargeWithTax
            if charge > 0, balance - charge <= level {
                let elapsed = ceilDivided((balance - level) * Int128(part.end - part.start), by: charge)
                return fullSecond(part.start + Int64(elapsed))
            }
            balance -= charge
        }
        return drop(upTo: Instant.max, level)
    }

    private mutating func drop(upTo instant: Instant, _ level: Int128) -> Instant? {
        while let next = drops.first, next.at <= instant {
            drops.removeFirst()
            balance -= next.charge
            if balance <= level { return fullSecond(next.at) }
        }
        return nil
    }

    private func fullSecond(_ instant: Instant) -> Instant {
        -floorDiv(-instant, second) * second
    }
}

extension Event {
    /// Section 7: "an event's time is `at` for money and `DayTurned`"; of the others it is the device's.
    fileprivate var ownTime: Instant? {
        switch self {
        case .money(_, let money): money.at
        case .dayTurned(_, let at): at
        default: nil
        }
    }

    fileprivate var isOfSeries: Bool {
        switch self {
        case .reading, .interval, .verdict, .exchanged: true
        default: false
        }
    }

    /// The rules an event sets or removes, of a device that was as `facts` before.
    fileprivate func ruleChanges(of facts: DeviceFacts?) -> [RuleChange] {
        switch self {
        case .registered(_, let registration) where registration.resets.contains("alerts"):
            (facts?.rules.keys.filter { $0 != World.zeroRule } ?? []).map { RuleChange(name: $0, rule: nil) }
                + [RuleChange(name: World.zeroRule, rule: .zero)]
        case .registered(_, let registration): registration.alerts
        case .ruleSet(_, let change): [change]
        default: []
        }
    }
}
