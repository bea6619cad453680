internal import Hummingbird

/// The table of routes, and what their work needs.
struct Routes: Sendable {
    let seams: HTTPSeams
    let limits: HTTPLimits
    let writing: Gate
    let feedReaders: Gate
    let closing: Closing

    init(_ seams: HTTPSeams, _ limits: HTTPLimits, closing: Closing) {
        self.seams = seams
        self.limits = limits
        self.closing = closing
        writing = Gate(maximum: limits.concurrentWriteCount)
        feedReaders = Gate(maximum: limits.feedReaderCount)
    }

    /// Every route there is.
    var endpoints: [Endpoint] {
        let documented =
            rowEndpoints + [explainEndpoint, explainDeviceEndpoint] + writeEndpoints + [topUpEndpoint, feedEndpoint]
            + influxEndpoints + stateEndpoints
        return documented + [openAPIEndpoint(documented)] + controlEndpoints
    }
}
