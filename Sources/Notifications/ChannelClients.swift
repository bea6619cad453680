import AsyncHTTPClient
import Foundation
import NIOCore
import Synchronization

/// The connections of each channel.
///
/// A client connects to one address for one name, which is how an address that was checked is the one connected to:
/// the name goes into the certificate's check and the header alone.
///
/// Invariants: a channel has one client in use for new attempts; one that failed or whose address the name has no more
/// is retired, and shut down once no attempt uses it.
final class ChannelClients: Sendable {
    final class Client: Sendable {
        let http: HTTPClient
        let address: String
        private let uses = Mutex((count: 0, isRetired: false))

        init(_ http: HTTPClient, _ address: String) {
            self.http = http
            self.address = address
        }

        func begin() { uses.withLock { $0.count += 1 } }
        func end() -> Bool { change { $0.count -= 1 } }
        func retire() -> Bool { change { $0.isRetired = true } }

        /// Returns whether nobody needs it any more.
        private func change(_ body: (inout (count: Int, isRetired: Bool)) -> Void) -> Bool {
            uses.withLock { uses in
                let wasNeeded = uses.count > 0 || !uses.isRetired
                body(&uses)
                return wasNeeded && uses.count == 0 && uses.isRetired
            }
        }
    }

    private struct State {
        var current: [String: Client] = [:]
        /// How often each channel's client was retired: which of several addresses is next.
        var turns: [String: Int] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    /// The client for an attempt, to be given back after it; `addresses` are those that were checked now, one at least.
    func client(_ channel: ChannelConfiguration, host: String, addresses: [String]) throws -> Client {
        var surplus: Client?
        let client = try state.withLock { state in
            if state.isClosed { throw ResolutionFault(description: "the courier is closed") }
            if let current = state.current[channel.name] {
                if addresses.contains(current.address) {
                    current.begin()
                    return current
                }
                if current.retire() { surplus = current }
            }
            let address = addresses[state.turns[channel.name, default: 0] % addresses.count]
            let made = Client(Self.http(channel, host: host, address: address), address)
            made.begin()
            state.current[channel.name] = made
            return made
        }
        shutDown(surplus)
        return client
    }

    func giveBack(_ client: Client) { if client.end() { shutDown(client) } }

    /// Lets the next attempt have another client, at another address where there are several.
    func retire(_ client: Client) {
        state.withLock { state in
            guard let name = state.current.first(where: { $0.value === client })?.key else { return }
            state.current[name] = nil
            state.turns[name, default: 0] += 1
            // Whoever retires it uses it still, and shuts it down by giving it back.
            _ = client.retire()
        }
    }

    func close() async {
        let clients = state.withLock { state in
            state.isClosed = true
            defer { state.current = [:] }
            return Array(state.current.values)
        }
        for client in clients { try? await client.http.shutdown() }
    }

    private static func http(_ channel: ChannelConfiguration, host: String, address: String) -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.dnsOverride = [host: address]
        configuration.timeout.connect = .milliseconds(channel.timeoutMilliseconds)
        // A connection that cannot be made is an answer; trying again is the schedule's business.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = channel.concurrency
        configuration.connectionPool.idleTimeout = .seconds(10)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    private func shutDown(_ client: Client?) {
        guard let client else { return }
        // Nobody waits for it: no attempt uses it, and it only closes idle connections.
        client.http.shutdown { _ in }
    }
}
