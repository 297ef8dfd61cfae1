package io.github.spiraltable

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.time.ZoneOffset

/** Some rows of a scan, as columns. It lies in the memory of the JVM and needs no closing. */
public class Batch internal constructor(data: BatchData) {
    /** The number of rows. */
    public val rowCount: Int = data.rowCount

    /** The columns, in the order of the plan. */
    public val columns: List<Column> = data.columns.map { Column(it, data.rowCount) }

    private val byName: Map<String, Column> by lazy { columns.associateBy(Column::name) }

    /** The column of a name. */
    public operator fun get(name: String): Column = byName[name]
        ?: throw SpiralException.invalid("unknown_column", "there is no column '$name'")

    /** The rows; they read from the columns and copy nothing. */
    public val rows: List<Row> = object : AbstractList<Row>() {
        override val size: Int get() = rowCount

        override fun get(index: Int): Row {
            if (index !in 0 until rowCount) throw IndexOutOfBoundsException("row $index of $rowCount")
            return Row(this@Batch, index)
        }
    }

    internal fun contains(name: String): Boolean = name in byName

    internal fun names(): Set<String> = byName.keys
}

/** One row: a map of plain values by name, with typed access besides. */
public class Row internal constructor(private val batch: Batch, private val index: Int) : AbstractMap<String, Any?>() {
    override val entries: Set<Map.Entry<String, Any?>>
        get() = batch.columns.mapTo(LinkedHashSet()) { java.util.AbstractMap.SimpleImmutableEntry(it.name, it[index]) }

    override val keys: Set<String> get() = batch.names()

    override val size: Int get() = batch.columns.size

    override fun containsKey(key: String): Boolean = batch.contains(key)

    override fun get(key: String): Any? = if (batch.contains(key)) batch[key][index] else null

    /** Whether a cell is null. */
    public fun isNull(name: String): Boolean = batch[name].isNull(index)

    /** An integer; dates and times as they are stored. */
    public fun long(name: String): Long = batch[name].long(index)

    /** A float or an integer. */
    public fun double(name: String): Double = batch[name].double(index)

    /** A boolean. */
    public fun boolean(name: String): Boolean = batch[name].boolean(index)

    /** A string. */
    public fun string(name: String): String = batch[name].string(index)

    /** The exact value of a cell. */
    public fun value(name: String): Value = batch[name].value(index)
}

/**
 * A column of a [Batch], and a list of its plain values: those of [Value.toAny], and `LocalDateTime` for timestamps
 * without a zone.
 */
public class Column internal constructor(private val data: ColumnData, override val size: Int) : AbstractList<Any?>() {
    /** Its name. */
    public val name: String get() = data.name

    /** The name of its type, such as `int64`. */
    public val typeName: String get() = data.typeName

    private val values: ByteBuffer = ByteBuffer.wrap(data.values).order(ByteOrder.nativeOrder())
    private val offsets: ByteBuffer = ByteBuffer.wrap(data.offsets).order(ByteOrder.nativeOrder())

    /** Whether any row is null. */
    public val hasNulls: Boolean get() = data.nulls != null || (data.layout is Layout.Nested && data.nested.any { it is Value.Null })

    /** Whether a row is null. */
    public fun isNull(row: Int): Boolean = when (data.layout) {
        is Layout.Nested -> data.nested[row] is Value.Null
        else -> data.nulls?.get(row) == 1.toByte()
    }

    /**
     * All integers at once: those of integer columns, days of dates, units of times, timestamps and durations, and the
     * bits of `uint64`. Rows that are null have no meaning there.
     */
    public fun longs(): LongArray {
        needs(isLong(), "integers")
        return LongArray(size).also { values.duplicate().order(ByteOrder.nativeOrder()).asLongBuffer().get(it) }
    }

    /** All floats at once. Rows that are null have no meaning there. */
    public fun doubles(): DoubleArray {
        needs(data.layout is Layout.Float, "floats")
        return DoubleArray(size).also { values.duplicate().order(ByteOrder.nativeOrder()).asDoubleBuffer().get(it) }
    }

    /** All booleans at once. Rows that are null have no meaning there. */
    public fun booleans(): BooleanArray {
        needs(data.layout is Layout.Bool, "booleans")
        return BooleanArray(size) { values.get(it) != 0.toByte() }
    }

    /** All strings at once, null where a row is. */
    public fun strings(): List<String?> {
        needs(data.layout is Layout.Text, "strings")
        return List(size) { if (isNull(it)) null else text(it) }
    }

    /** All binaries at once, null where a row is. */
    public fun binaries(): List<ByteArray?> {
        needs(data.layout is Layout.Binary, "binaries")
        return List(size) { if (isNull(it)) null else bytes(it) }
    }

    /** The integer of a row, as in [longs]. */
    public fun long(row: Int): Long {
        needs(isLong(), "integers")
        present(row)
        return values.getLong(row * Long.SIZE_BYTES)
    }

    /** The float of a row, or its integer as one. */
    public fun double(row: Int): Double {
        if (data.layout is Layout.Int) return long(row).toDouble()
        needs(data.layout is Layout.Float, "floats")
        present(row)
        return values.getDouble(row * Double.SIZE_BYTES)
    }

    /** The boolean of a row. */
    public fun boolean(row: Int): Boolean {
        needs(data.layout is Layout.Bool, "booleans")
        present(row)
        return values.get(row) != 0.toByte()
    }

    /** The string of a row. */
    public fun string(row: Int): String {
        needs(data.layout is Layout.Text, "strings")
        present(row)
        return text(row)
    }

    /** The exact value of a row. */
    public fun value(row: Int): Value {
        if (isNull(row)) return Value.Null
        val long by lazy(LazyThreadSafetyMode.NONE) { values.getLong(row * Long.SIZE_BYTES) }
        return when (val layout = data.layout) {
            is Layout.Bool -> Value.Bool(values.get(row) != 0.toByte())
            is Layout.Int -> Value.Int(long)
            is Layout.UInt -> Value.UInt(long.toULong())
            is Layout.Float -> Value.Float(values.getDouble(row * Double.SIZE_BYTES))
            is Layout.Decimal -> Value.Decimal(text(row))
            is Layout.Text -> Value.Text(text(row))
            is Layout.Binary -> Value.Binary(bytes(row))
            is Layout.Date -> Value.Date(long)
            is Layout.Time -> Value.Time(long, layout.unit)
            is Layout.Timestamp -> Value.Timestamp(long, layout.unit)
            is Layout.Duration -> Value.Duration(long, layout.unit)
            is Layout.Nested -> data.nested[row]
        }
    }

    override fun get(index: Int): Any? {
        val layout = data.layout
        return when {
            isNull(index) -> null
            layout is Layout.Timestamp && !layout.zoned -> (value(index).toAny() as java.time.Instant).atZone(ZoneOffset.UTC).toLocalDateTime()
            else -> value(index).toAny()
        }
    }

    private fun isLong() = when (data.layout) {
        is Layout.Int, is Layout.UInt, is Layout.Date, is Layout.Time, is Layout.Timestamp, is Layout.Duration -> true
        else -> false
    }

    private fun needs(fits: Boolean, what: String) {
        if (!fits) throw SpiralException.invalid("type_mismatch", "column $name has type $typeName and holds no $what")
    }

    private fun present(row: Int) {
        if (isNull(row)) throw SpiralException.invalid("type_mismatch", "column $name is null in row $row: ask isNull first")
    }

    private fun start(row: Int) = offsets.getInt(row * Int.SIZE_BYTES)

    private fun text(row: Int) = String(data.values, start(row), start(row + 1) - start(row), Charsets.UTF_8)

    private fun bytes(row: Int) = data.values.copyOfRange(start(row), start(row + 1))
}

/** Rows found by their keys. */
public class Taken internal constructor(data: TakenData) {
    /** The rows, in the order of the keys asked for. */
    public val batch: Batch = Batch(data.rows)

    /** For each row, the position of its key in the request. Keys without a row have none. */
    public val positions: List<Int> = data.positions
}
