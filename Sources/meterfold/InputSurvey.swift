import EventStorage
import Ingest
import MeterModel
import RecordLog
import Telegrams

/// A first look through the files of an ingest, decoding alone: which devices are they about?
///
/// Where they name few, the log need be folded of these alone. What the lines are worth is decided later, by whoever
/// knows the log.
struct InputSurvey {
    /// The most devices of which the log is folded alone.
    static let maximumDeviceCount = 1000
    /// The log must have at least so many events for each of the files': else the second look at the files costs more
    /// than it saves.
    static let minimumLogEventsPerEvent: UInt64 = 4

    private let options: InputOptions
    private let maximumEventCount: UInt64
    private var eventCount: UInt64 = 0
    private var names: Set<ByteName> = []

    /// The devices that files are about, if they are few and all that the files are about.
    ///
    /// - Parameters:
    ///   - files: as they are given to an ingest.
    ///   - directory: whose log they are going to.
    ///   - options: how they are read.
    /// - Returns: nil where every device must be known.
    /// - Throws: `RecordLogError` where the log cannot be read. What is wrong with a file is for the ingest to tell.
    static func scope(of files: [String], into directory: DataDirectory, _ options: InputOptions) throws -> DeviceScope?
    {
        // A pipe can be read but once.
        guard !files.isEmpty, files.allSatisfy({ $0 != "-" && InputSource.byteCount(of: $0) != nil }) else {
            return nil
        }
        let head = try EventLogReader(directory: directory.path).lastPosition()
        var survey = InputSurvey(options, maximumEventCount: head.rawValue / minimumLogEventsPerEvent)
        for file in files {
            do throws(InputFault) {
                guard try survey.look(through: file) else { return nil }
            } catch {
                return nil
            }
        }
        return DeviceScope(survey.names.map(\.text))
    }

    private init(_ options: InputOptions, maximumEventCount: UInt64) {
        self.options = options
        self.maximumEventCount = maximumEventCount
    }

    /// Notes what a file names; false as soon as it is too much.
    private mutating func look(through file: String) throws(InputFault) -> Bool {
        let source = try InputSource(path: file, isInterrupted: { Signals.isInterrupted })
        let reader = InputReader(source, options: options)
        var batch = DecodedBatch()
        var look = ScopedInput(scope: nil)
        while try reader.next(into: &batch) {
            eventCount += UInt64(batch.readings.count + batch.events.count)
            guard eventCount <= maximumEventCount, !Signals.isInterrupted,
                look.holds(batch, reader.names, { names.insert(ByteName($0)) }),
                names.count <= InputSurvey.maximumDeviceCount
            else { return false }
        }
        return true
    }
}

/// An input that may be about certain devices alone.
struct ScopedInput {
    /// Nil: about any.
    let scope: DeviceScope?
    private var knownNameCount: UInt32 = 0

    init(scope: DeviceScope?) { self.scope = scope }

    /// Whether the next batch keeps to the scope, and to what is of a device at all; `found` is called with each device
    /// named, once or more often.
    mutating func holds(_ batch: DecodedBatch, _ names: TelegramNames, _ found: (String) -> Void = { _ in }) -> Bool {
        while knownNameCount < UInt32(names.devices.count) {
            let name = names.devices[knownNameCount]
            guard scope?.contains(name) ?? true else { return false }
            found(name)
            knownNameCount += 1
        }
        for event in batch.events {
            guard let name = event.event.device, scope?.contains(name) ?? true else { return false }
            found(name)
        }
        return true
    }
}
