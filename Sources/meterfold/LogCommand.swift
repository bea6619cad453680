import ArgumentParser
import EventStorage
import MeterModel
import RecordLog

struct LogCommand: ParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument { case table, json }

    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Looks inside the log, exports its head, and gives up what is lost of it.",
        subcommands: [
            ListCommand.self, ShowCommand.self, StatsCommand.self, LogHeadCommand.self, KeyGenerationCommand.self,
            GiveUpCommand.self,
        ]
    )

    struct ListCommand: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "ls", abstract: "Lists the segments.")

        @OptionGroup var location: DataOption
        @Option(help: "How rows are printed.") var format: Format = .table

        func run() throws {
            try location.directory.require()
            let segments = try EventLogReader(directory: location.data).segments()
            if format == .json {
                Terminal.print("[" + segments.map(json).joined(separator: ",\n") + "]")
                return
            }
            var table = TextTable(["segment", "first", "last", "blocks", "bytes", "size", "state"])
            for segment in segments {
                table.add([
                    segment.file, String(segment.firstPosition), segment.lastPosition.map(String.init) ?? "-",
                    String(segment.blockCount), String(segment.liveByteCount), String(segment.byteCount),
                    segment.isSealed ? "sealed" : "active",
                ])
            }
            Terminal.print(table.text)
        }

        private func json(_ segment: SegmentSummary) -> String {
            var line = JSONLine()
            line.add("segment", segment.file)
            line.add("firstPosition", Int64(segment.firstPosition))
            line.add("lastPosition", segment.lastPosition.map { Int64($0) })
            line.add("blocks", segment.blockCount)
            line.add("bytes", segment.liveByteCount)
            line.add("size", segment.byteCount)
            line.add("sealed", segment.isSealed)
            return line.text
        }
    }

    struct ShowCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Shows the blocks, or of one block what it holds."
        )

        @OptionGroup var location: DataOption
        @Option(help: ArgumentHelp("From the block with this position on.", valueName: "position")) var position:
            UInt64 = 1
        @Option(help: "How many blocks.") var count = 20

        func run() throws {
            try location.directory.require()
            let reader = try EventLogReader(directory: location.data)
            var left = count
            var table = TextTable([
                "first", "last", "recordedAt", "recordedBy", "readings", "other events", "new series",
            ])
            try reader.forEachBlock(from: Position(position)) { block in
                guard left > 0 else { return .stop }
                left -= 1
                var readings = 0
                var kinds: [String: Int] = [:]
                for run in block.runs {
                    switch run {
                    case .readings(_, let records): readings += records.count
                    case .event(_, let event): kinds[event.name, default: 0] += 1
                    case .lost(_, let lost): kinds["lost (\(lost.reason))", default: 0] += lost.count
                    }
                }
                table.add([
                    String(block.firstPosition.rawValue), String(block.lastPosition.rawValue), block.recordedAt.rfc3339,
                    block.recordedBy, String(readings),
                    kinds.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", "),
                    String(block.definedSeries.count { $0.isFirstInLog }),
                ])
                return left > 0 ? .proceed : .stop
            }
            Terminal.print(table.text)
        }
    }

    struct StatsCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stats",
            abstract: "Counts events, readings and bytes.",
            discussion: "Bytes are those in use; pre-written space is told apart."
        )

        @OptionGroup var location: DataOption
        @Option(help: "How the result is printed.") var format: Format = .table

        func run() throws {
            try location.directory.require()
            let reader = try EventLogReader(directory: location.data)
            let segments = try reader.segments()
            var readings: UInt64 = 0
            var lost: UInt64 = 0
            try reader.forEachBlock(from: Position(1)) { block in
                for run in block.runs {
                    switch run {
                    case .readings(_, let records): readings += UInt64(records.count)
                    case .lost(_, let records): lost += UInt64(records.count)
                    case .event: break
                    }
                }
                return .proceed
            }
            let head = segments.compactMap(\.lastPosition).last ?? 0
            let bytes = segments.reduce(0) { $0 + $1.liveByteCount }
            let reserved = segments.reduce(0) { $0 + $1.byteCount } - bytes
            let perReading =
                readings == 0 ? "0" : decimalText(Int128(bytes) * 1000 / Int128(readings), fractionDigits: 3)
            if format == .json {
                var line = JSONLine()
                line.add("head", Int64(head))
                line.add("events", Int64(head))
                line.add("readings", Int64(readings))
                if lost > 0 { line.add("lost", Int64(lost)) }
                line.add("segments", segments.count)
                line.add("blocks", segments.reduce(0) { $0 + $1.blockCount })
                line.add("bytes", bytes)
                line.add("prewrittenBytes", reserved)
                line.add("bytesPerReading", raw: perReading)
                Terminal.print(line.text)
                return
            }
            Terminal.print("head           \(head)")
            Terminal.print("readings       \(readings)")
            Terminal.print("other events   \(head - readings - lost)")
            if lost > 0 { Terminal.print("given up       \(lost)") }
            Terminal.print("segments       \(segments.count)")
            Terminal.print("blocks         \(segments.reduce(0) { $0 + $1.blockCount })")
            Terminal.print("bytes          \(bytes) (and \(reserved) pre-written)")
            Terminal.print("bytes/reading  \(perReading)")
        }
    }
}
