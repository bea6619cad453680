import Glibc

/// How full a disk is.
enum DiskSpace {
    /// Free bytes of the disk that a path lies on; nil where it does not say.
    static func free(at path: String) -> UInt64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }
}
