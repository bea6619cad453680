import Access
import MeterModel
import Telegrams

/// Holds what somebody sends against what he may send.
///
/// Invariant: `verdicts[i]` is of name i of the table of names that was in use since `forgetNames`.
struct SendingRights {
    private let principal: Principal
    private var verdicts: ContiguousArray<Verdict> = []

    private enum Verdict: UInt8 { case unknown, covered, foreign }

    init(_ principal: Principal) { self.principal = principal }

    /// To be called when the table of names is begun anew.
    mutating func forgetNames() { verdicts.removeAll(keepingCapacity: true) }

    /// Moves what he may not send from the batch's readings and events to its refusals.
    mutating func restrict(_ batch: inout DecodedBatch, _ names: borrowing TelegramNames) {
        let takesReadings = principal.may(.ingest)
        if takesReadings, principal.devices == nil, batch.events.isEmpty { return }
        var removedCounts: ContiguousArray<Int> = []
        var kept = 0
        for i in batch.readings.indices {
            let draft = batch.readings[i]
            let refusal = takesReadings ? foreignDevice(draft, names) : lacking(.ingest)
            if let refusal {
                batch.refusals.append(
                    RefusedLine(
                        line: draft.line,
                        refusal: refusal,
                        rawOffset: Int(draft.rawOffset),
                        rawByteCount: Int(draft.rawByteCount)
                    )
                )
            } else {
                batch.readings[kept] = draft
                kept += 1
            }
            removedCounts.append(i + 1 - kept)
        }
        batch.readings.removeLast(batch.readings.count - kept)
        var events: [DecodedEvent] = []
        for var event in batch.events {
            if event.readingIndex > 0 { event.readingIndex -= removedCounts[event.readingIndex - 1] }
            if let refusal = refusal(of: event.event) {
                batch.refusals.append(
                    RefusedLine(
                        line: event.line,
                        refusal: refusal,
                        rawOffset: event.rawOffset,
                        rawByteCount: event.rawByteCount
                    )
                )
            } else {
                events.append(event)
            }
        }
        batch.events = events
    }

    private mutating func foreignDevice(_ draft: ReadingDraft, _ names: borrowing TelegramNames) -> Refusal? {
        guard let glob = principal.devices else { return nil }
        while verdicts.count < names.devices.count { verdicts.append(.unknown) }
        if verdicts[Int(draft.device)] == .unknown {
            let isCovered = names.devices.withBytes(of: draft.device) { glob.matches($0) }
            verdicts[Int(draft.device)] = isCovered ? .covered : .foreign
        }
        guard verdicts[Int(draft.device)] == .foreign else { return nil }
        return SendingRights.foreign(names.devices[draft.device])
    }

    private func refusal(of event: MeterEvent) -> Refusal? {
        let right: Right
        switch event {
        case .topUpReceived, .topUpRefunded: right = .topUp
        default: right = .admin
        }
        guard principal.may(right) else { return lacking(right) }
        if principal.devices != nil {
            guard let device = event.device else { return lacking(.admin) }
            if !principal.covers(device) { return SendingRights.foreign(device) }
        }
        return nil
    }

    private func lacking(_ right: Right) -> Refusal {
        Refusal(.notAllowed, "the token does not allow this: it needs \(right.rawValue)")
    }

    private static func foreign(_ device: String) -> Refusal {
        Refusal(.notAllowed, "\(device) is none of the devices that the token is for")
    }
}
