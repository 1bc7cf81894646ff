import VarveBytes
public import VarveFormats

/// A training set's manifest as a page to look at: the leak meter as bars, and each feature's
/// distribution as a histogram. One file without scripts or references, so that it can be kept
/// beside the set.
public struct TrainingReport {
    private let manifest: JSON

    /// A report on a manifest.
    public init(_ manifest: JSON) { self.manifest = manifest }

    /// The page, as HTML with inline SVG.
    public var html: String {
        let columns = manifest["columns"]?.arrayValue ?? []
        let rows = manifest["rows"]?.integerValue ?? 0
        return """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8">
            <title>\(escaped(text("id")))</title>
            <style>
            body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 62em;
                   color: #222; background: #fff }
            h1 { font-size: 1.4em } h2 { font-size: 1.1em; margin-top: 2em }
            table { border-collapse: collapse; width: 100% }
            td, th { text-align: left; padding: .3em .6em; border-bottom: 1px solid #ddd }
            td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
            code { font-size: .9em } svg { display: block }
            .cards { display: grid; grid-template-columns: repeat(auto-fill, 19em); gap: 1.2em }
            .card { border: 1px solid #ddd; border-radius: 4px; padding: .7em }
            .card b { font-size: .9em } .card p { margin: .2em 0; font-size: .8em; color: #555 }
            </style></head><body>
            <h1>Training set \(escaped(text("id")))</h1>
            <p>\(rows) rows of service <code>\(escaped(text("service")))</code>, mode
            \(escaped(text("mode"))), basis \(escaped(text("basis"))), definitions
            <code>\(escaped(digest))</code>.
            \(asserted)</p>
            \(unreadable)
            <h2>Leak meter</h2>
            <p>Cells that would differ if late and corrected data were used (<i>corrected</i>),
            and if each row were joined with the newest values of its key (<i>newest</i>).</p>
            <table><tr><th>column</th><th class="n">corrected</th><th class="n">newest</th>
            <th></th></tr>
            \(columns.map { leakRow($0, rows) }.joined(separator: "\n"))
            </table>
            <h2>Distributions</h2>
            <div class="cards">
            \(columns.map(card).joined(separator: "\n"))
            </div>
            </body></html>

            """
    }

    /// The beginning of the definitions' digest.
    private var digest: String {
        String((manifest["definitions"]?["digest"]?.stringValue ?? "").prefix(16))
    }

    private var asserted: String {
        let streams = (manifest["asserted_streams"]?.arrayValue ?? []).compactMap(\.stringValue)
        if streams.isEmpty { return "Known times are the log's own." }
        return "Known times of \(escaped(streams.joined(separator: ", "))) are asserted by their "
            + "definitions."
    }

    private var unreadable: String {
        (manifest["unreadable"]?.objectValue ?? []).map { stream in
            "<p>\(stream.value.text) records of <code>\(escaped(stream.name))</code> below the "
                + "basis cannot be read by its definition, and are in no cell.</p>"
        }.joined()
    }

    private func text(_ name: String) -> String {
        manifest[name]?.stringValue ?? manifest[name]?.text ?? "-"
    }

    private func leakRow(_ column: JSON, _ rows: Int64) -> String {
        let leaks = column["leaks"]?.integerValue ?? 0
        let newest = column["latest_differs"]?.integerValue ?? 0
        func width(_ count: Int64) -> Int64 { rows == 0 ? 0 : 300 * count / rows }
        return """
            <tr><td><code>\(escaped(column["name"]?.stringValue ?? ""))</code></td>
            <td class="n">\(leaks)</td><td class="n">\(newest)</td>
            <td><svg width="300" height="14">
            <rect y="1" width="\(width(newest))" height="5" fill="#c9c9c9"/>
            <rect y="8" width="\(width(leaks))" height="5" fill="#c0392b"/></svg></td></tr>
            """
    }

    private func card(_ column: JSON) -> String {
        let statuses = (column["statuses"]?.objectValue ?? [])
            .map { "\($0.name.replacing("_", with: " ")) \($0.value.text)" }
        let profile = column["profile"]
        let mean = profile?["mean"]?.doubleValue.map { "mean \(short($0))" }
        return """
            <div class="card"><b><code>\(escaped(column["name"]?.stringValue ?? ""))</code></b>
            \(profile.map(histogram) ?? "")
            <p>\(escaped((statuses + [mean].compactMap { $0 }).joined(separator: " · ")))</p></div>
            """
    }

    /// Bars over the baseline's bins: areas are shares, so a bar's height is its density.
    private func histogram(_ profile: JSON) -> String {
        let edges = (profile["edges"]?.arrayValue ?? []).compactMap(\.doubleValue)
        let counts = (profile["counts"]?.arrayValue ?? []).compactMap(\.integerValue)
        guard let low = profile["min"]?.doubleValue, let high = profile["max"]?.doubleValue,
            counts.count == edges.count + 1
        else { return "" }
        let bounds = [low] + edges + [high]
        let span = high > low ? high - low : 1
        let (width, height) = (270.0, 70.0)
        let densities = counts.indices.map { index -> Double in
            let step = max((bounds[index + 1] - bounds[index]) / span, 0.01)
            return Double(counts[index]) / step
        }
        let top = max(densities.max() ?? 1, 1e-300)
        let bars = counts.indices.map { index -> String in
            let left = (bounds[index] - low) / span * width
            let step = max((bounds[index + 1] - bounds[index]) / span * width, 2.7)
            let tall = densities[index] / top * height
            return #"<rect x="\#(short(left))" y="\#(short(height - tall))""#
                + #" width="\#(short(step))" height="\#(short(tall))""#
                + ##" fill="#2c7fb8" stroke="#fff" stroke-width=".5"/>"##
        }
        return """
            <svg width="275" height="88" font-size="10" fill="#555">\(bars.joined())
            <text x="0" y="84">\(short(low))</text>
            <text x="270" y="84" text-anchor="end">\(short(high))</text></svg>
            """
    }

    /// Four significant digits.
    private func short(_ value: Double) -> String {
        guard value.isFinite, value != 0 else { return "0" }
        var scale = 1.0
        while value.magnitude * scale < 1000, scale < 1e12 { scale *= 10 }
        let rounded = (value * scale).rounded() / scale
        let text = rounded.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
            .replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }
}
