import FleetSimulator
import Synchronization

/// Runs the jobs of tasks one at a time, in an order that a seed decides, on the thread that asks it to.
///
/// Invariant: one thread hands jobs over and runs them; a job runs within `runOne` alone.
final class SimulatedExecutor: TaskExecutor {
    private let jobs = Mutex<[UnownedJob]>([])

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
    }

    /// Runs one of the jobs that wait.
    ///
    /// - Returns: false where none does.
    func runOne(_ random: inout SeededGenerator) -> Bool {
        let count = jobs.withLock { $0.count }
        guard count > 0 else { return false }
        let chosen = random.below(count)
        let job = jobs.withLock { $0.remove(at: chosen) }
        job.runSynchronously(on: asUnownedTaskExecutor())
        return true
    }

    /// Runs jobs until none waits.
    func runAll(_ random: inout SeededGenerator) {
        while runOne(&random) {}
    }
}
