import Model
import Options
import PluginKit
import Testing

@Suite("Where plugins attach")
struct ExtensionPointsTests {
    private struct Observer: FlowObserver {
        func observe(_ batch: FlowBatch) async throws -> [FlowRuling] { [] }
    }

    private struct Accounts: AccountSource {
        func accounts() async throws -> AccountSnapshot {
            AccountSnapshot(remainingBytes: [:], refreshMilliseconds: 1000)
        }
    }

    private struct Chooser: UpstreamChooser {
        func choose(for proposal: FlowProposal) async throws -> String? { nil }
    }

    @Test func `capabilities are kept in the order in which they were attached`() {
        var points = ExtensionPoints()
        points.add(observer: Observer())
        points.add(observer: Observer())
        #expect(points.flowObservers.count == 2)
        #expect(points.uncalled.isEmpty)
    }

    @Test func `capabilities that nobody calls yet are named, so that the start can refuse them`() {
        var points = ExtensionPoints()
        points.add(accountSource: Accounts())
        points.add(upstreamChooser: Chooser())
        #expect(points.uncalled == ["AccountSource", "UpstreamChooser"])
    }

    // MARK: Descriptors

    private struct Size: PluginSettings {
        let bytes: Int

        init(from reader: inout OptionReader) {
            bytes = reader.integer("bytes", default: 7, in: 1...100)
        }
    }

    private final class Sized: Plugin {
        static let type = "sized"
        let bytes: Int

        init(settings: Size, host: PluginHost) throws { bytes = settings.bytes }

        func install(in points: inout ExtensionPoints) {}
    }

    private func host() -> PluginHost {
        PluginHost(
            guid: "g", boot: BootID(bits: 1), stateDirectory: "", log: { _, _ in },
            wallMilliseconds: { 0 })
    }

    @Test func `a descriptor reads its plugin's settings and makes it with them`() throws {
        let descriptor = PluginDescriptor(Sized.self)
        #expect(descriptor.type == "sized")
        var reader = OptionReader(nil)
        let settings = descriptor.readSettings(&reader)
        #expect(reader.finish().isEmpty)
        let plugin = try descriptor.make(settings, host())
        #expect((plugin as? Sized)?.bytes == 7)
    }

    @Test func `settings of another plugin are a bug and trap`() async {
        await #expect(processExitsWith: .failure) {
            let host = PluginHost(
                guid: "g", boot: BootID(bits: 1), stateDirectory: "", log: { _, _ in },
                wallMilliseconds: { 0 })
            var reader = OptionReader(nil)
            _ = try PluginDescriptor(Sized.self).make(NoSettings(from: &reader), host)
        }
    }

    @Test func `a verdict allows or says why not`() {
        #expect(Verdict.allow.refusal == nil)
        #expect(Verdict.deny("over quota").refusal == "over quota")
    }
}
