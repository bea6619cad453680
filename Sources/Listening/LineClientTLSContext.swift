import Glibc
import NIOCore
import NIOSSL

extension LineClient {
    /// The words for an error that says that one side does not trust the other; nil for other errors.
    static func mistrust(_ error: any Error) -> String? {
        switch error {
        case NIOSSLError.handshakeFailed(.sslError(let stack)):
            stack.isEmpty ? "\(error)" : stack.map { "\($0)" }.joined(separator: "; ")
        case let error as NIOSSLExtraError where error == .failedToValidateHostname: "\(error)"
        default: nil
        }
    }
}

extension LineClientTLS {
    /// - Throws: `SendFault.badTLS` naming the file.
    func makeContext() throws(SendFault) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let authorities { configuration.trustRoots = .file(try LineClientTLS.readable(authorities)) }
        do {
            if let certificate {
                _ = try LineClientTLS.readable(certificate)
                configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) }
            }
            if let key {
                _ = try LineClientTLS.readable(key)
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
            }
            return try NIOSSLContext(configuration: configuration)
        } catch let fault as SendFault {
            throw fault
        } catch {
            let files = [authorities, certificate, key].compactMap(\.self).joined(separator: ", ")
            throw .badTLS("\(files): \(error)")
        }
    }

    /// The name to ask for and to check; nil for an address, which is checked as such.
    func serverNameIndication(for host: String) -> String? {
        let name = serverName ?? host
        return (try? SocketAddress(ipAddress: name, port: 0)) == nil ? name : nil
    }

    private static func readable(_ path: String) throws(SendFault) -> String {
        guard access(path, R_OK) == 0 else { throw .badTLS("\(path): \(String(cString: strerror(errno)))") }
        return path
    }
}
