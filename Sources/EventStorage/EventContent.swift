package import RecordLog

/// The content of blocks of events, for those who hold a log against its chain segment by segment.
package enum EventContent {
    /// A function that decodes blocks in order and gives the digest of each one's canonical content.
    ///
    /// It begins afresh with each segment.
    package static func digest() -> RecordLogVerification.ContentDigest {
        let decoder = BlockBodyDecoder()
        return { view in
            let block = try decoder.decode(view)
            return decoder.digest(block)
        }
    }
}
