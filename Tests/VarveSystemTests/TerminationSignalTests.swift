import Glibc
import Testing
import VarveSystem

@Suite struct TerminationSignalTests {
    @Test(arguments: [SIGTERM, SIGINT])
    func `a signal is delivered as a value`(_ number: Int32) {
        let outcome = Monitor<[TerminationSignal.Kind?]?>(nil)
        // A thread of its own: the signals are taken over for the thread that asks.
        let thread = WorkerThread(name: "signals") {
            guard let signal = try? TerminationSignal() else { return }
            let before = signal.wait(timeout: .milliseconds(1))
            pthread_kill(pthread_self(), number)
            let after = signal.wait()
            outcome.withLock { $0 = [before, after] }
        }
        thread.join()
        let expected: TerminationSignal.Kind = number == SIGINT ? .interrupt : .terminate
        #expect(outcome.withLock { $0 } == [nil, expected])
    }
}
