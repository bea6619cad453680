package import MeterModel
package import Telegrams

/// A mapping of somebody's format to readings, read from YAML.
package struct InputProfile: Sendable {
    /// How lines are read.
    package enum Mapping: Sendable {
        case csv(CSVProfile)
        case lineProtocol(LineProtocolProfile)
    }

    package var name: String
    package var mapping: Mapping
    /// The kind of supply of devices that nobody registered.
    package var utility: Utility?

    package init(name: String, mapping: Mapping, utility: Utility?) {
        self.name = name
        self.mapping = mapping
        self.utility = utility
    }

    package var format: InputFormat {
        switch mapping {
        case .csv: .csv
        case .lineProtocol: .lineProtocol
        }
    }
}

/// What is wrong with a profile, and where.
package struct ProfileError: Error, Hashable, CustomStringConvertible {
    package var source: String
    /// From 1; nil where the file cannot be read at all.
    package var line: Int?
    package var text: String

    package var description: String { "\(source)\(line.map { ":\($0)" } ?? ""): \(text)" }
}
