import io.github.spiraltable.Asof
import io.github.spiraltable.Client
import io.github.spiraltable.ClientOptions
import io.github.spiraltable.ErrorKind
import io.github.spiraltable.Interval
import io.github.spiraltable.KeyColumn
import io.github.spiraltable.ScanOptions
import io.github.spiraltable.SpiralException
import io.github.spiraltable.Table
import io.github.spiraltable.Value
import io.github.spiraltable.arrowBatches
import io.github.spiraltable.entriesOf
import io.github.spiraltable.errorCodes
import io.github.spiraltable.write
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.flow.asFlow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import org.apache.arrow.memory.RootAllocator
import org.apache.arrow.vector.BigIntVector
import org.apache.arrow.vector.VarCharVector
import org.apache.arrow.vector.VectorSchemaRoot
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assertions.fail
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.math.BigDecimal
import java.nio.file.Path
import java.time.Duration
import java.time.Instant
import java.time.LocalDate
import java.time.LocalDateTime
import java.time.LocalTime

/** Runs a test on a table of its own in memory. */
fun withTable(vararg keys: Pair<String, String> = arrayOf("id" to "int64"), test: suspend (Table) -> Unit): Unit = runBlocking {
    Client.connect("memory:").use { client -> client.createTable("t", *keys).use { test(it) } }
}

fun people(count: Int, from: Int = 0): List<Map<String, Any?>> =
    (from until from + count).map { mapOf("id" to it, "name" to "name $it", "score" to it / 2.0) }

suspend inline fun <reified E : SpiralException> assertFails(code: String, crossinline call: suspend () -> Any?): E {
    try {
        call()
    } catch (error: SpiralException) {
        assertEquals(code, error.code, error.toString())
        return assertInstanceOf(E::class.java, error)
    }
    return fail("there was no error $code")
}

class SpiralTest {
    @Test
    fun `rows come back as they were written`() = withTable { table ->
        val row = mapOf(
            "id" to 1L,
            "truth" to true,
            "whole" to -5L,
            "big" to ULong.MAX_VALUE,
            "real" to 0.1,
            "money" to BigDecimal("1.20"),
            "text" to "grüße 😀",
            "day" to LocalDate.of(2026, 1, 31),
            "clock" to LocalTime.of(23, 59, 59, 999_999_000),
            "moment" to Instant.parse("2026-01-31T12:00:00.123456Z"),
            "local" to LocalDateTime.of(1969, 12, 31, 23, 59, 59),
            "span" to Duration.ofMillis(-1500),
            "parts" to Interval(1, 2, 3),
            "items" to listOf(1L, null, 3L),
            "group" to mapOf("a" to 1L, "b" to "x"),
            "nothing" to null,
        )
        val types = mapOf("local" to "timestamp[us]", "nothing" to "int32")
        table.write(listOf(row), types)
        val read = table.scan().use { it.rows().toList() }.single()
        assertEquals(row.keys.toSet(), read.keys.toSet())
        for ((name, value) in row) assertEquals(value, read[name], name)
        assertEquals(row, read.toMap())
        assertTrue(read.isNull("nothing"))
    }

    @Test
    fun `bytes and maps come back as they were written`() = withTable { table ->
        val map = mapOf(1L to "one", 2L to null)
        table.write(
            listOf(mapOf("id" to 1, "raw" to byteArrayOf(0, -1), "map" to map, "named" to entriesOf(mapOf("a" to 1)))),
            mapOf("map" to MAP_OF_INTS, "named" to MAP_OF_TEXTS),
        )
        val row = table.scan().use { it.rows().toList() }.single()
        assertArrayEquals(byteArrayOf(0, -1), row["raw"] as ByteArray)
        assertEquals(map, row["map"])
        assertEquals(mapOf("a" to 1L), row["named"])
    }

    @Test
    fun `columns are read at once`() = withTable { table ->
        table.write(people(1000))
        table.write(listOf(mapOf("id" to 7, "name" to null)))
        table.scan(limit = 10).use { plan ->
            val batch = plan.batches().toList().single()
            assertEquals(10, batch.rowCount)
            assertArrayEquals(LongArray(10) { it.toLong() }, batch["id"].longs())
            assertArrayEquals(DoubleArray(10) { it / 2.0 }, batch["score"].doubles())
            assertEquals((0L..9L).map { if (it == 7L) null else "name $it" }, batch["name"].strings())
            assertTrue(batch["name"].hasNulls && batch["name"].isNull(7) && !batch["id"].hasNulls)
            assertEquals("utf8", batch["name"].typeName)
            assertEquals(3L, batch.rows[3].long("id"))
            assertFails<SpiralException.InvalidArgument>("type_mismatch") { batch["name"].longs() }
            assertFails<SpiralException.InvalidArgument>("type_mismatch") { batch["name"].string(7) }
            assertFails<SpiralException.InvalidArgument>("unknown_column") { batch["nome"] }
            assertTrue(plan.metrics.requests > 0, plan.metrics.toString())
            assertTrue(plan.explain().isNotEmpty())
        }
    }

    @Test
    fun `scans select, filter and bound rows`() = withTable("group" to "utf8", "id" to "int64") { table ->
        table.write((0..99).map { mapOf("group" to if (it < 50) "a" else "b", "id" to it, "n" to it * 2) })
        suspend fun ids(plan: suspend Table.() -> io.github.spiraltable.Plan) = table.plan().use { it.rows().toList().map { row -> row.long("id") } }
        assertEquals((50L..99L).toList(), ids { scan(begin = "b") })
        assertEquals(listOf(98L, 99L), ids { scan(where = "n > 194") })
        assertEquals(listOf(10L, 11L), ids { scan(begin = listOf("a", 10), end = listOf("a", 12)) })
        assertEquals(listOf(0L, 1L, 2L), ids { scan(limit = 3) })
        table.scan(keysOnly = true).use { assertEquals(listOf("group", "id"), it.columns.map { column -> column.path }) }
        table.scan(select = listOf("n")).use { assertEquals(listOf("n"), it.columns.map { column -> column.path }) }
        assertFails<SpiralException.InvalidArgument>("invalid_argument") { table.scan(limit = -1) }
    }

    @Test
    fun `tables with the same key are scanned as one`() = runBlocking<Unit> {
        Client.connect("memory:").use { client ->
            val people = client.createTable("people", "id" to "int64")
            val orders = client.createTable("orders", "id" to "int64")
            people.write(listOf(mapOf("id" to 1, "name" to "ann")))
            orders.write(listOf(mapOf("id" to 1, "total" to 20), mapOf("id" to 2, "total" to 30)))
            val options = ScanOptions(columns = mapOf("who" to "p.name", "twice" to "o.total * 2"))
            val rows = client.scan(mapOf("p" to people, "o" to orders.snapshot()), options).use { plan ->
                plan.rows().toList().map { row -> listOf(row["who"], row["twice"]) }
            }
            assertEquals(listOf(listOf("ann", 40L), listOf(null, 60L)), rows)
            people.close()
            assertFails<SpiralException.InvalidArgument>("invalid_argument") { client.scan(mapOf("p" to people)) }
        }
    }

    @Test
    fun `rows are taken and deleted by key`() = withTable { table ->
        table.write(people(100))
        val taken = table.take(listOf(7, 500, 3, 7), select = listOf("id", "name"))
        assertEquals(listOf("name 7", "name 3", "name 7"), taken.batch.rows.map { it.string("name") })
        assertEquals(listOf(0, 2, 3), taken.positions)
        assertEquals(3L, table.delete(listOf(1, 2, 1000)).version)
        table.deleteWhere("id >= 50")
        assertEquals(48, table.scan().use { it.rows().toList() }.size)
    }

    @Test
    fun `versions stay readable`() = withTable { table ->
        val first = table.write(people(1))
        Thread.sleep(2)
        table.write(people(5))
        suspend fun count(asof: Asof?) = table.scan(asof = asof).use { it.rows().toList().size }
        assertEquals(5, count(null))
        assertEquals(1, count(Asof.version(2)))
        assertEquals(1, count(Asof.time(first.timestamp)))
        val snapshot = table.snapshot(Asof.version(2))
        assertEquals(2L, snapshot.version)
        assertEquals(first.timestamp, snapshot.timestamp)
        assertEquals(listOf("id:int64:true", "name:utf8:false", "score:float64:false"), snapshot.columns().map { "${it.path}:${it.typeName}:${it.isKey}" })
        assertEquals(1, snapshot.scan().use { it.rows().toList() }.size)
        val history = table.history()
        assertEquals(listOf(3L, 2L, 1L), history.map { it.version })
        assertEquals(listOf(5L, 1L, 0L), history.map { it.rowsWritten })
        assertEquals(listOf(3L), table.history(1).map { it.version })
        assertFails<SpiralException.InvalidArgument>("asof_in_future") { count(Asof.version(99)) }
        assertFails<SpiralException.InvalidArgument>("invalid_argument") { count(Asof.version(-1)) }
    }

    @Test
    fun `transactions are all or nothing`() = withTable { table ->
        table.transaction {
            write(people(3))
            delete(listOf(50))
            deleteWhere("id = 60")
        }
        try {
            table.transaction {
                write(people(10))
                error("no")
            }
        } catch (expected: IllegalStateException) {
            assertEquals("no", expected.message)
        }
        val aborted = table.transaction()
        aborted.write(people(20))
        aborted.abort()
        assertFails<SpiralException.InvalidArgument>("invalid_argument") { aborted.commit() }
        assertEquals(3, table.scan().use { it.rows().toList() }.size)
        val entry = table.history(1).single()
        assertEquals(2L, entry.version)
        assertTrue(entry.transaction.isNotEmpty() && entry.operations.isNotEmpty())
    }

    @Test
    fun `flows are written in one commit as the engine takes them`() = withTable { table ->
        var made = 0
        val commit = table.write(people(50_000).asFlow().map { made++; it })
        assertEquals(2L, commit.version)
        assertEquals(50_000, made)
        table.scan(select = listOf("id")).use { plan -> assertEquals(50_000, plan.batches().toList().sumOf { it.rowCount }) }
        try {
            table.write(flow { people(9000, 100_000).forEach { emit(it) }; error("broken source") })
            fail<Unit>("the error was lost")
        } catch (expected: IllegalStateException) {
            assertEquals("broken source", expected.message)
        }
        assertFails<SpiralException.InvalidArgument>("duplicate_key") { table.write((people(5000) + people(1)).asFlow()) }
        assertEquals(2L, table.snapshot().version)
    }

    @Test
    fun `Arrow vectors are written and read`() = withTable { table ->
        RootAllocator().use { allocator ->
            val ids = BigIntVector("id", allocator)
            val names = VarCharVector("name", allocator)
            VectorSchemaRoot.of(ids, names).use { root ->
                root.allocateNew()
                repeat(100) { row ->
                    ids.setSafe(row, row.toLong())
                    if (row % 2 == 0) names.setSafe(row, "n$row".toByteArray())
                }
                root.rowCount = 100
                assertEquals(2L, table.write(root).version)
                table.transaction { write(root) }
            }
            table.scan(where = "id < 10").use { plan ->
                val read = plan.arrowBatches(allocator).map { root ->
                    (0 until root.rowCount).map { root.getVector("id").getObject(it) to root.getVector("name").getObject(it)?.toString() }
                }.toList().flatten()
                assertEquals((0L..9L).map { it to if (it % 2 == 0L) "n$it" else null }, read)
            }
            assertEquals(0, allocator.allocatedMemory)
        }
        assertFails<SpiralException.InvalidArgument>("invalid_argument") { table.writeIpc(byteArrayOf(1, 2, 3)) }
    }

    @Test
    fun `streams that are left early end`() = withTable { table ->
        table.write(people(100_000))
        table.scan().use { plan ->
            assertEquals(1, plan.batches().take(1).toList().size)
            val reader = plan.reader()
            assertEquals(0L, reader.next()!!.rows[0].long("id"))
            reader.close()
            assertFails<SpiralException.InvalidArgument>("invalid_argument") { reader.next() }
        }
    }

    @Test
    fun `errors have a class, code and context`() = runBlocking<Unit> {
        Client.connect("memory:").use { client ->
            val error = assertFails<SpiralException.NotFound>("table_not_found") { client.table("absent") }
            assertEquals("no table is named default.absent: list the tables, or create it", error.message)
            assertEquals("absent", error.table)
            assertEquals(ErrorKind.NOT_FOUND, error.kind)
            assertFalse(error.isRetryable)
            assertEquals("SpiralException.NotFound: ${error.message} (table absent) [table_not_found]", error.toString())
            client.createTable("t", "id" to "int64")
            assertFails<SpiralException.AlreadyExists>("table_exists") { client.createTable("t", "id" to "int64") }
            assertFails<SpiralException.InvalidArgument>("invalid_key_schema") { client.createTable("u", listOf(KeyColumn("k", "bool"))) }
            client.createTable("t", "id" to "int64", existOk = true)
            assertEquals(listOf("default.t"), client.tables())
        }
        assertFails<SpiralException.InvalidArgument>("invalid_store_url") { Client.connect("ftp://example.com") }
        assertFails<SpiralException.InvalidArgument>("invalid_argument") { Client.connect("memory:", ClientOptions(threads = -1)) }
    }

    @Test
    fun `every code belongs to the class of its kind`() {
        val codes = errorCodes()
        assertTrue(codes.size > 30)
        val kinds = SpiralException::class.java.declaredClasses.filter { SpiralException::class.java.isAssignableFrom(it) }.map { it.simpleName }
        for (code in codes) {
            val wanted = code.kind.name.split("_").joinToString("") { it.lowercase().replaceFirstChar(Char::uppercase) }
            assertTrue(wanted in kinds, "${code.code} of $wanted")
        }
        assertEquals(ErrorKind.entries.size, kinds.size)
    }

    @Test
    fun `what is closed says so, and closes what came from it`() = runBlocking<Unit> {
        val client = Client.connect("memory:")
        val table = client.createTable("t", "id" to "int64")
        val plan = table.scan()
        client.close()
        client.close()
        for (call in listOf<suspend () -> Any?>({ client.tables() }, { table.history() }, { plan.explain() })) {
            val error = assertFails<SpiralException.InvalidArgument>("invalid_argument", call)
            assertEquals("it was closed: open it again", error.message)
        }
    }

    @Test
    fun `folders are shared by clients`(@TempDir folder: Path) = runBlocking<Unit> {
        Client.connect(folder.toString()).use { it.createTable("other.t", "id" to "int64").write(people(3)) }
        val id = Client.connect(folder.toUri().toString()).use { client ->
            val table = client.table("other.t")
            assertEquals(3, table.scan().rows().toList().size)
            table.id
        }
        val alone = folder.resolve("tables").resolve(id).toString()
        Client.connect(alone).use { assertEquals(2L, it.tableAtRoot().snapshot().version) }
    }

    @Test
    fun `many operations run at once`() = withTable { table ->
        table.write(people(1000))
        val sums = (1..50).map { n -> async(table, n) }
        assertEquals((1..50).map { it }, sums)
    }

    private suspend fun async(table: Table, n: Int): Int = kotlinx.coroutines.coroutineScope {
        val parts = (1..4).map { async { table.scan(limit = n.toLong()).use { plan -> plan.rows().toList().size } } }.awaitAll()
        assertEquals(1, parts.toSet().size)
        parts.first()
    }

    @Test
    fun `exact values are at hand`() = withTable { table ->
        table.write(listOf(mapOf("id" to 1, "at" to Value.Timestamp(5, io.github.spiraltable.TimeUnit.NANOSECOND))))
        val row = table.scan().use { it.rows().toList() }.single()
        assertEquals(Value.Timestamp(5, io.github.spiraltable.TimeUnit.NANOSECOND), row.value("at"))
        assertEquals(Instant.ofEpochSecond(0, 5), row["at"])
        assertNull(row["absent"])
    }

    private companion object {
        const val MAP_OF_INTS = """Map("entries": non-null Struct("keys": non-null Int64, "values": Utf8), unsorted)"""
        const val MAP_OF_TEXTS = """Map("entries": non-null Struct("keys": non-null Utf8, "values": Int64), unsorted)"""
    }
}
