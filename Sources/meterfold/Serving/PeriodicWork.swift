import ServiceLifecycle

/// Does something again and again until the server ends.
///
/// - Parameters:
///   - interval: how long to wait between two times.
///   - body: is begun at once.
func untilShutdown(every interval: Duration, _ body: @escaping @Sendable () async -> Void) async {
    await cancelWhenGracefulShutdown {
        while !Task.isCancelled {
            await body()
            try? await Task.sleep(for: interval)
        }
    }
}
