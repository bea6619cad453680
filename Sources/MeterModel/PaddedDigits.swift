/// Writes the digits of a date or a time straight into the memory of its text.
struct PaddedDigits {
    private let memory: UnsafeMutableBufferPointer<UInt8>
    private var count = 0

    /// More bytes than any date with time and offset has.
    private static let capacity = 64

    private init(_ memory: UnsafeMutableBufferPointer<UInt8>) { self.memory = memory }

    /// The text that `write` writes, of at most 64 bytes.
    static func text(_ write: (inout PaddedDigits) -> Void) -> String {
        String(unsafeUninitializedCapacity: capacity) { memory in
            var digits = PaddedDigits(memory)
            write(&digits)
            return digits.count
        }
    }

    /// Appends a character of ASCII.
    mutating func append(_ character: Unicode.Scalar) {
        memory[count] = UInt8(ascii: character)
        count += 1
    }

    /// Appends a number, with zeros before it as far as it has fewer characters than `width`.
    mutating func append(_ number: Int64, width: Int) {
        var characterCount = number < 0 ? 2 : 1
        var rest = number.magnitude
        while rest >= 10 {
            rest /= 10
            characterCount += 1
        }
        let end = count + max(width, characterCount)
        rest = number.magnitude
        for i in stride(from: end - 1, through: count, by: -1) {
            memory[i] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        if number < 0 { memory[end - characterCount] = UInt8(ascii: "-") }
        count = end
    }
}
