import MeterModel

/// The laws of episodes and pushes that the rows alone can tell.
extension ViewAudit {
    private struct EpisodeKey: Hashable {
        var device: UInt32
        var rule: ByteName
        var number: Int64
    }

    /// An event that opened episodes of a device.
    private struct Crossing: Hashable {
        var device: UInt32
        var position: Int64
    }

    private struct Episode {
        var position: Int64
        /// Nobody is paged where a rule begins below its level: the balance did not fall at that event.
        var isSilent: Bool
        var clearedPosition: Int64?
    }

    private struct Job {
        var id: String
        var episode: EpisodeKey
        var kind: String
        var position: Int64

        var subject: String { "job \(id)" }
    }

    mutating func readAlerts(_ reader: ViewReader) throws {
        let (episodes, crossings) = try readEpisodes(reader)
        var pushed: Set<EpisodeKey> = []
        var pushCounts: [Crossing: Int] = [:]
        var others: [Job] = []
        let rows = try reader.statement(
            "SELECT job, device_id, rule, episode, kind, requested_position FROM push_job ORDER BY job"
        )
        while try rows.step() {
            let job = Job(
                id: rows.text(0),
                episode: EpisodeKey(
                    device: UInt32(truncatingIfNeeded: rows.integer(1)),
                    rule: ByteName(rows.text(2)),
                    number: rows.integer(3)
                ),
                kind: rows.text(4),
                position: rows.integer(5)
            )
            guard let episode = episodes[job.episode] else {
                note(.pushes, job.episode.device, job.subject, expected: "the episode it tells of", found: "none")
                continue
            }
            checkName(job)
            if job.kind == "crossed" {
                checkCrossed(job, episode)
                pushed.insert(job.episode)
                pushCounts[Crossing(device: job.episode.device, position: episode.position), default: 0] += 1
            } else {
                others.append(job)
            }
        }
        for job in others {
            if !pushed.contains(job.episode) {
                note(
                    .pushes,
                    job.episode.device,
                    job.subject,
                    expected: "a job that told of the crossing",
                    found: "none"
                )
            }
            if let episode = episodes[job.episode] { checkLater(job, episode) }
        }
        for crossing in crossings {
            let count = pushCounts[crossing] ?? 0
            guard count != 1 else { continue }
            let subject = "pushes for the crossing at position \(crossing.position)"
            note(.pushes, crossing.device, subject, expected: 1, found: count)
        }
    }

    /// - Returns: all episodes, and the crossings that must be told of, in order and each once.
    private mutating func readEpisodes(_ reader: ViewReader) throws -> ([EpisodeKey: Episode], [Crossing]) {
        var episodes: [EpisodeKey: Episode] = [:]
        var crossings: [Crossing] = []
        var seen: Set<Crossing> = []
        var previous: (key: EpisodeKey, episode: Episode)?
        let rows = try reader.statement(
            """
            SELECT device_id, rule, episode, position, balance_before, balance_after, cleared_position
            FROM episode ORDER BY device_id, rule, episode
            """
        )
        while try rows.step() {
            let key = EpisodeKey(
                device: UInt32(truncatingIfNeeded: rows.integer(0)),
                rule: ByteName(rows.text(1)),
                number: rows.integer(2)
            )
            let before = try money(rows, 4)
            let after = try money(rows, 5)
            let episode = Episode(
                position: rows.integer(3),
                isSilent: before == after,
                clearedPosition: rows.integerOrNil(6)
            )
            episodes[key] = episode
            checkSequence(key, episode, after: previous.flatMap { isSameRule($0.key, key) ? $0 : nil })
            if episode.clearedPosition == nil { openRules[key.device, default: []].insert(key.rule) }
            if before < after {
                let subject = "balance after the crossing of \(key.rule.text), episode \(key.number)"
                note(.episodes, key.device, subject, expected: "at most \(before.exactText)", found: after.exactText)
            }
            let crossing = Crossing(device: key.device, position: episode.position)
            if !episode.isSilent, seen.insert(crossing).inserted { crossings.append(crossing) }
            previous = (key, episode)
        }
        return (episodes, crossings)
    }

    private func isSameRule(_ a: EpisodeKey, _ b: EpisodeKey) -> Bool { a.device == b.device && a.rule == b.rule }

    /// Episodes of a rule count from 1 without a hole, and each ends before the next begins.
    private mutating func checkSequence(
        _ key: EpisodeKey,
        _ episode: Episode,
        after previous: (key: EpisodeKey, episode: Episode)?
    ) {
        let number = (previous?.key.number ?? 0) + 1
        if key.number != number {
            note(.episodes, key.device, "number of an episode of \(key.rule.text)", expected: number, found: key.number)
        }
        let subject = "\(key.rule.text), episode \(key.number)"
        if let previous {
            let ended = previous.episode.clearedPosition
            if ended.map({ $0 > episode.position }) ?? true {
                note(
                    .episodes,
                    key.device,
                    subject,
                    expected: "to begin after episode \(previous.key.number) ended",
                    found: ended.map { "that one ending at position \($0)" } ?? "that one open"
                )
            }
        }
        if let ended = episode.clearedPosition, ended <= episode.position {
            note(
                .episodes,
                key.device,
                subject,
                expected: "to end after position \(episode.position)",
                found: "position \(ended)"
            )
        }
    }

    // MARK: Jobs

    private mutating func checkName(_ job: Job) {
        let key = job.episode
        let id = "\(name(of: key.device))/\(key.rule.text)/\(key.number)/\(job.kind)"
        if ByteName(id) != ByteName(job.id) { note(.pushes, key.device, job.subject, expected: id, found: job.id) }
    }

    private mutating func checkCrossed(_ job: Job, _ episode: Episode) {
        if episode.isSilent {
            note(
                .pushes,
                job.episode.device,
                job.subject,
                expected: "no push for a rule that began below its level",
                found: "one"
            )
        }
        guard job.position != episode.position else { return }
        note(
            .pushes,
            job.episode.device,
            job.subject,
            expected: "requested at position \(episode.position)",
            found: "position \(job.position)"
        )
    }

    /// A clearing is requested by the event that ends the episode, a reminder by one within it.
    private mutating func checkLater(_ job: Job, _ episode: Episode) {
        let ended = episode.clearedPosition
        let isRight: Bool
        let expected: String
        if job.kind == "cleared" {
            isRight = ended == job.position
            expected = ended.map { "requested at position \($0)" } ?? "none while the episode is open"
        } else {
            isRight = job.position > episode.position && (ended.map { job.position < $0 } ?? true)
            expected =
                "requested after position \(episode.position)" + (ended.map { " and before position \($0)" } ?? "")
        }
        guard !isRight else { return }
        note(.pushes, job.episode.device, job.subject, expected: expected, found: "position \(job.position)")
    }
}
