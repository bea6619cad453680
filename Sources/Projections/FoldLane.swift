import EventStorage
import MeterModel

/// One of the parts in which devices are folded side by side: nothing that is folded of a device follows from another
/// one.
///
/// Devices that follow each other by number are mostly of one lane, so that what is in order of device falls into few
/// pieces; pieces are small enough that lanes have about the same to do.
struct FoldLane {
    /// How many lanes there are, where there are lanes.
    static let count = 2
    /// Devices that follow each other in one lane, as a power of two, where it is not said.
    static let usualPieceBits: UInt32 = 6

    let number: Int
    let pieceBits: UInt32

    @inline(__always)
    func has(_ device: UInt32) -> Bool { Int(device >> pieceBits) % FoldLane.count == number }

    /// The first device behind the piece in which one lies.
    func end(ofPieceWith device: UInt32) -> UInt32 { (device >> pieceBits + 1) << pieceBits }

    /// Whether an event is of a device of this lane, or of none in particular.
    ///
    /// `directory`: knows the event's device.
    func concerns(_ event: MeterEvent, _ directory: SeriesDirectory) -> Bool {
        if case .pushSettled(let outcome) = event {
            // Whoever gets to know the device has use for it then.
            return outcome.withDeviceName { directory.devices.index(of: $0) }.map(has) ?? true
        }
        guard let name = event.device else { return true }
        return has(directory.devices.index(of: name) ?? 0)
    }
}
