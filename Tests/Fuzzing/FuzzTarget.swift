import Foundation

/// What bytes of a fuzzer are given to; `METERFOLD_FUZZ_TARGET` names it. A fault is a trap.
enum FuzzTarget: String, CaseIterable {
    case http
    case lz4
    case ndjson
    case lineProtocol = "line-protocol"
    case csv
    case session
    case gzip
    case fleet
    case profile
    case block
    case segment
    case head

    static let chosen: FuzzTarget = {
        let name = ProcessInfo.processInfo.environment["METERFOLD_FUZZ_TARGET"] ?? ""
        guard let target = FuzzTarget(rawValue: name) else {
            fatalError("METERFOLD_FUZZ_TARGET names none of \(allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return target
    }()

    func run(_ bytes: [UInt8]) {
        switch self {
        case .http: FuzzedRequest.ask(bytes)
        case .lz4: FuzzedInput.inflateFile(bytes)
        case .ndjson, .lineProtocol, .csv: FuzzedInput.decode(bytes, as: self)
        case .session: FuzzedInput.converse(bytes)
        case .gzip: FuzzedInput.inflate(bytes)
        case .fleet: FuzzedInput.readFleet(bytes)
        case .profile: FuzzedInput.readProfile(bytes)
        case .block: FuzzedLog.readBlock(bytes)
        case .segment: FuzzedLog.readDamaged(bytes)
        case .head: FuzzedLog.readHead(bytes)
        }
    }
}

/// What libFuzzer calls, again and again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    FuzzTarget.chosen.run(Array(UnsafeBufferPointer(start: data, count: count)))
    return 0
}
