import Logging
import MeterModel
import Notifications
import Projections
import QueryAPI
import ReadModel
import Synchronization

/// Passes on what the projector does: jobs to the notifier at once, changes to the feed once the views show them.
final class LiveFollower: ProjectionFollowing {
    private let feed: FeedRing
    private let logger: Logger
    private let onFailure: @Sendable (any Error) -> Void
    private let notifierBox = Mutex<Notifier?>(nil)

    init(feed: FeedRing, logger: Logger, onFailure: @escaping @Sendable (any Error) -> Void) {
        self.feed = feed
        self.logger = logger
        self.onFailure = onFailure
    }

    /// From now on jobs are handed to it.
    func attach(_ notifier: Notifier) { notifierBox.withLock { $0 = notifier } }

    func requested(_ jobs: [RequestedJob]) {
        guard let notifier = notifierBox.withLock({ $0 }) else { return }
        notifier.offer(jobs.map { PushJob($0) })
    }

    func committed(_ position: Position, balances: [BalanceChange], jobs: [RequestedJob]) {
        var items = jobs.map { item($0, at: position) }
        for balance in balances { items.append(item(balance, at: position)) }
        feed.publish(items, through: position)
    }

    func failed(_ error: any Error) {
        logger.critical("the views cannot be written", metadata: ["error": "\(error)"])
        onFailure(error)
    }

    private func item(_ job: RequestedJob, at position: Position) -> FeedItem {
        var line = JSONLine()
        line.add("device", job.device)
        line.add("job", job.row.job)
        line.add("rule", job.row.rule)
        line.add("episode", job.row.episode)
        line.add("kind", job.row.kind)
        line.add("crossedAt", job.episode?.crossedAt?.rfc3339)
        line.add("balanceBefore", job.episode?.balanceBefore.exactText)
        line.add("balanceAfter", job.episode?.balanceAfter.exactText)
        line.add("currency", job.currency?.description)
        line.add("position", Int64(job.row.requestedPosition.rawValue))
        let kind: FeedItem.Kind =
            job.row.kind == "crossed" ? .crossed : job.row.kind == "cleared" ? .cleared : .reminder
        return FeedItem(position: position, kind: kind, device: job.device, data: Array(line.text.utf8))
    }

    private func item(_ change: BalanceChange, at position: Position) -> FeedItem {
        FeedItem(
            position: position,
            kind: .balance,
            device: change.device,
            content: .balance(change.balance, currency: change.currency, asOf: change.asOf)
        )
    }
}
