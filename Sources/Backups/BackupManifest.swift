import Foundation
package import RecordLog
package import TamperEvidence

/// What a backup says of itself: up to where it reaches, written once all of it is there.
///
/// `docs/backup-and-restore.md` lays it out.
package struct BackupManifest: Sendable, Hashable {
    /// The log's head as it was backed up, and when.
    package var document: HeadDocument
    /// How many segments it has.
    package var segmentCount: Int
    /// Bytes in use in these.
    package var byteCount: Int

    static let format = "meterfold-backup"
    static let version = 1

    /// The manifest as text.
    var json: String {
        """
        {
          "format": "\(BackupManifest.format)",
          "version": \(BackupManifest.version),
          "head": \(document.json(indent: 2)),
          "segments": \(segmentCount),
          "bytes": \(byteCount)
        }

        """
    }

    private struct Fields: Decodable {
        var format: String
        var version: Int
        var segments: Int
        var bytes: Int
    }

    /// Reads a backup's manifest.
    ///
    /// - Returns: nil if there is none.
    /// - Throws: `RecordLogError`, `BackupFault` and `EvidenceFault` for what is none.
    package static func read(backup: String, fileSystem: any FileSystem) throws -> BackupManifest? {
        let path = BackupLayout(backup).manifest
        guard let file = try fileSystem.openIfThere(path) else { return nil }
        file.close()
        let text = try WholeFile.read(path, fileSystem: fileSystem)
        guard let fields = try? JSONDecoder().decode(Fields.self, from: Data(text.utf8)), fields.format == format else {
            throw BackupFault(
                path,
                "this is no manifest of a backup",
                hint: "if it was damaged, make a new backup in another directory"
            )
        }
        guard fields.version == version else {
            throw BackupFault(
                path,
                "a backup of version \(fields.version), which this program does not know",
                hint: "use the version of meterfold that made it, or a later one"
            )
        }
        return BackupManifest(
            document: try HeadDocument(text: text, place: path),
            segmentCount: fields.segments,
            byteCount: fields.bytes
        )
    }
}
