import MeterModel
import Telegrams

/// A word of a first line, a request's parameters or a command that cannot be understood.
package struct ParameterFault: Error, Hashable, Sendable {
    /// The key.
    package var name: String
    package var text: String

    package init(name: String, text: String) {
        self.name = name
        self.text = text
    }
}

extension InputOptions {
    /// The keys that `apply` understands.
    package static let wordNames = ["format", "precision", "profile", "utility", "unit", "register", "device"]

    /// Sets what words say; what they leave out stays.
    ///
    /// - Parameters:
    ///   - words: by key; keys that are not among `wordNames` are disregarded.
    ///   - profile: finds a profile by its name; nil where there is none.
    /// - Throws: `ParameterFault` for a word that cannot be understood.
    package mutating func apply(
        _ words: [String: String],
        profile: (String) throws(ProfileError) -> InputProfile?
    ) throws(ParameterFault) {
        format = try words.value("format", or: format) { InputFormat(rawValue: $0) }
        precision = try words.value("precision", or: precision) { TimestampPrecision(rawValue: $0) } ?? precision
        utility = try words.value("utility", or: utility) { Utility(name: $0) }
        unit = try words.value("unit", or: unit) { Unit(symbol: $0) }
        register = try words.value("register", or: register) { Name.isValid($0) ? $0 : nil }
        device = try words.value("device", or: device) { Name.isValid($0) ? $0 : nil }
        guard let name = words["profile"] else { return }
        do throws(ProfileError) {
            guard let found = try profile(name) else {
                throw ProfileError(source: name, line: nil, text: "no profile is called so here")
            }
            self.profile = found
            profileIsDefault = false
        } catch {
            throw ParameterFault(name: "profile", text: error.text)
        }
    }
}

extension [String: String] {
    fileprivate func value<T>(
        _ key: String,
        or former: T?,
        _ make: (String) -> T?
    ) throws(ParameterFault) -> T? {
        guard let text = self[key] else { return former }
        guard let value = make(text) else {
            throw ParameterFault(name: key, text: "'\(text.prefix(40))' is none of those it can be")
        }
        return value
    }
}
