import MeterModel

/// The names of a log's devices by number, in order; which number a name has is worked out once somebody asks.
package struct DeviceNames {
    private var bytes: ContiguousArray<UInt8> = []
    private var ends: ContiguousArray<Int> = []
    private var table = NameTable()

    package var count: Int { ends.count }

    /// - Precondition: it is none of those there are.
    mutating func append(_ name: UnsafeBufferPointer<UInt8>) {
        bytes.append(contentsOf: name)
        ends.append(bytes.count)
    }

    /// The name of a device.
    package subscript(number: UInt32) -> String {
        bytes.withUnsafeBufferPointer { String(decoding: $0[range(of: Int(number))], as: UTF8.self) }
    }

    /// The number of a device; nil: there is none of that name.
    mutating func number(of name: String) -> UInt32? {
        for i in table.count..<count {
            let range = range(of: i)
            bytes.withUnsafeBufferPointer { _ = table.intern(UnsafeBufferPointer(rebasing: $0[range])) }
        }
        return table.index(of: name)
    }

    private func range(of i: Int) -> Range<Int> { (i > 0 ? ends[i - 1] : 0)..<ends[i] }
}
