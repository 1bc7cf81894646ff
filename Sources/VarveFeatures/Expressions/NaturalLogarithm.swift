/// The natural logarithm with the same bits on every machine: what expressions compute as `log`,
/// for statistics that are recorded and compared.
/// - Returns: NaN below zero, minus infinity at zero.
public func naturalLog(_ value: Double) -> Double { Elementary.log(value) }
