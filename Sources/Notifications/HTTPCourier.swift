import AsyncHTTPClient
import Foundation
package import MeterModel
import NIOCore
import NIOHTTP1
import Synchronization

/// Posts messages to webhooks.
///
/// Invariants: what is connected to is an address that was checked in the same attempt, or one such of an earlier
/// attempt that the name still has; redirects are not followed; of an answer no more is read than a snippet. Close it
/// when it is not needed any more.
package final class HTTPCourier: Courier {
    /// Bytes of an answer's body that are looked at.
    static let snippetByteCount = 1024
    /// How long the body of an answer may take once its head is there, in milliseconds.
    static let bodyMilliseconds: Int64 = 1000

    private let clock: any WallClock
    private let resolver: any Resolving
    private let clients = ChannelClients()

    /// - Parameters:
    ///   - clock: the time that is signed.
    ///   - resolver: finds the addresses of hosts.
    package init(clock: any WallClock, resolver: any Resolving = SystemResolver()) {
        self.clock = clock
        self.resolver = resolver
    }

    /// Closes all connections. Deliveries that are running end as unreachable.
    package func close() async { await clients.close() }

    package func deliver(_ message: PushMessage, to channel: ChannelConfiguration) async -> Answer {
        let response: HTTPClientResponse
        switch await within(channel.timeoutMilliseconds, { await self.head(message, channel) }) {
        case nil: return .timedOut
        case .answer(let answer)?: return answer
        case .response(let head)?: response = head
        }
        let status = Int(response.status.code)
        let rest = response.headers.first(name: "retry-after").flatMap {
            RetryAfter.milliseconds($0, now: clock.now())
        }
        let snippet = await within(Self.bodyMilliseconds) { await Self.snippet(response.body) } ?? ""
        return .responded(status: status, retryAfterMilliseconds: rest, snippet: snippet)
    }

    private enum Head: Sendable {
        case response(HTTPClientResponse)
        case answer(Answer)
    }

    private func head(_ message: PushMessage, _ channel: ChannelConfiguration) async -> Head {
        do {
            let target = try ChannelTarget(channel)
            guard let signer = WebhookSigner(secrets: channel.secrets) else {
                return .answer(.forbidden("a secret cannot be used"))
            }
            let addresses = target.isAddress ? [target.host] : try await resolver.addresses(of: target.host)
            if let fault = Self.fault(addresses, channel) { return .answer(.forbidden(fault)) }
            let client = try clients.client(channel, host: target.host, addresses: addresses)
            defer { clients.giveBack(client) }
            do {
                let request = request(message, channel, signer)
                let timeout = TimeAmount.milliseconds(channel.timeoutMilliseconds)
                return .response(try await client.http.execute(request, timeout: timeout))
            } catch {
                clients.retire(client)
                throw error
            }
        } catch let fault as ChannelFault {
            return .answer(.forbidden(fault.cause))
        } catch let error as HTTPClientError where [.deadlineExceeded, .connectTimeout].contains(error) {
            return .answer(.timedOut)
        } catch {
            return .answer(.unreachable("\(error)"))
        }
    }

    /// Why addresses may not be connected to. One private address among public ones is one too many: whoever answers
    /// for the name could choose which of them is taken.
    private static func fault(_ addresses: [String], _ channel: ChannelConfiguration) -> String? {
        guard !addresses.isEmpty else { return "the name has no address" }
        guard !channel.allowPrivate else { return nil }
        let refused = addresses.first { !(NetworkAddress($0)?.isPublic ?? false) }
        return refused.map { "\($0) is no public address; 'allowPrivate: true' would allow it" }
    }

    private func request(
        _ message: PushMessage,
        _ channel: ChannelConfiguration,
        _ signer: WebhookSigner
    ) -> HTTPClientRequest {
        let timestamp = floorDivide(clock.now().milliseconds, Milliseconds.second).quotient
        var request = HTTPClientRequest(url: channel.url)
        request.method = .POST
        request.headers = [
            "content-type": "application/json",
            "user-agent": "meterfold",
            "webhook-id": message.id,
            "webhook-timestamp": String(timestamp),
            "webhook-signature": signer.signature(id: message.id, timestamp: timestamp, body: message.body),
        ]
        request.body = .bytes(ByteBuffer(bytes: message.body))
        return request
    }

    /// The beginning of a body. What is not read is never received: the connection closes.
    private static func snippet(_ body: HTTPClientResponse.Body) async -> String {
        var bytes: [UInt8] = []
        do {
            for try await piece in body {
                bytes += piece.readableBytesView.prefix(snippetByteCount - bytes.count)
                if bytes.count >= snippetByteCount { break }
            }
        } catch {
            // The status said what matters; what came of the body will do.
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// What work comes to within a time; nil where it does not, or where the task is cancelled. The work has ended then.
private func within<Result: Sendable>(
    _ milliseconds: Int64,
    _ work: @escaping @Sendable () async -> Result
) async -> Result? {
    await withTaskGroup(of: Result?.self) { group in
        group.addTask { await work() }
        group.addTask {
            try? await Task.sleep(for: .milliseconds(milliseconds))
            return nil
        }
        let first = await group.next() ?? nil
        group.cancelAll()
        return first
    }
}
