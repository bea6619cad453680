/// Seconds with three digits after the point.
struct SecondsText: CustomStringConvertible {
    private let milliseconds: Int

    init(_ seconds: Double) { milliseconds = Int((seconds * 1000).rounded()) }

    var description: String {
        let rest = String(milliseconds % 1000)
        return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }
}
