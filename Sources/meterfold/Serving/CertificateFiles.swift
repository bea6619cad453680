import Glibc
import Logging
import NIOSSL
import QueryAPI
import ServiceLifecycle
import Synchronization

/// The certificate and key in files, read again when they change: later connections are shown the new ones.
final class CertificateFiles: Service {
    private let files: ServeSettings.TLSFiles
    let certificate: ServerCertificate
    private let logger: Logger

    /// How often it looks whether they changed.
    private static let interval = Duration.seconds(5)

    /// - Throws: `Failure` naming the file that cannot be used.
    init(_ files: ServeSettings.TLSFiles, logger: Logger) throws {
        self.files = files
        self.logger = logger
        let (chain, key) = try CertificateFiles.read(files)
        certificate = ServerCertificate(chain: chain, key: key)
    }

    /// How TLS is spoken: 1.2 and later, with client certificates where their authority is named.
    func configuration() throws -> TLSConfiguration {
        var configuration = certificate.configuration()
        if let path = files.clientCA {
            do {
                configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(path))
            } catch {
                throw Failure(place: path, cause: "\(error)", hint: "serve.tls.clientCA is a file of PEM certificates")
            }
            configuration.certificateVerification = .noHostnameVerification
        }
        return configuration
    }

    func run() async throws {
        let last = Mutex(stamps)
        await untilShutdown(every: CertificateFiles.interval) { [self] in
            let now = stamps
            let isOther = last.withLock { last in
                defer { last = now }
                return now != last
            }
            if isOther { reload() }
        }
    }

    private func reload() {
        do {
            let (chain, key) = try CertificateFiles.read(files)
            certificate.replace(chain: chain, key: key)
            logger.notice("certificate read again", metadata: ["file": "\(files.certificate)"])
        } catch {
            logger.error("the certificate was not exchanged", metadata: ["error": "\(error)"])
        }
    }

    /// What tells that a file is another one.
    private var stamps: [Int] {
        [files.certificate, files.key].flatMap { path -> [Int] in
            var status = stat()
            guard stat(path, &status) == 0 else { return [] }
            return [Int(status.st_ino), Int(status.st_size), Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec)]
        }
    }

    private static func read(_ files: ServeSettings.TLSFiles) throws -> ([NIOSSLCertificate], NIOSSLPrivateKey) {
        let chain: [NIOSSLCertificate]
        let key: NIOSSLPrivateKey
        do { chain = try NIOSSLCertificate.fromPEMFile(files.certificate) } catch {
            throw Failure(place: files.certificate, cause: "\(error)", hint: "give a PEM file, the server's own first")
        }
        guard !chain.isEmpty else {
            throw Failure(place: files.certificate, cause: "holds no certificate", hint: "give a PEM file")
        }
        do { key = try NIOSSLPrivateKey(file: files.key, format: .pem) } catch {
            throw Failure(place: files.key, cause: "\(error)", hint: "give the certificate's key as a PEM file")
        }
        return (chain, key)
    }
}
