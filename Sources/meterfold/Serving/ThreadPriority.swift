import Glibc

/// Which threads come first where there is more work than processors.
enum ThreadPriority {
    /// By how much nicer is what may come later: while both want to run, it gets a tenth of the time of the others.
    private static let patientNiceness: Int32 = 10

    /// Has the calling thread, and those that it begins from now on, give way to the threads that take readings in and
    /// answer: all the time that these leave is theirs, and a share where they leave none.
    static func giveWayToIntake() {
        // On Linux each thread has a niceness of its own. Where it cannot be set all are alike.
        _ = nice(patientNiceness)
    }
}
