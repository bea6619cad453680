import Billing
package import MeterModel
package import ReadModel

/// A push job and what it tells of, whatever has happened since.
package struct RequestedJob: Sendable {
    package var row: PushJobRow
    package var device: String
    package var currency: Currency?
    package var episode: EpisodeRow?
}

/// A device's balance as the views now show it.
package struct BalanceChange: Sendable {
    package var device: String
    package var currency: Currency
    package var balance: Money
    /// The device's clock.
    package var asOf: Instant?
}

/// Who is told what a live projector does, by its thread: what is told must be passed on at once.
package protocol ProjectionFollowing: Sendable {
    /// Jobs were requested; the views do not show them yet.
    func requested(_ jobs: [RequestedJob])

    /// The views show everything up to `position`: these balances differ from before, and these jobs were requested.
    func committed(_ position: Position, balances: [BalanceChange], jobs: [RequestedJob])

    /// Nothing is folded any more.
    func failed(_ error: any Error)
}

extension Fold {
    /// The jobs that were requested since this was last asked, and are still pending, by position of their request.
    func takeUntoldJobs() -> [RequestedJob] {
        guard let names = untoldJobs, !names.isEmpty else { return [] }
        untoldJobs = []
        let pending = names.compactMap { jobs[$0] }.filter { $0.state == .pending }
        return pending.enumerated().sorted { a, b in
            (a.element.requestedPosition, a.offset) < (b.element.requestedPosition, b.offset)
        }
        .map { told($0.element) }
    }

    /// A job that has no final outcome yet, and what it tells of; nil of one that has, or that there is not.
    package func unsettledJob(_ job: String) -> RequestedJob? {
        guard let row = jobs[ByteName(job)], row.state == .pending || row.state == .failed else { return nil }
        return told(row)
    }

    /// All jobs that have no final outcome yet, by position of their request, then id.
    package func unsettledJobs() -> [PushJobRow] {
        jobs.values.filter { $0.state == .pending || $0.state == .failed }.sorted {
            ($0.requestedPosition, ByteName($0.job)) < ($1.requestedPosition, ByteName($1.job))
        }
    }

    /// What a job tells of.
    package func told(_ row: PushJobRow) -> RequestedJob {
        let device = devices[Int(row.deviceID)]
        return RequestedJob(
            row: row,
            device: device.name,
            currency: device.currency,
            episode: device.alerts.episode(row.episode, ofRule: row.rule)
        )
    }

    /// The balances that differ from what this said last, of the devices whose rows are to be written.
    func takeChangedBalances() -> [BalanceChange] {
        var changes: [BalanceChange] = []
        forEach(ofDevices: queuedDevices.sorted()[...]) { device in
            guard device.hasBalance, let currency = device.currency, let balance = device.exactBalance(),
                balance != device.toldBalance
            else { return }
            device.toldBalance = balance
            changes.append(
                BalanceChange(
                    device: device.name,
                    currency: currency,
                    balance: balance,
                    asOf: clock(of: device).map(Instant.init(milliseconds:))
                )
            )
        }
        return changes
    }
}
