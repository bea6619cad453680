import MeterModel
import ReadModel

/// The alert rules of one device, armed or not, and the episodes they opened (semantics, section 7).
///
/// Invariants: a rule is disarmed exactly while it has an open episode; episodes of a rule count from 1 without a hole,
/// also over its removal; `zero` is always there; `lower`, `upper` and `nextReminderAt` follow from the rest.
struct AlertBook {
    private struct RuleState {
        var rule: AlertRule
        /// Exact values in money units.
        var level: Money
        var rearm: Money
        /// Index in `episodes` while one is open.
        var openEpisode: Int?

        init(_ rule: AlertRule) {
            self.rule = rule
            level = Money(rule.level) ?? .zero
            rearm = Money(rule.rearm) ?? .zero
        }
    }

    /// What is known of an episode beside its row.
    private struct Pushes {
        var hasCrossedJob = false
        /// The last of the rule's reminders that was requested, from 1.
        var lastReminder = 0
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
    private var rules: [RuleState] = [RuleState(.zero)]
    private var counts: [ByteName: Int64] = [:]
    private(set) var episodes: [EpisodeRow] = []
    private var pushes: [Pushes] = []
    /// Indexes of episodes that are not written as they are.
    private(set) var unwritten: Set<Int> = []

    /// Balances above `lower` and up to `upper` change no rule's state.
    private(set) var lower = Money.zero
    private(set) var upper = Money(units: Int128.max)
    /// From this clock on a reminder is due.
    private(set) var nextReminderAt = Int64.max

    /// Every rule that is set: its level, and the balance above which it is armed again.
    var levels: [(name: ByteName, level: Money, rearm: Money)] {
        rules.map { (ByteName($0.rule.rule), $0.level, $0.rearm) }
    }

    mutating func markWritten() { unwritten.removeAll(keepingCapacity: true) }

    func isOpen(rule: String, episode: Int64) -> Bool {
        rules.contains { state in
            guard ByteName(state.rule.rule) == ByteName(rule), let open = state.openEpisode else { return false }
            return episodes[open].episode == episode
        }
    }

    // MARK: Rules

    /// By name.
    var allRules: [AlertRule] { rules.map(\.rule) }

    /// Sets a rule; one of that name keeps its episode and count.
    mutating func set(_ rule: AlertRule) {
        var state = RuleState(rule)
        if let i = rules.firstIndex(where: { ByteName($0.rule.rule) >= ByteName(rule.rule) }) {
            if ByteName(rules[i].rule.rule) == ByteName(rule.rule) {
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
        guard let i = rules.firstIndex(where: { ByteName($0.rule.rule) == ByteName(name) }) else { return }
        if let open = rules[i].openEpisode { close(open, position, time) }
        rules.remove(at: i)
        refresh()
    }

    /// Removes every rule but `zero`, which is set as it is by default.
    mutating func reset(position: Position, time: Instant?) {
        for name in rules.map(\.rule.rule) where ByteName(name) != ByteName(AlertRule.zero.rule) {
            remove(name, position: position, time: time)
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
        var severest: (state: Int, episode: Int)?
        for i in rules.indices {
            if let open = rules[i].openEpisode {
                guard look.after > rules[i].rearm else { continue }
                close(open, look.position, look.time)
                rules[i].openEpisode = nil
                if rules[i].rule.cleared, pushes[open].hasCrossedJob {
                    requests.append(request(open, "cleared", rules[i]))
                }
            } else if look.after <= rules[i].level {
                // Whoever sets a rule, or begins below it, is not paged for it.
                let isSilent = look.before == nil || look.setRules.contains(ByteName(rules[i].rule.rule))
                let episode = open(
                    rules[i],
                    look,
                    before: isSilent ? look.after : look.before ?? look.after,
                    crossedAt: isSilent ? look.time : crossedAt(rules[i].level)
                )
                rules[i].openEpisode = episode
                if !isSilent, severest.map({ rules[i].level < rules[$0.state].level }) ?? true {
                    severest = (i, episode)
                }
            }
        }
        if let severest {
            pushes[severest.episode].hasCrossedJob = true
            requests.append(request(severest.episode, "crossed", rules[severest.state]))
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
            guard let open = state.openEpisode, pushes[open].hasCrossedJob, episodes[open].position < look.position,
                let crossedAt = episodes[open].crossedAt?.milliseconds
            else { continue }
            let due = state.rule.remindersMilliseconds.count { crossedAt + $0 <= clock }
            guard due > pushes[open].lastReminder else { continue }
            pushes[open].lastReminder = due
            requests.append(request(open, "reminder-\(due)", state))
        }
        return requests
    }

    private func request(_ episode: Int, _ kind: String, _ state: RuleState) -> Request {
        Request(episode: episode, kind: kind, staleAfterMilliseconds: state.rule.staleAfterMilliseconds)
    }

    private mutating func open(_ state: RuleState, _ look: Look, before: Money, crossedAt: Instant?) -> Int {
        let name = ByteName(state.rule.rule)
        let number = (counts[name] ?? 0) + 1
        counts[name] = number
        unwritten.insert(episodes.count)
        episodes.append(
            EpisodeRow(
                deviceID: look.device,
                rule: state.rule.rule,
                episode: number,
                position: look.position,
                crossedAt: crossedAt,
                balanceBefore: before,
                balanceAfter: look.after
            )
        )
        pushes.append(Pushes())
        return episodes.count - 1
    }

    private mutating func close(_ episode: Int, _ position: Position, _ time: Instant?) {
        episodes[episode].cleared = EpisodeRow.Clearing(position: position, at: time)
        unwritten.insert(episode)
    }

    private mutating func refresh() {
        lower = Money(units: Int128.min)
        upper = Money(units: Int128.max)
        nextReminderAt = Int64.max
        for state in rules {
            guard let open = state.openEpisode else {
                lower = max(lower, state.level)
                continue
            }
            upper = min(upper, state.rearm)
            guard pushes[open].hasCrossedJob, let crossedAt = episodes[open].crossedAt?.milliseconds else { continue }
            let reminders = state.rule.remindersMilliseconds
            guard pushes[open].lastReminder < reminders.count else { continue }
            nextReminderAt = min(nextReminderAt, crossedAt + reminders[pushes[open].lastReminder])
        }
    }
}
