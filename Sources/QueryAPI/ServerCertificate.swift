internal import NIOCore
package import NIOSSL
internal import Synchronization

/// The certificate that a server shows, to be exchanged while it runs: connections made later are shown the new one.
package final class ServerCertificate: Sendable {
    private struct Pair {
        var chain: [NIOSSLCertificate]
        var key: NIOSSLPrivateKey
    }

    private let pair: Mutex<Pair>

    /// - Parameters:
    ///   - chain: the server's own certificate first.
    ///   - key: its private key.
    package init(chain: [NIOSSLCertificate], key: NIOSSLPrivateKey) {
        pair = Mutex(Pair(chain: chain, key: key))
    }

    /// Shows another certificate from now on.
    package func replace(chain: [NIOSSLCertificate], key: NIOSSLPrivateKey) {
        pair.withLock { $0 = Pair(chain: chain, key: key) }
    }

    /// A configuration of TLS 1.2 and later that shows whichever certificate is current.
    package func configuration() -> TLSConfiguration {
        let current = pair.withLock { $0 }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: current.chain.map { .certificate($0) },
            privateKey: .privateKey(current.key)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        configuration.sslContextCallback = { [self] _, promise in
            let current = pair.withLock { $0 }
            var changes = NIOSSLContextConfigurationOverride()
            changes.certificateChain = current.chain.map { .certificate($0) }
            changes.privateKey = .privateKey(current.key)
            promise.succeed(changes)
        }
        return configuration
    }
}
