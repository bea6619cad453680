import MeterModel
import ReadModel

/// The alert rules of one device, armed or not, and the episodes they opened (semantics, section 7).
///
/// Invariants: a rule is disarmed exactly while it has an open episode; episodes of a rule count from 1 without a hole.
struct AlertBook {
    struct RuleState {
        var rule: AlertRule
        /// Exact values in money units.
        var level: Money
        var rearm: Money
        var episodeCount: Int64 = 0
        /// Index in `episodes` while one is open.
        var openEpisode: Int?
    }

    private(set) var rules: [RuleState] = []
    private(set) var episodes: [EpisodeRow] = []
    /// Episodes from here on, and those in `changed`, are not written yet.
    private(set) var unwritten: Set<Int> = []

    /// Levels between which a change of balance does nothing: above `lower`, up to `upper`.
    private(set) var lower = Money(units: Int128.min)
    private(set) var upper = Money(units: Int128.max)

    /// A crossing that a push may tell of.
    struct Crossing {
        var rule: AlertRule
        var level: Money
        var episode: Int
    }

    mutating func markWritten() { unwritten.removeAll(keepingCapacity: true) }

    func isOpen(rule: String, episode: Int64) -> Bool {
        rules.contains { state in
            guard state.rule.rule == rule, let open = state.openEpisode else { return false }
            return episodes[open].episode == episode
        }
    }

    /// Gives a device its default rule with its first balance: at or below the level it starts disarmed, without a push.
    mutating func begin(device: UInt32, balance: Money, position: Position, eventTime: Instant?) {
        var state = RuleState(rule: .zero, level: Money(.zero) ?? .zero, rearm: Money(.zero) ?? .zero)
        if balance <= state.level {
            open(
                &state,
                device: device,
                before: balance,
                after: balance,
                position: position,
                crossedAt: eventTime
            )
        }
        rules.append(state)
        refreshLevels()
    }

    /// Takes in a change of balance.
    ///
    /// - Parameter crossedAt: when the balance reached a level on its way down.
    /// - Returns: the crossing to push, if one: of several the one with the lowest level, of equals the first name.
    mutating func follow(
        device: UInt32,
        from before: Money,
        to after: Money,
        position: Position,
        eventTime: Instant?,
        crossedAt: (Money) -> Instant?
    ) -> Crossing? {
        var severest: Crossing?
        for i in rules.indices {
            if let open = rules[i].openEpisode {
                guard after > rules[i].rearm else { continue }
                episodes[open].cleared = EpisodeRow.Clearing(position: position, at: eventTime)
                unwritten.insert(open)
                rules[i].openEpisode = nil
            } else if after <= rules[i].level {
                var state = rules[i]
                open(
                    &state,
                    device: device,
                    before: before,
                    after: after,
                    position: position,
                    crossedAt: crossedAt(state.level)
                )
                rules[i] = state
                let crossing = Crossing(rule: rules[i].rule, level: rules[i].level, episode: episodes.count - 1)
                if severest.map({ (crossing.level, crossing.rule.rule) < ($0.level, $0.rule.rule) }) ?? true {
                    severest = crossing
                }
            }
        }
        refreshLevels()
        return severest
    }

    private mutating func open(
        _ state: inout RuleState,
        device: UInt32,
        before: Money,
        after: Money,
        position: Position,
        crossedAt: Instant?
    ) {
        state.episodeCount += 1
        state.openEpisode = episodes.count
        unwritten.insert(episodes.count)
        episodes.append(
            EpisodeRow(
                deviceID: device,
                rule: state.rule.rule,
                episode: state.episodeCount,
                position: position,
                crossedAt: crossedAt,
                balanceBefore: before,
                balanceAfter: after
            )
        )
    }

    private mutating func refreshLevels() {
        lower = rules.lazy.filter { $0.openEpisode == nil }.map(\.level).max() ?? Money(units: Int128.min)
        upper = rules.lazy.filter { $0.openEpisode != nil }.map(\.rearm).min() ?? Money(units: Int128.max)
    }
}
