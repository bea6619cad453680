import MeterModel

extension DeliveryBook {
    /// The one final outcome of a job that has ended on all channels; nil where it has not.
    ///
    /// Delivered where one channel has it; else superseded or stale where one ended so; else it died.
    func outcome(_ job: Held, at now: Instant) -> PushOutcome? {
        var ends: [End] = []
        for slot in job.slots {
            guard case .ended(let end) = slot else { return nil }
            ends.append(end)
        }
        let names = lanes.map(\.configuration.name)
        let takers = ends.indices.filter { if case .delivered = ends[$0] { true } else { false } }
        let kind: PushOutcome.Kind
        if !takers.isEmpty {
            kind = .delivered
        } else if ends.contains(.superseded) {
            kind = .superseded
        } else {
            kind = ends.contains(.stale) ? .stale : .died
        }
        let isOfAll = kind == .superseded || kind == .stale
        return PushOutcome(
            kind: kind,
            job: job.job.job,
            at: now,
            channel: isOfAll
                ? nil : (takers.isEmpty ? Array(names.indices) : takers).map { names[$0] }.joined(separator: ","),
            attempt: kind == .delivered ? job.deliveredBy : nil,
            response: isOfAll ? nil : response(ends, names)
        )
    }

    /// What the channels said; with their names where there are several.
    private func response(_ ends: [End], _ names: [String]) -> String {
        let texts = ends.map { end in
            switch end {
            case .delivered(let answer): answer.text
            case .gaveUp(let cause): cause
            case .superseded: "superseded"
            case .stale: "stale"
            }
        }
        if texts.count == 1 { return texts[0] }
        return zip(names, texts).map { "\($0): \($1)" }.joined(separator: "; ")
    }
}

extension DeliveryBook {
    /// The part of the capacity that is made free at once, so that looking for it is seldom.
    private static let roomPart = 8

    /// Lets go of jobs that come up latest, if later than what asks for room: nothing of them runs, all waits. What no
    /// channel has is left to the log, to be looked for there again. What some channel has is settled as delivered,
    /// naming those that never got it: else it would be sent again to those that have it, or memory would grow with
    /// every day a receiver is dead.
    mutating func makeRoom(at now: Instant, before newcomer: Instant?) {
        guard let newcomer else { return }
        var candidates: [(key: ByteName, begin: Instant)] = []
        for (key, job) in held {
            if let begin = earliestBegin(job), begin > max(now, newcomer) { candidates.append((key, begin)) }
        }
        candidates.sort { $0.begin == $1.begin ? $0.key < $1.key : $0.begin > $1.begin }
        for candidate in candidates.prefix(max(1, capacity / Self.roomPart)) {
            guard let job = held[candidate.key] else { continue }
            for channel in lanes.indices {
                guard case .waiting = job.slots[channel] else { continue }
                if job.deliveredBy != nil {
                    end(candidate.key, channel, .gaveUp("not delivered: too many jobs wait"), at: now)
                } else {
                    lanes[channel].waiting -= 1
                }
            }
            if job.deliveredBy == nil {
                held[candidate.key] = nil
                leftBehind = true
            }
        }
    }

    /// When something of a job may begin; nil where something runs or all has ended.
    private func earliestBegin(_ job: Held) -> Instant? {
        var earliest: Instant?
        for channel in lanes.indices {
            switch job.slots[channel] {
            case .running: return nil
            case .ended: continue
            case .waiting(let due, _):
                // A channel that is disabled or being probed: later than all that is known.
                let begin = begin(channel, due) ?? Instant(milliseconds: .max)
                earliest = min(earliest ?? begin, begin)
            }
        }
        return earliest
    }

    /// How the channels are doing.
    func statuses(at now: Instant) -> [ChannelStatus] {
        lanes.map { lane in
            let state: ChannelStatus.State =
                switch lane.circuit.state {
                case .closed: .ready
                case .open: .failing
                case .probing: .probing
                case .disabled: .disabled
                }
            return ChannelStatus(
                name: lane.configuration.name,
                state: state,
                consecutiveFailures: lane.circuit.consecutiveFailures,
                lastAnswer: lane.lastAnswer?.text,
                lastAnswerAt: lane.lastAnswer?.at,
                lastSuccessAt: lane.lastSuccessAt,
                nextTry: lane.circuit.nextBegin.flatMap { $0 > now ? $0 : nil },
                running: lane.running,
                waiting: lane.waiting,
                delivered: lane.delivered,
                failed: lane.failed
            )
        }
    }
}
