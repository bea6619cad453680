/// Where the time of day comes from: a seam, so that tests and replays decide it.
package protocol WallClock: Sendable {
    /// UTC milliseconds since 1970.
    func now() -> Instant
}
