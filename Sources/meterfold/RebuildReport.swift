import Glibc
import MeterModel
import ReadModel

/// What a rebuild found.
struct RebuildReport: Sendable {
    /// How the fresh views stand to the old ones.
    enum Finding: Sendable {
        case compared(ViewComparison, seconds: Double)
        /// Why they are not compared, in words.
        case notCompared(String)
    }

    var position: Position
    var finding: Finding

    /// Whether views were there that differ.
    var differs: Bool {
        if case .compared(let comparison, _) = finding { return !comparison.isEqual }
        return false
    }

    /// Tells it.
    ///
    /// - Parameters:
    ///   - console: is told.
    ///   - views: the views' path.
    ///   - seconds: how long it took.
    func tell(_ console: any Console, views: String, seconds: Double) {
        let rate = Int(Double(position.rawValue) / max(seconds, 0.000_001))
        console.print("rebuilt \(position.rawValue) events in \(SecondsText(seconds)) s, \(rate)/s")
        switch finding {
        case .notCompared(let reason): console.print(reason)
        case .compared(let comparison, let seconds) where comparison.isEqual:
            console.print("equal to the old views, table by table; compared in \(SecondsText(seconds)) s")
        case .compared(let comparison, _):
            console.print("they differ from the old views, which are kept as \(views).before:")
            for table in comparison.tables where table.differenceCount > 0 { tell(table, console) }
        }
    }

    private func tell(_ table: ViewComparison.Table, _ console: any Console) {
        console.print(
            "  \(table.name): \(table.differenceCount) rows differ "
                + "(\(table.ourCount) before, \(table.theirCount) now)"
        )
        for difference in table.differences.prefix(3) {
            console.print("    before \(difference.ours ?? "-")")
            console.print("    now    \(difference.theirs ?? "-")")
        }
    }

    /// Puts fresh views in the place of the old ones.
    static func swap(_ fresh: String, _ views: String, keepsOld: Bool) throws {
        if keepsOld { rename(views, views + ".before") }
        for suffix in ["-wal", "-shm"] { unlink(views + suffix) }
        guard rename(fresh, views) == 0 else {
            throw Failure(
                place: views,
                cause: "cannot be replaced: \(String(cString: strerror(errno)))",
                hint: "the fresh views are \(fresh)"
            )
        }
    }
}
