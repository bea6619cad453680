/// Small files, read and written at once.
package enum WholeFile {
    /// The most that is read, in bytes.
    package static let maximumByteCount = 1 << 20

    /// Reads a file's text.
    ///
    /// - Throws: `RecordLogError` if it cannot be read or is longer than any such file.
    package static func read(_ path: String, fileSystem: any FileSystem) throws(RecordLogError) -> String {
        let file = try fileSystem.open(path, mode: .read)
        defer { file.close() }
        let byteCount = try file.byteCount()
        guard byteCount <= maximumByteCount else {
            throw .inputOutput("\(byteCount) bytes are more than such a file can have", path: path)
        }
        return String(decoding: try file.bytes(at: 0, count: byteCount), as: UTF8.self)
    }

    /// Makes a file, durably; none is overwritten.
    ///
    /// - Parameters:
    ///   - text: Its content.
    ///   - path: Its name.
    ///   - mode: `createNew` or `createPrivate`.
    ///   - fileSystem: Where it is to be.
    /// - Throws: `RecordLogError`: `exists` if there is such a file. What was begun is removed again.
    package static func write(
        _ text: String,
        path: String,
        mode: FileOpenMode,
        fileSystem: any FileSystem
    ) throws(RecordLogError) {
        let file = try fileSystem.open(path, mode: mode)
        defer { file.close() }
        do throws(RecordLogError) {
            try file.write(Array(text.utf8), at: 0)
            try file.sync()
            try fileSystem.syncDirectory(folder(of: path))
        } catch {
            try? fileSystem.remove(path)
            throw error
        }
    }

    /// Puts a file in the place of whatever has its name, durably and at once: a crash leaves the one or the other.
    ///
    /// - Parameters:
    ///   - text: The new content, for its owner alone to read.
    ///   - path: Its name.
    ///   - fileSystem: Where it is.
    /// - Throws: `RecordLogError`; then either content may be there.
    package static func replace(_ text: String, path: String, fileSystem: any FileSystem) throws(RecordLogError) {
        let fresh = path + ".new"
        do throws(RecordLogError) {
            // What a run that was cut off left behind.
            try fileSystem.remove(fresh)
        } catch  where error.code == .notFound {}
        try write(text, path: fresh, mode: .createPrivate, fileSystem: fileSystem)
        try fileSystem.rename(fresh, to: path)
        try fileSystem.syncDirectory(folder(of: path))
    }

    /// The folder that a path names a file in.
    package static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
