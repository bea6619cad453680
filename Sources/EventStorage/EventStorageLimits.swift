/// What bounds a block and what it may refer to.
package enum EventStorageLimits {
    /// The most readings that go into one block, and into one run.
    package static let maximumReadingsPerBlock = 65_536
    /// A block is cut before its other events' payloads exceed this, unless one alone does.
    package static let targetPayloadByteCountPerBlock = 1 << 20
    /// A block is cut before its definitions of names exceed this, where that can be.
    package static let targetDefinitionByteCountPerBlock = 4 << 20
    /// Numbers of devices, registers and series are below this.
    package static let maximumNumber = 1 << 25
    /// The longest text in an event, in UTF-8 bytes.
    package static let maximumTextByteCount = 1 << 20
    /// The longest `recordedBy`, in UTF-8 bytes.
    package static let maximumRecordedByByteCount = 1024
}
