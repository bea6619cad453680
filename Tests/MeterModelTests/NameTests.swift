import MeterModel
import Testing

@Suite("A name")
struct NameTests {
    @Test("has 1 to 128 bytes and no control characters")
    func validity() {
        #expect(Name.isValid("E-000001") && Name.isValid("電表 7") && Name.isValid("\u{A0}"))
        #expect(Name.isValid(String(repeating: "x", count: 128)))
        for bad in ["", "a\u{0}", "a\tb", "\u{1F}", "\u{7F}", "a\u{80}", "\u{9F}b", String(repeating: "ß", count: 65)] {
            #expect(!Name.isValid(bad), "\(bad.debugDescription)")
        }
    }
}

@Suite("A series directory")
struct SeriesDirectoryTests {
    @Test("numbers devices and series in order of first appearance")
    func numbering() {
        var directory = SeriesDirectory()
        let first = directory.device(named: "E-1")
        let energy = directory.register(named: "1-0:1.8.0")
        let export = directory.register(named: "1-0:2.8.0")
        #expect(directory.existingSeries(device: first, register: energy) == nil)
        #expect(directory.series(device: first, register: energy) == 0)
        #expect(directory.series(device: first, register: export) == 1)
        #expect(directory.series(device: directory.device(named: "E-2"), register: energy) == 2)
        #expect(directory.series(device: first, register: export) == 1)
        #expect(directory.existingSeries(device: first, register: export) == 1)
        #expect(directory.seriesCount == 3 && directory.deviceCount == 2)
        #expect(directory.deviceName(ofSeries: 2) == "E-2" && directory.registerName(ofSeries: 1) == "1-0:2.8.0")
    }
}

@Suite("Words of the wire")
struct MeasureTests {
    @Test("read back as they are written")
    func roundTrips() {
        for unit in Unit.allCases { #expect(Unit(symbol: unit.symbol) == unit) }
        for utility in Utility.allCases { #expect(Utility(name: utility.name) == utility) }
        for quality in Quality.allCases { #expect(Quality(name: quality.name) == quality) }
        #expect(Unit(symbol: "kwh") == nil && Utility(name: "") == nil && Quality(name: "Measured") == nil)
        #expect(Quality.allCases == Quality.allCases.sorted())
    }

    @Test("pack into one byte and come out again")
    func traits() {
        for quality in Quality.allCases {
            for unit in Unit.allCases {
                for isInterval in [false, true] {
                    let traits = ReadingTraits(quality: quality, isInterval: isInterval, unit: unit)
                    #expect(traits.isValid)
                    #expect(traits.quality == quality && traits.unit == unit && traits.isInterval == isInterval)
                }
            }
        }
        let valid = (0...255 as ClosedRange<UInt8>).filter { ReadingTraits(rawValue: $0).isValid }
        #expect(valid.count == Quality.allCases.count * Unit.allCases.count * 2)
    }

    @Test("a reading takes 40 bytes")
    func layout() {
        #expect(MemoryLayout<ReadingRecord>.stride == 40)
    }
}
