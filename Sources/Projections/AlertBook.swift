import MeterModel
import ReadModel

/// The alert rules of one device, armed or not, and the episodes they opened (semantics, section 7).
///
/// Invariants: a rule is disarmed exactly while it has an open episode; episodes of a rule count from 1 without a hole,
/// also over its removal; `zero` is always there; `lower`, `upper` and `nextReminderAt` follow from the rest. There is
/// one for each device: what most of them have alike they share.
struct AlertBook {
    /// A rule as it was set.
    final class Terms: Sendable {
        let rule: AlertRule
        let name: ByteName
        /// Exact values in money units.
        let level: Money
        let rearm: Money

        init(_ rule: AlertRule) {
            self.rule = rule
            name = ByteName(rule.rule)
            level = Money(rule.level) ?? .zero
            rearm = Money(rule.rearm) ?? .zero
        }

        static let zero = Terms(.zero)

        /// Such as many devices may share.
        static func of(_ rule: AlertRule) -> Terms { rule == .zero ? .zero : Terms(rule) }
    }

    private struct RuleState {
        let terms: Terms
        /// Index in `episodes` while one is open.
        var openEpisode: Int?

        static let initial = [RuleState(terms: .zero)]
    }

    private struct Episode {
        var row: EpisodeRow
        var hasCrossedJob = false
        /// The last of the rule's reminders that was requested, from 1.
        var lastReminder: Int32 = 0
    }

    /// A push that an event asks for.
    struct Request {
        var episode: Int
        /// `crossed`, `cleared` or `reminder-<n>`.
        var kind: String
        var staleAfterMilliseconds: Int64
    }

    /// What an event is to the balance.
    struct Look {
        var device: UInt32
        /// Nil: the event gives the device its first balance.
        var before: Money?
        var after: Money
        var position: Position
        /// The event's time.
        var time: Instant?
        /// The device's clock after the event.
        var clock: Int64?
        /// The rules that the event sets.
        var setRules: Set<ByteName> = []
    }

    /// By name.
    private var rules = RuleState.initial
    private var episodes: [Episode] = []
    /// Indexes of episodes that are not written as they are, some perhaps twice.
    private var unwritten: [Int] = []

    /// Balances above `lower` and up to `upper` change no rule's state.
    private(set) var lower = Money.zero
    private(set) var upper = Money(units: Int128.max)
    /// From this clock on a reminder is due.
    private(set) var nextReminderAt = Int64.max

    /// Every rule that is set: its level, and the balance above which it is armed again.
    var levels: [(name: ByteName, level: Money, rearm: Money)] {
        rules.map { ($0.terms.name, $0.terms.level, $0.terms.rearm) }
    }

    /// The episodes that are not written as they are, as they began.
    var unwrittenEpisodes: [EpisodeRow] {
        unwritten.count <= 1
            ? unwritten.map { episodes[$0].row }
            : Set(unwritten).sorted().map { episodes[$0].row }
    }

    mutating func markWritten() {
        if !unwritten.isEmpty { unwritten = [] }
    }

    /// The episode of a request.
    func episode(of request: Request) -> EpisodeRow { episodes[request.episode].row }

    /// The episode of a rule with a number; nil: there was none.
    func episode(_ number: Int64, ofRule rule: String) -> EpisodeRow? {
        episodes.last { $0.row.episode == number && ByteName($0.row.rule) == ByteName(rule) }?.row
    }

    func isOpen(rule: String, episode: Int64) -> Bool {
        rules.contains { state in
            guard state.terms.name == ByteName(rule), let open = state.openEpisode else { return false }
            return episodes[open].row.episode == episode
        }
    }

    // MARK: Rules

    /// By name.
    var allRules: [AlertRule] { rules.map(\.terms.rule) }

    /// Sets a rule; one of that name keeps its episode and count.
    mutating func set(_ rule: AlertRule) {
        var state = RuleState(terms: Terms(rule))
        if let i = rules.firstIndex(where: { $0.terms.name >= state.terms.name }) {
            if rules[i].terms.name == state.terms.name {
                state.openEpisode = rules[i].openEpisode
                rules[i] = state
            } else {
                rules.insert(state, at: i)
            }
        } else {
            rules.append(state)
        }
        refresh()
    }

    /// Removes a rule; its episode closes without a push.
    mutating func remove(_ name: String, position: Position, time: Instant?) {
        guard let i = rules.firstIndex(where: { $0.terms.name == ByteName(name) }) else { return }
        if let open = rules[i].openEpisode { close(open, position, time) }
        rules.remove(at: i)
        refresh()
    }

    /// Removes every rule but `zero`, which is set as it is by default.
    mutating func reset(position: Position, time: Instant?) {
        for terms in rules.map(\.terms) where terms.name != Terms.zero.name {
            remove(terms.rule.rule, position: position, time: time)
        }
        set(.zero)
    }

    // MARK: Crossings

    /// Takes in what an event did to the balance and the clock.
    ///
    /// `crossedAt`: when the balance reached a level on its way down.
    /// - Returns: the pushes to request: of several crossings the one with the lowest level, of equals the first name.
    mutating func look(_ look: Look, crossedAt: (Money) -> Instant?) -> [Request] {
        var requests: [Request] = []
        var severest: (terms: Terms, episode: Int)?
        for i in rules.indices {
            let terms = rules[i].terms
            if let open = rules[i].openEpisode {
                guard look.after > terms.rearm else { continue }
                close(open, look.position, look.time)
                rules[i].openEpisode = nil
                if terms.rule.cleared, episodes[open].hasCrossedJob { requests.append(request(open, "cleared", terms)) }
            } else if look.after <= terms.level {
                // Whoever sets a rule, or begins below it, is not paged for it.
                let isSilent = look.before == nil || look.setRules.contains(terms.name)
                let episode = open(
                    terms,
                    look,
                    before: isSilent ? look.after : look.before ?? look.after,
                    crossedAt: isSilent ? look.time : crossedAt(terms.level)
                )
                rules[i].openEpisode = episode
                if !isSilent, severest.map({ terms.level < $0.terms.level }) ?? true { severest = (terms, episode) }
            }
        }
        if let severest {
            episodes[severest.episode].hasCrossedJob = true
            requests.append(request(severest.episode, "crossed", severest.terms))
        }
        requests += reminders(look)
        refresh()
        return requests
    }

    /// The reminders that an event's clock has reached, of several due at once the last alone.
    private mutating func reminders(_ look: Look) -> [Request] {
        guard let clock = look.clock else { return [] }
        var requests: [Request] = []
        for state in rules {
            guard let open = state.openEpisode, episodes[open].hasCrossedJob,
                episodes[open].row.position < look.position,
                let crossedAt = episodes[open].row.crossedAt?.milliseconds
            else { continue }
            let due = Int32(state.terms.rule.remindersMilliseconds.count { crossedAt + $0 <= clock })
            guard due > episodes[open].lastReminder else { continue }
            episodes[open].lastReminder = due
            requests.append(request(open, "reminder-\(due)", state.terms))
        }
        return requests
    }

    private func request(_ episode: Int, _ kind: String, _ terms: Terms) -> Request {
        Request(episode: episode, kind: kind, staleAfterMilliseconds: terms.rule.staleAfterMilliseconds)
    }

    private mutating func open(_ terms: Terms, _ look: Look, before: Money, crossedAt: Instant?) -> Int {
        let former = episodes.last { ByteName($0.row.rule) == terms.name }
        unwritten.append(episodes.count)
        episodes.append(
            Episode(
                row: EpisodeRow(
                    deviceID: look.device,
                    rule: terms.rule.rule,
                    episode: (former?.row.episode ?? 0) + 1,
                    position: look.position,
                    crossedAt: crossedAt,
                    balanceBefore: before,
                    balanceAfter: look.after
                )
            )
        )
        return episodes.count - 1
    }

    private mutating func close(_ episode: Int, _ position: Position, _ time: Instant?) {
        episodes[episode].row.cleared = EpisodeRow.Clearing(position: position, at: time)
        unwritten.append(episode)
    }

    private mutating func refresh() {
        lower = Money(units: Int128.min)
        upper = Money(units: Int128.max)
        nextReminderAt = Int64.max
        for state in rules {
            guard let open = state.openEpisode else {
                lower = max(lower, state.terms.level)
                continue
            }
            upper = min(upper, state.terms.rearm)
            let episode = episodes[open]
            guard episode.hasCrossedJob, let crossedAt = episode.row.crossedAt?.milliseconds else { continue }
            let reminders = state.terms.rule.remindersMilliseconds
            guard episode.lastReminder < reminders.count else { continue }
            nextReminderAt = min(nextReminderAt, crossedAt + reminders[Int(episode.lastReminder)])
        }
    }
}

// MARK: Snapshots

extension AlertBook {
    /// Whether nothing was ever set and no episode began, as of most devices.
    private var isInitial: Bool {
        rules.count == 1 && rules[0].terms.rule == .zero && rules[0].openEpisode == nil && episodes.isEmpty
    }

    func write(to out: SnapshotWriter) throws(SnapshotFault) {
        guard unwritten.isEmpty else { throw SnapshotFault("episodes are still to be written") }
        out.flag(isInitial)
        if isInitial { return }
        out.count(rules.count)
        for state in rules {
            out.rule(state.terms.rule)
            out.count(state.openEpisode.map { $0 + 1 } ?? 0)
        }
        out.count(episodes.count)
        for episode in episodes {
            out.word(episode.row.rule)
            out.zigzag(episode.row.episode)
            out.position(episode.row.position)
            out.optional(episode.row.crossedAt, out.instant)
            out.money(episode.row.balanceBefore)
            out.money(episode.row.balanceAfter)
            out.optional(episode.row.cleared) { cleared in
                out.position(cleared.position)
                out.optional(cleared.at, out.instant)
            }
            out.flag(episode.hasCrossedJob)
            out.count(Int(episode.lastReminder))
        }
    }

    init(from reader: SnapshotReader, device: UInt32) throws(SnapshotFault) {
        if try reader.flag() { return }
        rules = []
        for _ in 0..<(try reader.count()) {
            let terms = try reader.rule()
            let open = try reader.index(below: Int(Int32.max))
            rules.append(RuleState(terms: terms, openEpisode: open == 0 ? nil : open - 1))
        }
        for _ in 0..<(try reader.count()) {
            let row = EpisodeRow(
                deviceID: device,
                rule: try reader.word(),
                episode: try reader.zigzag(),
                position: try reader.position(),
                crossedAt: try reader.optional(reader.instant),
                balanceBefore: try reader.money(),
                balanceAfter: try reader.money(),
                cleared: try AlertBook.clearing(from: reader)
            )
            let hasCrossedJob = try reader.flag()
            let lastReminder = Int32(try reader.index(below: Int(Int32.max)))
            episodes.append(Episode(row: row, hasCrossedJob: hasCrossedJob, lastReminder: lastReminder))
        }
        for state in rules {
            guard state.openEpisode ?? -1 < episodes.count else { throw reader.malformed("an open episode") }
        }
        refresh()
    }

    private static func clearing(from reader: SnapshotReader) throws(SnapshotFault) -> EpisodeRow.Clearing? {
        guard try reader.flag() else { return nil }
        return EpisodeRow.Clearing(position: try reader.position(), at: try reader.optional(reader.instant))
    }
}
