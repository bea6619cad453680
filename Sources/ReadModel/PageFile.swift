internal import GRDBSQLite

/// The file of a SQLite database, to which pages are added while the connection is in no transaction.
///
/// To SQLite that is what another process did: it finds the count of changes in the file's head another than it knew,
/// and reads anew what it had in memory (https://www.sqlite.org/fileformat2.html, section 1.3).
struct PageFile {
    /// Where SQLite keeps its locks: the page with this byte is never used.
    private static let lockByte = 0x4000_0000
    private static let headByteCount = 100
    /// SQLite's own way to a file takes less than 128 KiB at once.
    private static let maximumWriteByteCount = 64 << 10
    private static let changeCountOffset = 24
    private static let pageCountOffset = 28
    private static let validForOffset = 92

    private let file: UnsafeMutablePointer<sqlite3_file>
    let pageByteCount: Int
    /// Pages of the file so far.
    private var pageCount: UInt32
    private var head: [UInt8]

    /// Looks at the file of a connection that is in no transaction.
    ///
    /// Nil where it has no file, or not the form that pages are made for: something is reserved on each page, or the
    /// file keeps track of what points to its pages.
    ///
    /// - Throws: `ViewError`.
    init?(_ connection: OpaquePointer) throws {
        var pointer: UnsafeMutablePointer<sqlite3_file>?
        let code = sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &pointer)
        guard code == SQLITE_OK, let pointer, let methods = pointer.pointee.pMethods else { return nil }
        file = pointer
        var head = [UInt8](repeating: 0, count: PageFile.headByteCount)
        let read = head.withUnsafeMutableBytes {
            methods.pointee.xRead(pointer, $0.baseAddress, Int32($0.count), 0)
        }
        guard read == SQLITE_OK else { throw ViewError.failed(code: read, "the head of the file cannot be read") }
        self.head = head
        let byteCount = Int(head[16]) << 8 | Int(head[17])
        pageByteCount = byteCount == 1 ? 65_536 : byteCount
        pageCount = 0
        guard head[20] == 0, head[52..<56].allSatisfy({ $0 == 0 }) else { return nil }
        pageCount = number(at: PageFile.pageCountOffset)
        precondition(
            pageCount > 0 && number(at: PageFile.changeCountOffset) == number(at: PageFile.validForOffset),
            "a file whose head does not say how long it is"
        )
    }

    /// Adds whole pages, which follow each other in the file but for the one that is never used.
    ///
    /// - Returns: the number of each.
    mutating func add(_ pages: UnsafeRawBufferPointer) throws -> [UInt32] {
        let lockPage = PageFile.lockPage(pageByteCount: pageByteCount)
        var numbers: [UInt32] = []
        var start = 0
        while start < pages.count {
            if pageCount + 1 == lockPage { pageCount += 1 }
            let room = pageCount + 1 < lockPage ? Int(lockPage - pageCount - 1) * pageByteCount : pages.count
            let end = min(pages.count, start + room)
            try write(UnsafeRawBufferPointer(rebasing: pages[start..<end]), at: pageCount + 1)
            let count = UInt32((end - start) / pageByteCount)
            numbers.append(contentsOf: pageCount + 1...pageCount + count)
            pageCount += count
            start = end
        }
        return numbers
    }

    /// Puts a page in the place of one that is there.
    func replace(_ page: UInt32, by bytes: UnsafeRawBufferPointer) throws {
        precondition(page > 1 && page <= pageCount && bytes.count == pageByteCount, "no page to replace")
        try write(bytes, at: page)
    }

    /// Says in the file's head how many pages there are now.
    mutating func end() throws {
        let changeCount = number(at: PageFile.changeCountOffset) &+ 1
        put(changeCount, at: PageFile.changeCountOffset)
        put(changeCount, at: PageFile.validForOffset)
        put(pageCount, at: PageFile.pageCountOffset)
        try head.withUnsafeBytes { try write($0, atByte: 0) }
    }

    static func lockPage(pageByteCount: Int) -> UInt32 { UInt32(lockByte / pageByteCount + 1) }

    private func write(_ bytes: UnsafeRawBufferPointer, at page: UInt32) throws {
        try write(bytes, atByte: Int64(page - 1) * Int64(pageByteCount))
    }

    private func write(_ bytes: UnsafeRawBufferPointer, atByte offset: Int64) throws {
        for start in stride(from: 0, to: bytes.count, by: PageFile.maximumWriteByteCount) {
            let piece = bytes[start..<min(bytes.count, start + PageFile.maximumWriteByteCount)]
            let code = file.pointee.pMethods.pointee.xWrite(
                file,
                UnsafeRawBufferPointer(rebasing: piece).baseAddress,
                Int32(piece.count),
                offset + Int64(start)
            )
            guard code == SQLITE_OK else { throw ViewError.failed(code: code, "pages of the views cannot be written") }
        }
    }

    private func number(at offset: Int) -> UInt32 { head[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) } }

    private mutating func put(_ value: UInt32, at offset: Int) {
        head.withUnsafeMutableBufferPointer { head in
            if let start = head.baseAddress { PageBytes.put(UInt64(value), byteCount: 4, at: start + offset) }
        }
    }
}
