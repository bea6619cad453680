internal import NIOCore
import Synchronization

/// The open connections, counted by address.
///
/// Invariant: `countOfAddress` sums to the number of `connections` that have an address to be counted by, and holds no
/// zero.
final class ConnectionTable: Sendable {
    private struct State {
        var connections: [ObjectIdentifier: LineConnection] = [:]
        var countOfAddress: [String: Int] = [:]
        var isClosed = false
        var figures = ListenerFigures()
    }

    enum Refusal { case tooMany, tooManyOfAddress, closed }

    private let limits: ListeningLimits
    private let state = Mutex(State())

    init(_ limits: ListeningLimits) { self.limits = limits }

    var figures: ListenerFigures {
        state.withLock { state in
            var figures = state.figures
            figures.openCount = state.connections.count
            return figures
        }
    }

    var connections: [LineConnection] { state.withLock { Array($0.connections.values) } }

    /// Takes in a connection, or says why not.
    func add(_ connection: LineConnection, address: String?) -> Refusal? {
        state.withLock { state in
            if state.isClosed { return .closed }
            guard state.connections.count < limits.connectionCount else {
                state.figures.refusedCount += 1
                return .tooMany
            }
            if let address {
                guard state.countOfAddress[address, default: 0] < limits.connectionCountPerAddress else {
                    state.figures.refusedCount += 1
                    return .tooManyOfAddress
                }
                state.countOfAddress[address, default: 0] += 1
            }
            state.figures.acceptedCount += 1
            state.connections[ObjectIdentifier(connection)] = connection
            return nil
        }
    }

    func remove(_ connection: LineConnection, address: String?) {
        state.withLock { state in
            guard state.connections.removeValue(forKey: ObjectIdentifier(connection)) != nil, let address else {
                return
            }
            let count = state.countOfAddress[address, default: 1] - 1
            state.countOfAddress[address] = count > 0 ? count : nil
        }
    }

    /// Refuses further connections.
    func close() { state.withLock { $0.isClosed = true } }

    func noteFault() { state.withLock { $0.figures.faultCount += 1 } }
}

/// What a listener has seen, for metrics.
package struct ListenerFigures: Sendable {
    /// Connections that are open.
    package var openCount = 0
    /// Connections taken since the beginning.
    package var acceptedCount = 0
    /// Connections that were one too many.
    package var refusedCount = 0
    /// Connections that the server ended: unreadable input, no right, silence, unread replies.
    package var faultCount = 0
}
