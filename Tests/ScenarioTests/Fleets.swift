import Foundation

/// Fleets of the program's own simulator, made once a run.
enum Fleets {
    /// Two weeks of a few dozen meters with all their troubles, declarations and payments first.
    static let usual = Result { try lines(["--devices", "40", "--days", "14", "--seed", "3"]) }

    /// Enough for several segments of the smallest size.
    static let large = Result { try lines(["--devices", "90", "--days", "14", "--seed", "5"]) }

    /// A small one.
    static let small = Result { try lines(["--devices", "12", "--days", "5", "--seed", "11"]) }

    static func lines(_ arguments: [String]) throws -> [String] {
        let scenario = try Scenario(initialised: false)
        let outcome = try Child([Scenario.binary, "simulate"] + arguments, input: .nothing, folder: scenario.folder)
            .wait()
        guard outcome.exitCode == 0 else { throw ChildFault(description: "simulate: \(outcome.errors)") }
        return outcome.outputLines
    }
}

/// What every test of the same history may compare: positions differ once lines were given twice or in two orders.
let positions = ["position", "clearedPosition"]
