/// What a command answered.
package struct ControlAnswer: Hashable, Sendable {
    package var exitCode: Int32
    /// What it would have printed on standard output and standard error.
    package var out: String
    package var err: String

    package init(exitCode: Int32, out: String, err: String) {
        self.exitCode = exitCode
        self.out = out
        self.err = err
    }
}

/// Runs commands that another process of the same machine hands over.
package protocol ControlHandling: Sendable {
    /// Runs a command to its end.
    ///
    /// - Parameters:
    ///   - command: its name.
    ///   - arguments: the values given for each name, in their order.
    ///   - body: its input, of any length; reading slowly pushes back on the sender.
    /// - Returns: what it answered.
    func run(_ command: String, arguments: [String: [String]], body: BodyBytes) async -> ControlAnswer
}
