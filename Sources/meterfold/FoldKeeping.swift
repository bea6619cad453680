import ArgumentParser
import Logging
import MeterModel
import Projections

extension DataDirectory {
    /// Where the fold is kept from which the next start goes on.
    var foldSnapshot: String { "\(path)/\(FoldSnapshots.fileName)" }

    /// The snapshot of its fold.
    ///
    /// - Parameters:
    ///   - zones: the rules that are folded by.
    ///   - reserve: free bytes of the disk that it leaves, for what is acknowledged goes before.
    ///   - tell: told of everything.
    /// - Returns: what writes and loads it.
    func foldSnapshots(
        _ zones: any ZoneSource,
        reserve: Int,
        _ tell: @escaping (FoldSnapshots.News) -> Void
    ) -> FoldSnapshots {
        FoldSnapshots(
            directory: path,
            zones: zones,
            program: Meterfold.configuration.version,
            hasRoom: { [path] in DiskSpace.free(at: path).map { $0 > UInt64(reserve) } ?? true },
            tell: tell
        )
    }

    /// The same for a command, which says no more of it than what it must.
    func foldSnapshots(_ zones: any ZoneSource, _ configuration: AppConfiguration) -> FoldSnapshots {
        foldSnapshots(zones, reserve: configuration.serve.diskReserveByteCount) { news in
            guard case .notWritten(_, let reason) = news else { return }
            Terminal.error("meterfold: \(foldSnapshot) is not written: \(reason); the next start takes longer")
        }
    }
}

extension Logger {
    /// Says what became of a snapshot of the fold.
    func note(_ news: FoldSnapshots.News) {
        func metadata(_ byteCount: Int, _ duration: Duration) -> Metadata {
            ["bytes": "\(byteCount)", "seconds": "\(SecondsText(duration / .seconds(1)))"]
        }
        switch news {
        case .loaded(let position, let byteCount, let duration):
            let count = position.rawValue
            info(
                "views: fold of \(count) events loaded as of position \(count)",
                metadata: metadata(byteCount, duration)
            )
        case .passedOver(let reason):
            notice(
                "views: the kept fold is passed over, all is folded from the beginning",
                metadata: ["reason": "\(reason)"]
            )
        case .written(let position, let byteCount, let duration):
            info("views: fold kept as of position \(position.rawValue)", metadata: metadata(byteCount, duration))
        case .notWritten(let position, let reason):
            warning("views: fold not kept as of position \(position.rawValue)", metadata: ["reason": "\(reason)"])
        }
    }
}
