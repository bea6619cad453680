import Foundation
package import MeterModel

/// The profiles that come with the program, and those of files.
package enum Profiles {
    /// The largest file of a profile.
    package static let maximumByteCount = 64 * 1024

    private static let shipped: [(name: String, yaml: [UInt8])] = [
        ("ampds2-electricity", PackageResources.ampds2_electricity_yaml),
        ("ampds2-gas", PackageResources.ampds2_gas_yaml),
        ("ampds2-water", PackageResources.ampds2_water_yaml),
        ("cambridge", PackageResources.cambridge_yaml),
        ("daiad", PackageResources.daiad_yaml),
        ("homewizard-electricity", PackageResources.homewizard_electricity_yaml),
        ("homewizard-gas", PackageResources.homewizard_gas_yaml),
        ("homewizard-water", PackageResources.homewizard_water_yaml),
        ("hue", PackageResources.hue_yaml),
        ("lcl", PackageResources.lcl_yaml),
        ("p1mon", PackageResources.p1mon_yaml),
        ("shelly-em3", PackageResources.shelly_em3_yaml),
        ("telegraf", PackageResources.telegraf_yaml),
        ("toon", PackageResources.toon_yaml),
        ("toon-gas", PackageResources.toon_gas_yaml),
    ]

    /// The names of the shipped profiles, ascending.
    package static var names: [String] { shipped.map(\.name) }

    /// A shipped profile, or nil where none is called so.
    ///
    /// - Parameters:
    ///   - name: one of `names`.
    ///   - zones: where the rules of the profile's zone come from.
    /// - Returns: the profile, or nil.
    /// - Throws: `ProfileError` where the zone is unknown.
    package static func named(_ name: String, zones: any ZoneSource) throws(ProfileError) -> InputProfile? {
        guard let found = shipped.first(where: { $0.name == name }) else { return nil }
        let text = String(decoding: found.yaml, as: UTF8.self)
        return try ProfileReader(zones: zones).read(text, name: name, source: "profile \(name)")
    }

    /// A shipped profile, or where none is called so the profile in a file.
    package static func find(_ nameOrFile: String, zones: any ZoneSource) throws(ProfileError) -> InputProfile {
        if let shipped = try named(nameOrFile, zones: zones) { return shipped }
        return try load(file: nameOrFile, zones: zones)
    }

    /// The profile that a YAML text says.
    ///
    /// - Parameters:
    ///   - text: the YAML.
    ///   - source: what faults call the text.
    ///   - zones: where the rules of the profile's zone come from.
    /// - Returns: the profile.
    /// - Throws: `ProfileError` with the line of the fault.
    package static func parse(_ text: String, source: String, zones: any ZoneSource) throws(ProfileError)
        -> InputProfile
    {
        try ProfileReader(zones: zones).read(text, name: source, source: source)
    }

    /// The profile in a file.
    ///
    /// - Parameters:
    ///   - file: a path.
    ///   - zones: where the rules of the profile's zone come from.
    /// - Returns: the profile.
    /// - Throws: `ProfileError` with the line of the fault.
    package static func load(file: String, zones: any ZoneSource) throws(ProfileError) -> InputProfile {
        guard let text = String(validating: try bytes(ofFile: file), as: UTF8.self) else {
            throw ProfileError(source: file, line: nil, text: "is no UTF-8")
        }
        return try parse(text, source: file, zones: zones)
    }

    /// The bytes of a profile's file.
    ///
    /// - Throws: `ProfileError` where it cannot be read or is too large.
    package static func bytes(ofFile file: String) throws(ProfileError) -> [UInt8] {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: file))
        } catch {
            throw ProfileError(source: file, line: nil, text: "cannot be read: \(error.localizedDescription)")
        }
        guard data.count <= maximumByteCount else {
            throw ProfileError(source: file, line: nil, text: "is larger than \(maximumByteCount) bytes")
        }
        return [UInt8](data)
    }
}
