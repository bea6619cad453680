import Benchmark

/// Each stage alone, with few devices that send much and many that send little.
let benchmarks: @Sendable () -> Void = {
    for shape in FleetShape.all {
        measureDecoding(shape)
        measureAdmission(shape)
        measureLog(shape)
        measureFolding(shape)
        measureCommit(shape)
    }
}

/// Registers what measures one stage. It has its own process, and its own state from `setUp`.
///
/// - Parameters:
///   - stage: what the table calls it.
///   - shape: whose readings it takes: all of them each time, so that a time scaled by a million is that of a reading.
///   - setUp: makes what `body` works on.
///   - body: does it once, and says from where to where the time counts.
func measure<State>(
    _ stage: String,
    _ shape: FleetShape,
    setUp: @escaping (FleetShape) throws -> State,
    _ body: @escaping (Benchmark, State) throws -> Void
) {
    precondition(FleetShape.readingCount == BenchmarkScalingFactor.mega.rawValue)
    let configuration = Benchmark.Configuration(
        metrics: [.wallClock, .instructions],
        timeUnits: .nanoseconds,
        warmupIterations: 1,
        scalingFactor: .mega,
        maxDuration: .seconds(15),
        maxIterations: 25
    )
    Benchmark("\(stage) \(shape.name)", configuration: configuration, closure: body) { try setUp(shape) }
}
