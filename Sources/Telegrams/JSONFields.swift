import MeterModel

/// The members of one object, read by name; what is `null` counts as left out.
///
/// Each reader throws the refusal that the semantics name for the fault (section 9); `path` says where in the line the
/// object stands.
struct JSONFields {
    private let members: [JSONMember]
    let path: String

    init(_ members: [JSONMember], path: String = "") {
        self.members = members.filter { $0.value != .null }
        self.path = path
    }

    /// The fields of a value that must be an object; of code `code` where it is none.
    init(_ value: JSONValue, path: String, else code: RefusalCode) throws(Refusal) {
        guard case .object(let members) = value else {
            throw Refusal(code, "\(path) must be an object, not \(value.kindName)")
        }
        self.init(members, path: path)
    }

    subscript(name: String) -> JSONValue? { members.first { $0.name == name }?.value }

    func has(_ name: String) -> Bool { self[name] != nil }

    func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    /// Refuses the first member that is not among `known`, then the first of `required` that is missing.
    func check(required: [String], optional: [String]) throws(Refusal) {
        for member in members where !required.contains(member.name) && !optional.contains(member.name) {
            throw Refusal(.unknownField, "unknown field \"\(place(member.name))\"")
        }
        for name in required where !has(name) { throw missing(name) }
    }

    func missing(_ name: String) -> Refusal { Refusal(.missingField, "field \"\(place(name))\" is missing") }

    /// A string that is not empty.
    func text(_ name: String, _ code: RefusalCode = .valueSyntax) throws(Refusal) -> String {
        guard let value = self[name] else { throw missing(name) }
        guard case .string(let text) = value else {
            throw Refusal(code, "\(place(name)) must be a string, not \(value.kindName)")
        }
        return text
    }

    func optionalText(_ name: String) throws(Refusal) -> String? {
        has(name) ? try text(name) : nil
    }

    /// Why something is done: not empty.
    func reason() throws(Refusal) -> String {
        let reason = try text("reason")
        guard !reason.isEmpty else { throw missing("reason") }
        return reason
    }

    func name(_ field: String) throws(Refusal) -> String {
        let text = try text(field, .nameSyntax)
        guard Name.isValid(text) else {
            throw Refusal(
                .nameSyntax,
                "\(place(field)): a name has 1 to \(Name.maximumByteCount) bytes and no control characters"
            )
        }
        return text
    }

    func optionalName(_ field: String) throws(Refusal) -> String? {
        has(field) ? try name(field) : nil
    }

    /// A decimal, given as a number or a string.
    func decimal(_ name: String, _ code: RefusalCode = .valueSyntax) throws(Refusal) -> ExactDecimal {
        guard let value = self[name] else { throw missing(name) }
        var text: String
        switch value {
        case .number(let digits): text = digits
        case .string(let string): text = string
        default: throw Refusal(code, "\(place(name)) must be a decimal, not \(value.kindName)")
        }
        switch text.withUTF8({ DecimalScanner.scan($0) }) {
        case .value(let coefficient, let fractionDigits):
            return ExactDecimal(coefficient, fractionDigits: fractionDigits)
        case .notADecimal: throw Refusal(code, "\(place(name)): \"\(text.prefix(40))\" is no decimal")
        case .tooLarge: throw Refusal(code == .valueSyntax ? .valueRange : code, "\(place(name)) is too large")
        case .tooFine:
            throw Refusal(code == .valueSyntax ? .valuePrecision : code, "\(place(name)) has too many digits")
        }
    }

    func optionalDecimal(_ name: String, _ code: RefusalCode = .valueSyntax) throws(Refusal) -> ExactDecimal? {
        has(name) ? try decimal(name, code) : nil
    }

    func instant(_ name: String) throws(Refusal) -> Instant {
        guard let value = self[name] else { throw missing(name) }
        var text: String
        let isNumber: Bool
        switch value {
        case .string(let string): (text, isNumber) = (string, false)
        case .number(let digits): (text, isNumber) = (digits, true)
        default: throw Refusal(.timeSyntax, "\(place(name)) must be a time, not \(value.kindName)")
        }
        let read: Result<Int64, InstantScanner.Fault> = text.withUTF8 { bytes in
            guard let base = bytes.baseAddress, bytes.count > 0 else { return .failure(.syntax) }
            if isNumber {
                return InstantScanner.integer(base, 0, bytes.count).map { InstantScanner.milliseconds(ofCount: $0) }
            }
            return InstantScanner.rfc3339(base, 0, bytes.count).map { .success($0) } ?? .failure(.syntax)
        }
        switch read {
        case .success(let milliseconds): return Instant(milliseconds: milliseconds)
        case .failure(.range): throw Refusal(.timeRange, "\(place(name)): \(text) lies outside all time")
        case .failure(.syntax):
            throw Refusal(
                .timeSyntax,
                "\(place(name)): \"\(text.prefix(40))\" is neither RFC 3339 with an offset nor an integer"
            )
        }
    }

    func optionalInstant(_ name: String) throws(Refusal) -> Instant? {
        has(name) ? try instant(name) : nil
    }

    /// `YYYY-MM-DD`.
    func date(_ name: String) throws(Refusal) -> LocalDate {
        let text = try text(name, .timeSyntax)
        guard let date = LocalDate(text) else {
            throw Refusal(.timeSyntax, "\(place(name)): \"\(text.prefix(40))\" is no date YYYY-MM-DD")
        }
        return date
    }

    /// Milliseconds of an integer and `s`, `m`, `h` or `d`.
    func duration(_ name: String, _ code: RefusalCode) throws(Refusal) -> Int64 {
        try JSONFields.duration(self[name] ?? .null, place(name), code)
    }

    static func duration(_ value: JSONValue, _ place: String, _ code: RefusalCode) throws(Refusal) -> Int64 {
        guard case .string(let text) = value, let milliseconds = Milliseconds.count(of: text) else {
            throw Refusal(code, "\(place) must be a duration such as \"15m\", \"6h\" or \"3d\"")
        }
        return milliseconds
    }

    func bool(_ name: String, _ code: RefusalCode) throws(Refusal) -> Bool {
        guard let value = self[name] else { return false }
        guard case .bool(let flag) = value else {
            throw Refusal(code, "\(place(name)) must be true or false, not \(value.kindName)")
        }
        return flag
    }

    func list(_ name: String, _ code: RefusalCode) throws(Refusal) -> [JSONValue] {
        guard let value = self[name] else { throw missing(name) }
        guard case .array(let elements) = value else {
            throw Refusal(code, "\(place(name)) must be a list, not \(value.kindName)")
        }
        return elements
    }

    /// One of a closed set of words.
    func word<T>(_ name: String, _ code: RefusalCode, _ make: (String) -> T?) throws(Refusal) -> T {
        let text = try text(name, code)
        guard let value = make(text) else {
            throw Refusal(code, "\(place(name)): \"\(text.prefix(40))\" is none of those it can be")
        }
        return value
    }

    func unit(_ code: RefusalCode = .valueSyntax) throws(Refusal) -> Unit? {
        has("unit") ? try word("unit", code) { Unit(symbol: $0) } : nil
    }
}
