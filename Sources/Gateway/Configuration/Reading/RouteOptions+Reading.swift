import Options
import Rules

extension RouteOptions {
    /// Reads `chain`, `chainGroup` and `retries` of a handler, and `hash` of its metadata.
    init(from reader: inout OptionReader, metadata: inout OptionReader) {
        let chain = reader.locatedString("chain").flatMap { $0.value.isEmpty ? nil : $0 }
        let group = reader.mapping("chainGroup") { Group(from: &$0) }
        chains =
            (chain.map { [ChainReference(name: $0, matcher: nil)] } ?? [])
            + (group?.chains ?? [])
        selector = group?.selector ?? .standard
        retries = reader.integer("retries", default: 0, in: 0...100)
        if retries > 0, chains.isEmpty {
            reader.warn(
                "'retries' is for chains: every address of a name is tried anyway",
                at: reader.location(of: "retries"))
        }
        hashesByHost = metadata.choice("hash", among: ["host": true]) ?? false
    }

    /// `chainGroup:`.
    private struct Group {
        let chains: [ChainReference]
        let selector: SelectorOptions

        init(from reader: inout OptionReader) {
            selector = reader.mapping("selector") { SelectorOptions(from: &$0) } ?? .standard
            guard let node = reader.node("chains") else {
                reader.missing("chains", hint: "such as chains: [one, other]")
                chains = []
                return
            }
            let items: [Node] = if case .sequence(let items) = node.value { items } else { [node] }
            var chains: [ChainReference] = []
            for item in items {
                if let name = item.text {
                    chains.append(
                        ChainReference(name: Located(name, at: item.location), matcher: nil))
                    continue
                }
                var part = OptionReader(item, named: "chains", unknownKeys: reader.unknownKeys)
                let name = part.requiredString("chain")
                let matcher =
                    part.mapping("matcher") { MatcherOptions(from: &$0, of: .chain) } ?? nil
                part.notYet(.warning, ["probe"])
                if let name { chains.append(ChainReference(name: name, matcher: matcher)) }
                reader.report(part.finish())
            }
            if items.isEmpty {
                reader.error("'chains' must not be empty", at: node.location)
            }
            self.chains = chains
        }
    }
}
