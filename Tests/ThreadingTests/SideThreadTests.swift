import Foundation
import Testing
import Threading

@Suite struct SideThreadTests {
    /// What pieces and their owner touch by turns.
    // Safety: who holds the thread touches it, or the piece under way.
    private final class Tally: @unchecked Sendable {
        var numbers: [Int] = []
    }

    @Test func piecesAreDoneInOrderAndSeenByWhoHoldsTheThread() {
        let thread = SideThread(name: "side")
        let tally = Tally()
        for i in 0..<1000 {
            thread.hold()
            #expect(tally.numbers.count == i)
            thread.perform { tally.numbers.append(i) }
        }
        thread.hold()
        #expect(tally.numbers == Array(0..<1000))
        thread.release()
    }

    @Test func pieceRunsBesideItsOwner() {
        let thread = SideThread(name: "side")
        let (begun, may) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let own = Thread.current
        thread.hold()
        thread.perform {
            #expect(Thread.current !== own)
            begun.signal()
            may.wait()
        }
        // Were it not beside, this would wait for ever.
        begun.wait()
        may.signal()
        thread.hold()
        thread.release()
    }

    @Test func whatAPieceKeepsIsLetGoBeforeTheThreadIsHeld() {
        let thread = SideThread(name: "side")
        weak var kept: Tally?
        for _ in 0..<100 {
            thread.hold()
            #expect(kept == nil)
            let tally = Tally()
            kept = tally
            thread.perform { tally.numbers.append(1) }
        }
        thread.hold()
        thread.release()
    }

    @Test func threadEndsWithItsOwnerAndNotBeforeItsPiece() {
        let done = DispatchSemaphore(value: 0)
        for _ in 0..<200 {
            let thread = SideThread(name: "side")
            thread.hold()
            thread.perform { done.signal() }
        }
        for _ in 0..<200 { done.wait() }
        // One that never worked has no thread to end.
        _ = SideThread(name: "idle")
    }
}
