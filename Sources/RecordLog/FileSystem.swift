/// The file operations the log needs: a test seam, so that crashes and faults can be played.
///
/// Implementations: `PosixFileSystem` and, for tests, `SimulatedFileSystem`. One contract test holds both to the same
/// behaviour. Paths are plain strings with `/`. Every failure is a `RecordLogError` with code `inputOutput`, `noSpace`,
/// `notFound`, `exists` or `locked`.
package protocol FileSystem: Sendable {
    /// Makes a directory if it is missing; its parent must exist.
    func makeDirectory(_ path: String) throws(RecordLogError)

    /// The names in a directory, sorted bytewise, without `.` and `..`.
    func names(inDirectory path: String) throws(RecordLogError) -> [String]

    /// Opens an existing file, or makes one as `mode` says.
    ///
    /// - Throws: `notFound` if it is missing and `mode` makes none; `exists` if `mode` makes a new one and it is there.
    func open(_ path: String, mode: FileOpenMode) throws(RecordLogError) -> any OpenFile

    /// Moves a file over whatever has the new name. Durable once both directories are synced.
    func rename(_ path: String, to newPath: String) throws(RecordLogError)

    /// Gives a file a second name, in the same file system. Durable once the directory is synced.
    func link(_ path: String, to newPath: String) throws(RecordLogError)

    /// Removes a file. Durable once its directory is synced.
    func remove(_ path: String) throws(RecordLogError)

    /// Makes entries of a directory durable.
    func syncDirectory(_ path: String) throws(RecordLogError)

    /// Takes the lock file, making it if missing, and writes who holds it.
    ///
    /// - Parameters:
    ///   - path: The lock file.
    ///   - holder: What the process does, for whoever is refused.
    /// - Returns: The lock, held until it is released.
    /// - Throws: `locked`, with the holder's own text in the message, if another holds it.
    func lock(_ path: String, holder: String) throws(RecordLogError) -> any FileLock
}

/// How a file is opened.
package enum FileOpenMode: Sendable {
    /// An existing file, to be read only.
    case read
    /// An existing file, to be read and written.
    case write
    /// As `write`; the file is made empty if it is missing.
    case create
    /// As `create`; there must not be one of this name yet.
    case createNew
    /// As `createNew`; nobody but its owner may read it.
    case createPrivate

    /// Whether a missing file is made.
    var makesFile: Bool { self == .create || makesNewFile }
    /// Whether a file that is there is refused.
    var makesNewFile: Bool { self == .createNew || self == .createPrivate }
}

/// An open file.
///
/// Reads and writes name their offset, so it may be shared between threads.
package protocol OpenFile: AnyObject, Sendable {
    /// The current length in bytes.
    func byteCount() throws(RecordLogError) -> Int

    /// Reads until `target` is full or the file ends; returns the number of bytes read.
    func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(RecordLogError) -> Int

    /// Writes all of `source` with one write; a write cut short is an error and is not continued.
    func write(_ source: UnsafeRawBufferPointer, at offset: Int) throws(RecordLogError)

    /// Makes the content and length durable. After a failure nothing is known about what is durable.
    func sync() throws(RecordLogError)

    /// Drops what memory holds of the file's synced content, so that later reads come from the device, where the system
    /// can.
    ///
    /// After a failed sync the system may show bytes that never reached the device.
    func dropCache() throws(RecordLogError)

    /// Sets the length; bytes gained are zero.
    func truncate(to byteCount: Int) throws(RecordLogError)

    /// Closes the file; later calls throw `closed`. Closing twice is allowed.
    func close()
}

/// A lock that is held until released, or until the process ends.
package protocol FileLock: AnyObject, Sendable {
    /// Gives the lock up. Releasing twice is allowed.
    func release()
}
