import Testing
import VarveBytes

@testable import VarveLog

/// Vectors: the reference tests of Certificate Transparency (RFC 6962), eight leaves and their
/// roots, audit paths and consistency proofs.
@Suite struct MerkleTreeTests {
    private static let inputs = [
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    private static let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]

    private static func leaves(_ count: Int) throws -> [UInt8] {
        var leaves: [UInt8] = []
        for input in inputs.prefix(count) {
            let bytes = try #require([UInt8](hex: input))
            MerkleTree.appendLeaf(of: bytes.raw, to: &leaves)
        }
        return leaves
    }

    /// Leaves for trees of any size.
    private static func numbered(_ count: Int) -> [UInt8] {
        var leaves: [UInt8] = []
        for number in 0..<count {
            MerkleTree.appendLeaf(of: Array("leaf \(number)".utf8).raw, to: &leaves)
        }
        return leaves
    }

    private static func leaf(_ leaves: [UInt8], _ index: Int) -> Digest {
        Digest(Array(leaves[(32 * index)..<(32 * index + 32)]))
    }

    @Test func `the published roots come out`() throws {
        #expect(
            MerkleTree.emptyRoot.description
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        var frontier = MerkleFrontier()
        #expect(frontier.root == MerkleTree.emptyRoot)
        let all = try Self.leaves(8)
        for count in 1...8 {
            #expect(MerkleTree.root(try Self.leaves(count)).description == Self.roots[count - 1])
            frontier.append(Self.leaf(all, count - 1))
            #expect(frontier.root.description == Self.roots[count - 1])
        }
    }

    @Test(arguments: [
        (
            0, 8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ]
        ),
        (
            5, 8,
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        ),
        (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
        (
            1, 5,
            [
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ]
        ),
    ])
    func `the published audit paths come out`(index: Int, count: Int, path: [String]) throws {
        let leaves = try Self.leaves(count)
        #expect(MerkleTree.inclusionPath(index, leaves).map(\.description) == path)
    }

    @Test(arguments: [
        (
            1, 8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ]
        ),
        (
            6, 8,
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        ),
        (
            2, 5,
            [
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ]
        ),
    ])
    func `the published consistency proofs come out`(old: Int, new: Int, path: [String]) throws {
        let leaves = try Self.leaves(new)
        #expect(MerkleTree.consistencyPath(from: old, leaves).map(\.description) == path)
    }

    @Test func `every leaf of every tree is proven, and nothing else is`() {
        for count in 1...40 {
            let leaves = Self.numbered(count)
            let root = MerkleTree.root(leaves)
            for index in 0..<count {
                let path = MerkleTree.inclusionPath(index, leaves)
                let leaf = Self.leaf(leaves, index)
                func proven(_ leaf: Digest, _ index: Int, _ count: Int, _ path: [Digest]) -> Bool {
                    MerkleTree.root(
                        fromLeaf: leaf, at: Int64(index), of: Int64(count), path: path) == root
                }
                #expect(proven(leaf, index, count, path))
                #expect(!proven(MerkleTree.leaf(of: [1].raw), index, count, path))
                #expect(!proven(leaf, index + 1, count, path))
                #expect(!proven(leaf, index, count, path + [root]))
                if !path.isEmpty { #expect(!proven(leaf, index, count, path.dropLast())) }
            }
        }
    }

    @Test func `every tree is the beginning of every larger one, and of no other`() {
        for new in 1...33 {
            let leaves = Self.numbered(new)
            let newRoot = MerkleTree.root(leaves)
            for old in 0...new {
                let oldRoot = MerkleTree.root(leaves, 0..<old)
                let path = MerkleTree.consistencyPath(from: old, leaves)
                func holds(_ root: Digest, _ old: Int, _ path: [Digest]) -> Bool {
                    MerkleTree.isConsistent(root, Int64(old), with: newRoot, Int64(new), path: path)
                }
                #expect(holds(oldRoot, old, path), "\(old) of \(new)")
                #expect(!holds(MerkleTree.leaf(of: [1].raw), old, path))
                #expect(!holds(oldRoot, old, path + [newRoot]))
                if !path.isEmpty { #expect(!holds(oldRoot, old, path.dropLast())) }
            }
        }
    }
}
