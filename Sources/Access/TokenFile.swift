import Foundation
import Glibc
import MeterModel

/// The file of tokens: one JSON object a line, as docs/access.md describes.
///
/// Invariants: it is replaced as a whole by a rename, so a reader sees all of one version; only its owner may read it;
/// a new version is on disk before it has the name.
struct TokenFile: Sendable {
    let path: String

    /// The largest file that is read, in bytes: `TokenStore.maximumTokenCount` tokens with long notes.
    static let maximumByteCount = 16 << 20

    /// What tells one version of the file from another; nil where there is none.
    struct Identity: Hashable, Sendable {
        var device: UInt
        var inode: UInt
        var size: Int
        var modifiedSeconds: Int
        var modifiedNanoseconds: Int
    }

    func identity() -> Identity? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Identity(
            device: UInt(status.st_dev),
            inode: UInt(status.st_ino),
            size: Int(status.st_size),
            modifiedSeconds: Int(status.st_mtim.tv_sec),
            modifiedNanoseconds: Int(status.st_mtim.tv_nsec)
        )
    }

    /// The tokens in order of making; none where there is no file.
    ///
    /// - Throws: `TokenFault` where it cannot be read or a line is no token.
    func read() throws(TokenFault) -> [StoredToken] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT { return [] }
        guard descriptor >= 0 else { throw fault("cannot be read: \(Self.lastError)") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw fault("cannot be read: \(Self.lastError)") }
            if count == 0 { break }
            bytes += piece[..<count]
            guard bytes.count <= Self.maximumByteCount else { throw fault("is larger than tokens can be") }
        }
        var tokens: [StoredToken] = []
        for (i, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
        where !line.isEmpty {
            guard let token = TokenLine.token(Array(line)) else {
                throw TokenFault(
                    "\(path):\(i + 1)",
                    "this line is no token",
                    hint: "mend the line or delete it; nobody is let in by a token until then"
                )
            }
            tokens.append(token)
        }
        return tokens
    }

    /// Puts a new version in place of the old, durably.
    func replace(with tokens: [StoredToken]) throws(TokenFault) {
        var bytes: [UInt8] = []
        for token in tokens { bytes += TokenLine.bytes(token) + [UInt8(ascii: "\n")] }
        let temporary = path + ".new"
        // What a crash left behind may have other permissions.
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw fault("cannot be written: \(Self.lastError)") }
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            written += count
        }
        let isOnDisk = written == bytes.count && fsync(descriptor) == 0
        let cause = Self.lastError
        close(descriptor)
        guard isOnDisk, rename(temporary, path) == 0 else {
            let cause = isOnDisk ? Self.lastError : cause
            unlink(temporary)
            throw fault("cannot be written: \(cause)")
        }
        try syncFolder()
    }

    private func syncFolder() throws(TokenFault) {
        let descriptor = open(URL(fileURLWithPath: path).deletingLastPathComponent().path, O_RDONLY | O_DIRECTORY)
        guard descriptor >= 0 else { throw fault("its folder cannot be opened: \(Self.lastError)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw fault("its folder cannot be synced: \(Self.lastError)") }
    }

    private func fault(_ cause: String) -> TokenFault {
        TokenFault(path, cause, hint: "check the permissions of the data directory and the room on its disk")
    }

    static var lastError: String { String(cString: strerror(errno)) }
}
