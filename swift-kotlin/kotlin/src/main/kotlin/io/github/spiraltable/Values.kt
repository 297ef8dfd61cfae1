package io.github.spiraltable

import java.math.BigDecimal
import java.math.BigInteger
import java.time.Duration
import java.time.Instant
import java.time.LocalDate
import java.time.LocalDateTime
import java.time.LocalTime
import java.time.OffsetDateTime
import java.time.ZoneOffset
import java.time.ZonedDateTime
import java.time.temporal.ChronoUnit
import kotlin.time.toJavaDuration

/** A calendar interval, whose parts do not convert into each other. */
public data class Interval(val months: Int, val days: Int, val nanoseconds: Long)

private val TimeUnit.perSecond: Long
    get() = when (this) {
        TimeUnit.SECOND -> 1
        TimeUnit.MILLISECOND -> 1_000
        TimeUnit.MICROSECOND -> 1_000_000
        TimeUnit.NANOSECOND -> 1_000_000_000
    }

private const val NANOS = 1_000_000_000L

internal fun instant(value: Long, unit: TimeUnit): Instant =
    Instant.ofEpochSecond(Math.floorDiv(value, unit.perSecond), Math.floorMod(value, unit.perSecond) * (NANOS / unit.perSecond))

internal fun time(value: Long, unit: TimeUnit): LocalTime = LocalTime.ofNanoOfDay(value * (NANOS / unit.perSecond))

internal fun duration(value: Long, unit: TimeUnit): Duration =
    Duration.ofSeconds(Math.floorDiv(value, unit.perSecond), Math.floorMod(value, unit.perSecond) * (NANOS / unit.perSecond))

/**
 * The plain form of a value: `Boolean`, `Long`, `ULong`, `Double`, `BigDecimal`, `String`, `ByteArray`, `LocalDate`,
 * `LocalTime`, `Instant`, `Duration`, [Interval], lists, and maps for structs and maps.
 */
public fun Value.toAny(): Any? = when (this) {
    is Value.Null -> null
    is Value.Bool -> value
    is Value.Int -> value
    is Value.UInt -> value
    is Value.Float -> value
    is Value.Decimal -> BigDecimal(text)
    is Value.Text -> value
    is Value.Binary -> value
    is Value.Date -> LocalDate.ofEpochDay(days)
    is Value.Time -> time(value, unit)
    is Value.Timestamp -> instant(value, unit)
    is Value.Duration -> duration(value, unit)
    is Value.Interval -> Interval(months, days, nanoseconds)
    is Value.Items -> items.map(Value::toAny)
    is Value.Members -> members.associate { it.name to it.value.toAny() }
    is Value.Entries -> entries.associate { it.key.toAny() to it.value.toAny() }
}

/**
 * The value of a plain form. Besides those of [toAny] there are the other numbers, `LocalDateTime`, `OffsetDateTime`,
 * `ZonedDateTime`, `kotlin.time.Duration`, arrays and iterables. Maps whose keys are strings are structs: write
 * [entriesOf] for columns of maps.
 */
public fun valueOf(plain: Any?): Value = when (plain) {
    null -> Value.Null
    is Value -> plain
    is Boolean -> Value.Bool(plain)
    is Long -> Value.Int(plain)
    is Int -> Value.Int(plain.toLong())
    is Short -> Value.Int(plain.toLong())
    is Byte -> Value.Int(plain.toLong())
    is ULong -> Value.UInt(plain)
    is UInt -> Value.Int(plain.toLong())
    is UShort -> Value.Int(plain.toLong())
    is UByte -> Value.Int(plain.toLong())
    is Double -> Value.Float(plain)
    is Float -> Value.Float(plain.toDouble())
    is BigDecimal -> Value.Decimal(plain.toPlainString())
    is BigInteger -> when {
        plain.bitLength() < Long.SIZE_BITS -> Value.Int(plain.toLong())
        plain.signum() > 0 && plain.bitLength() == Long.SIZE_BITS -> Value.UInt(plain.toLong().toULong())
        else -> Value.Decimal(plain.toString())
    }
    is CharSequence, is Char, is Enum<*> -> Value.Text(plain.toString())
    is ByteArray -> Value.Binary(plain)
    is LocalDate -> Value.Date(plain.toEpochDay())
    is LocalTime -> whole(0, plain.toNanoOfDay()).let { (value, unit) -> Value.Time(value, unit) }
    is Instant -> whole(plain.epochSecond, plain.nano.toLong()).let { (value, unit) -> Value.Timestamp(value, unit) }
    is LocalDateTime -> valueOf(plain.toInstant(ZoneOffset.UTC))
    is OffsetDateTime -> valueOf(plain.toInstant())
    is ZonedDateTime -> valueOf(plain.toInstant())
    is Duration -> whole(plain.seconds, plain.nano.toLong()).let { (value, unit) -> Value.Duration(value, unit) }
    is kotlin.time.Duration -> valueOf(plain.toJavaDuration())
    is Interval -> Value.Interval(plain.months, plain.days, plain.nanoseconds)
    is Map<*, *> -> when {
        plain.keys.all { it is String } -> Value.Members(plain.map { (name, value) -> Member(name as String, valueOf(value)) })
        else -> entriesOf(plain)
    }
    is Iterable<*> -> Value.Items(plain.map(::valueOf))
    is Array<*> -> Value.Items(plain.map(::valueOf))
    is LongArray -> Value.Items(plain.map(Value::Int))
    is IntArray -> Value.Items(plain.map { Value.Int(it.toLong()) })
    is DoubleArray -> Value.Items(plain.map(Value::Float))
    is FloatArray -> Value.Items(plain.map { Value.Float(it.toDouble()) })
    is BooleanArray -> Value.Items(plain.map(Value::Bool))
    else -> throw SpiralException.invalid("type_mismatch", "a value of ${plain.javaClass.name} cannot be stored")
}

/** A map as the value of a column of maps. */
public fun entriesOf(map: Map<*, *>): Value.Entries =
    Value.Entries(map.map { (key, value) -> MapEntry(valueOf(key), valueOf(value)) })

/** In microseconds, or in nanoseconds where that would lose some. */
private fun whole(seconds: Long, nanos: Long): Pair<Long, TimeUnit> = try {
    val unit = if (nanos % 1_000 == 0L) TimeUnit.MICROSECOND else TimeUnit.NANOSECOND
    Math.addExact(Math.multiplyExact(seconds, unit.perSecond), nanos / (NANOS / unit.perSecond)) to unit
} catch (_: ArithmeticException) {
    throw SpiralException.invalid("type_mismatch", "a moment is out of range: nanoseconds reach from 1677 to 2262")
}

/** A key: a list of its parts, or its only part. */
internal fun keyOf(key: Any?): List<Value> = when (key) {
    is List<*> -> key.map(::valueOf)
    is Array<*> -> key.map(::valueOf)
    is Pair<*, *> -> listOf(valueOf(key.first), valueOf(key.second))
    else -> listOf(valueOf(key))
}

/** Rows as they cross: names once, then values. */
internal fun rowData(rows: Iterable<Map<String, Any?>>, types: Map<String, String>): RowData {
    val names = LinkedHashSet<String>()
    for (row in rows) names.addAll(row.keys)
    return RowData(names.toList(), rows.map { row -> names.map { name -> valueOf(row[name]) } }, types)
}

/** Which version to read. */
public class Asof private constructor(internal val text: String) {
    /** Ways to name a version. */
    public companion object {
        /** The version of this number. */
        @JvmStatic
        public fun version(version: Long): Asof = Asof(version.toString())

        /** The newest version at this time. */
        @JvmStatic
        public fun time(time: Instant): Asof = Asof(time.truncatedTo(ChronoUnit.MICROS).toString())
    }
}
