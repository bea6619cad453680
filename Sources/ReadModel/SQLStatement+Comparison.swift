internal import GRDBSQLite

extension SQLStatement {
    /// Whether a column of this row has the same type and value as that of the other's row.
    func value(_ column: Int32, equals other: SQLStatement) -> Bool {
        let type = type(column)
        guard type == other.type(column) else { return false }
        switch type {
        case SQLITE_NULL: return true
        case SQLITE_INTEGER: return integer(column) == other.integer(column)
        default: return bytes(column).elementsEqual(other.bytes(column))
        }
    }

    /// -1, 0 or 1, as SQLite orders keys: integers before texts, texts by their bytes.
    func key(_ column: Int32, comparedTo other: SQLStatement) -> Int {
        let isInteger = type(column) == SQLITE_INTEGER
        let otherIsInteger = other.type(column) == SQLITE_INTEGER
        if isInteger != otherIsInteger { return isInteger ? -1 : 1 }
        if isInteger {
            let (ours, theirs) = (integer(column), other.integer(column))
            return ours == theirs ? 0 : ours < theirs ? -1 : 1
        }
        let (ours, theirs) = (bytes(column), other.bytes(column))
        if ours.elementsEqual(theirs) { return 0 }
        return ours.lexicographicallyPrecedes(theirs) ? -1 : 1
    }
}
