package import Options

/// Proxies to go through, one behind the other.
package struct ChainOptions: Sendable {
    /// Unique among chains.
    package let name: Located<String>
    /// The hops in the order of the way; one or more.
    package let hops: [HopOptions]
    /// Its share in a group.
    package let share: ShareOptions

    init(name: Located<String>, hops: [HopOptions], share: ShareOptions) {
        self.name = name
        self.hops = hops
        self.share = share
    }
}

/// One step of a chain: nodes of which one is taken.
package struct HopOptions: Sendable {
    /// Its name; of a reference, the entry of `hops:` that it means.
    package let name: Located<String>
    /// Nodes of the configuration itself; empty in a reference.
    let inline: [NodeOptions]
    /// Nodes that the file had when the configuration was loaded.
    let fromFile: [NodeOptions]
    /// The file with further nodes, if there is one.
    package let file: ListFile?
    /// What its nodes have unless they say something else.
    let inherited: Inherited
    /// Whether it only names an entry of `hops:`.
    package let isReference: Bool
    /// How a node is chosen.
    package let selector: SelectorOptions
    /// The `bypasses:` entries whose destinations end a chain before it.
    package let bypasses: [Located<String>]

    init(
        name: Located<String>, inline: [NodeOptions], fromFile: [NodeOptions], file: ListFile?,
        inherited: Inherited, isReference: Bool, selector: SelectorOptions,
        bypasses: [Located<String>]
    ) {
        self.name = name
        self.inline = inline
        self.fromFile = fromFile
        self.file = file
        self.inherited = inherited
        self.isReference = isReference
        self.selector = selector
        self.bypasses = bypasses
    }

    /// All its nodes.
    package var nodes: [NodeOptions] { inline + fromFile }
}

extension GatewayOptions {
    /// A hop of a chain, or the entry of `hops:` that it refers to; nil where there is none.
    package func hop(_ hop: HopOptions) -> HopOptions? {
        hop.isReference ? hops.first { $0.name.value == hop.name.value } : hop
    }

    /// Every hop that stands in the configuration, in a chain or by itself.
    var allHops: [HopOptions] { chains.flatMap(\.hops) + hops }

    /// Every node that stands in the configuration.
    var nodes: [NodeOptions] { allHops.flatMap(\.nodes) }
}
