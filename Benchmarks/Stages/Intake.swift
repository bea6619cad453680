import Admission
import Benchmark
import FleetSimulator
import MeterModel
import Telegrams

// From bytes to accepted readings. Names are known from the round before, as they are in a file's second minute.

func measureDecoding(_ shape: FleetShape) {
    measureDecoder("decode.line-protocol", shape, .lineProtocol) { LineProtocolDecoder() }
    measureDecoder("decode.ndjson", shape, .ndjson) { NDJSONDecoder() }
    measureDecoder("decode.csv", shape, .csv) { CSVDecoder() }
}

private final class Texts {
    let text: ContiguousArray<UInt8>
    var names = TelegramNames()

    init(_ text: ContiguousArray<UInt8>) { self.text = text }
}

private func measureDecoder<Decoder: TelegramDecoder>(
    _ stage: String,
    _ shape: FleetShape,
    _ format: FleetText.Format,
    _ makeDecoder: @escaping () -> Decoder
) {
    measure(stage, shape, setUp: { Texts(MadeFleet($0).text(format)) }) { benchmark, state in
        var decoder = makeDecoder()
        var count = 0
        benchmark.startMeasurement()
        state.text.withUnsafeBytes { bytes in
            decoder.decodeAll(bytes, names: &state.names) { count += $0.count }
        }
        benchmark.stopMeasurement()
        precondition(count == FleetShape.readingCount, "\(count) readings are decoded")
    }
}

private final class Drafts {
    let made: MadeFleet
    var names = TelegramNames()
    let drafts: ContiguousArray<ReadingDraft>
    var admission: Admission

    init(_ shape: FleetShape) throws {
        made = MadeFleet(shape)
        admission = made.makeAdmission()
        _ = try made.declarations(&admission)
        drafts = made.drafts(&names)
    }

    func admit() -> Int {
        var count = 0
        made.admit(drafts, names, &admission) { count += $0.count }
        return count
    }
}

func measureAdmission(_ shape: FleetShape) {
    measure("admit", shape, setUp: { try Drafts($0) }) { benchmark, state in
        benchmark.startMeasurement()
        let count = state.admit()
        benchmark.stopMeasurement()
        precondition(count == FleetShape.readingCount, "\(count) readings are accepted")
    }
}
