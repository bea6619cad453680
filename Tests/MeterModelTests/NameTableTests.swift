import MeterModel
import Testing

@Suite("A name table")
struct NameTableTests {
    @Test("numbers names as a dictionary would", arguments: [1, 2, 3, 4])
    func againstDictionary(seed: UInt64) {
        var random = TestRandom(seed: seed)
        var table = NameTable(minimumCapacity: seed == 4 ? 10_000 : 1)
        var model: [String: UInt32] = [:]
        let letters = Array("abAB01-:.éß日")
        for _ in 0..<20_000 {
            let length = Int.random(in: 0...Int.random(in: 1...40, using: &random), using: &random)
            let name = String((0..<length).map { _ in letters.randomElement(using: &random) ?? "x" })
            #expect(table.index(of: name) == model[name])
            let index = model[name] ?? UInt32(model.count)
            #expect(table.intern(name) == index)
            model[name] = index
            #expect(table.count == model.count)
        }
        for (name, index) in model {
            #expect(table[index] == name)
            #expect(table.index(of: name) == index)
        }
    }

    @Test("tells names apart by their bytes, not by what they look like")
    func bytes() {
        var table = NameTable()
        let composed = table.intern("caf\u{E9}")
        let decomposed = table.intern("cafe\u{301}")
        #expect(composed != decomposed)
        #expect(Array(table[decomposed].utf8) == Array("cafe\u{301}".utf8))
        #expect(table.intern("") == 2)
        #expect(table.index(of: "\u{0}") == nil)
    }

    @Test("numbers names the same whatever the order in which they are met again", arguments: [1, 2, 3])
    func rounds(seed: UInt64) {
        var random = TestRandom(seed: seed)
        let all = (0..<3000).map { i in String(repeating: "n", count: i % 20) + "\(i / 3)" }
        var table = NameTable(minimumCapacity: 1)
        var known: [String: UInt32] = [:]
        var next = 0
        for _ in 0..<60_000 {
            next = random.next() % 8 == 0 ? Int(random.next() % UInt64(all.count)) : (next + 1) % all.count
            let number = known[all[next]] ?? UInt32(known.count)
            known[all[next]] = number
            #expect(table.intern(all[next]) == number, "seed \(seed)")
        }
        #expect(table.count == known.count)
        for (name, number) in known {
            #expect(table.index(of: name) == number)
            #expect(table[number] == name)
        }
        #expect(table.index(of: "absent") == nil)
        #expect(table.index(of: "") == nil)
    }

    @Test("tells names apart that differ in one byte")
    func oneByte() {
        var table = NameTable()
        for count in 1...40 {
            let name = String(repeating: "a", count: count)
            let number = table.intern(name)
            for place in 0..<count {
                var other = Array(name.utf8)
                other[place] = UInt8(ascii: "b")
                #expect(other.withUnsafeBufferPointer { table.index(of: $0) } == nil)
            }
            #expect(table.intern(name) == number)
        }
    }

    @Test("numbers names together as one by one", arguments: [5, 6, 7])
    func together(seed: UInt64) {
        var random = TestRandom(seed: seed)
        let letters = Array("ab01-é")
        var (together, single) = (NameTable(minimumCapacity: 1), NameTable(minimumCapacity: 1))
        for _ in 0..<500 {
            let names = (0..<Int.random(in: 0...64, using: &random)).map { _ in
                let count = Int.random(in: 0...Int.random(in: 1...40, using: &random), using: &random)
                return Array(String((0..<count).map { _ in letters.randomElement(using: &random) ?? "x" }).utf8)
            }
            let bytes = names.flatMap(\.self)
            bytes.withUnsafeBufferPointer { bytes in
                var start = 0
                var places: [UnsafeBufferPointer<UInt8>] = []
                for name in names {
                    places.append(UnsafeBufferPointer(rebasing: bytes[start..<start + name.count]))
                    start += name.count
                }
                var numbers: [UInt32] = []
                places.withUnsafeBufferPointer {
                    together.intern($0) { numbers.append($0 == numbers.count ? $1 : .max) }
                }
                for (name, number) in zip(names, numbers) {
                    #expect(name.withUnsafeBufferPointer { single.intern($0) } == number, "seed \(seed)")
                }
                #expect(numbers.count == names.count)
            }
        }
        #expect(together.count == single.count)
        for i in 0..<UInt32(single.count) { #expect(together[i] == single[i]) }
    }
}
