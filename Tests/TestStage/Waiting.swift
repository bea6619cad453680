/// Something that was to come about has not, in long.
package struct DidNotHappen: Error, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// Waits until something has come about.
///
/// Other suites may keep all threads busy for minutes, so neither time alone decides nor how often it was asked.
///
/// - Throws: `DidNotHappen` where it does not in long.
package func waitUntil(_ what: String, _ condition: () async throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(300)
    var askedCount = 0
    while try await !condition() {
        askedCount += 1
        guard ContinuousClock.now < end || askedCount < 10_000 else { throw DidNotHappen(what) }
        try await Task.sleep(for: .milliseconds(askedCount < 1000 ? 1 : 20))
    }
}
