import Testing
import VarveBytes
import VarveProtocols

@Suite struct ScramTests {
    private let credential = ScramCredential(
        password: "pencil", salt: Base64.decode("W22ZaJ0SNY7soEsUEjb6gQ==") ?? [],
        iterations: 4096)

    private func exchange(_ first: String) -> ScramExchange? {
        ScramExchange(
            clientFirst: Array(first.utf8), serverNonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
        ) { _ in credential }
    }

    /// The example of RFC 7677, section 3.
    @Test func `the RFC's conversation is understood`() throws {
        let exchange = try #require(self.exchange("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"))
        #expect(exchange.user == "user")
        #expect(
            String(decoding: exchange.serverFirst, as: UTF8.self)
                == "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                + "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
        let final =
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            + "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        let answer = try #require(exchange.finish(clientFinal: Array(final.utf8)))
        #expect(
            String(decoding: answer, as: UTF8.self)
                == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
        for wrong in [
            final.replacing("c=biws", with: "c=eSws"), final.replacing("dHzb", with: "dHzc"),
            final.replacing("k0,p", with: "k1,p"), String(final.dropLast()), "", "p=",
        ] {
            #expect(exchange.finish(clientFinal: Array(wrong.utf8)) == nil, "\(wrong)")
        }
    }

    @Test func `names may hold commas; malformed beginnings are refused`() {
        #expect(exchange("n,,n=a=2Cb=3Dc,r=x")?.user == "a,b=c")
        for wrong in [
            "", "n", "n,,n=user", "n,,n=,r=x", "n,,n=a=2,r=x", "n,,n=a,r=", "p=tls-unique,,n=a,r=x",
            "n,,m=ext,n=a,r=x",
        ] {
            #expect(exchange(wrong) == nil, "\(wrong)")
        }
        var random = SplitMix64(seed: 8)
        for _ in 0..<500 {
            let damaged = random.mutated(Array("n,,n=user,r=rOprNGfw".utf8))
            _ = ScramExchange(clientFirst: damaged, serverNonce: "n") { _ in credential }
        }
    }

    @Test func `a credential matches its password only`() {
        #expect(credential.matches(password: "pencil"))
        #expect(!credential.matches(password: "pencils"))
    }

    @Test func `a plain token holds a user and a password`() throws {
        let found = try #require(PlainToken.read(Array("\0ada\0secret".utf8)))
        #expect(found.user == "ada")
        #expect(found.password == "secret")
        #expect(PlainToken.read(Array("ada\0ada\0secret".utf8)) != nil)
        for wrong in ["", "ada", "\0ada", "\0\0secret", "\0ada\0", "bob\0ada\0secret", "\0a\0b\0c"] {
            #expect(PlainToken.read(Array(wrong.utf8)) == nil)
        }
    }
}
