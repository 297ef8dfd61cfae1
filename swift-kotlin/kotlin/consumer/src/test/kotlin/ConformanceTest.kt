import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.ObjectMapper
import io.github.spiraltable.Asof
import io.github.spiraltable.CancelToken
import io.github.spiraltable.Client
import io.github.spiraltable.KeyColumn
import io.github.spiraltable.MapEntry
import io.github.spiraltable.Member
import io.github.spiraltable.Plan
import io.github.spiraltable.ScanOptions
import io.github.spiraltable.SpiralException
import io.github.spiraltable.Table
import io.github.spiraltable.TimeUnit
import io.github.spiraltable.Value
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path
import kotlin.io.path.Path
import kotlin.io.path.createDirectories
import kotlin.io.path.readText
import kotlin.io.path.writeText

/** Runs the list that every language runs: see its README. Where it lies and what it reads comes from the environment. */
class ConformanceTest {
    private val mapper = ObjectMapper()

    private fun entries(file: String) =
        mapper.readTree(Path(System.getenv("SPIRAL_CONFORMANCE"), file).readText())["entries"].toList()

    @Test
    fun `every entry holds`(@TempDir folder: Path) {
        val served = System.getenv("SPIRAL_SERVED")
        val report = ArrayList<String>()
        val red = ArrayList<String>()
        for (entry in entries("list.json")) {
            val name = entry["name"].asText()
            val stores = entry["stores"]?.map { it.asText() } ?: listOf("memory", "folder", "http")
            for (store in stores) {
                val line = mapper.createObjectNode().put("entry", name).put("store", store)
                val reason = entry["skip"]?.get("kotlin")?.asText()
                val url = when (store) {
                    "memory" -> "memory:"
                    "folder" -> folder.resolve(name).createDirectories().toString()
                    else -> "$served/$name"
                }
                val detail = if (reason == null) outcome(entry, url, store == "http") else null
                when {
                    reason != null -> line.put("outcome", "skipped").put("detail", reason)
                    detail == null -> line.put("outcome", "green")
                    else -> line.put("outcome", "red").put("step", detail.first).put("detail", detail.second)
                }
                report.add(mapper.writeValueAsString(line))
                if (detail != null) red.add(report.last())
            }
        }
        System.getenv("SPIRAL_REPORT")?.let { Path(it).writeText(report.joinToString("\n", postfix = "\n")) }
        assertTrue(red.isEmpty(), red.joinToString("\n"))
        assertTrue(report.size > 100, "only ${report.size} entries ran")
    }

    @Test
    fun `every falsified entry is found`() {
        val entries = entries("falsified.json")
        assertTrue(entries.size >= 10)
        assertEquals(emptyList<String>(), entries.filter { outcome(it, "memory:", false) == null }.map { it["name"].asText() })
    }

    /** The number of the first red step and what is wrong with it; null when there is none. */
    private fun outcome(entry: JsonNode, url: String, readsOnly: Boolean): Pair<Int, String>? = runBlocking {
        Client.connect(url).use { client ->
            val run = Run(client, readsOnly)
            entry["steps"].forEachIndexed { at, step ->
                try {
                    run.step(step, null)
                } catch (red: Red) {
                    return@use at to red.message
                } catch (error: SpiralException) {
                    return@use at to error.toString()
                }
            }
            null
        }
    }
}

private class Red(override val message: String) : Exception(message)

/** What a step returned, as far as the list compares it. */
private sealed interface Returned {
    data object Nothing : Returned

    data class Version(val version: Long) : Returned

    data class Names(val names: List<String>) : Returned

    data class Versions(val versions: List<Long>) : Returned

    data class Columns(val columns: List<Triple<String, String, Boolean>>) : Returned

    data class Rows(val columns: List<Pair<String, String>>, val rows: List<List<Value>>, val positions: List<Int>?) : Returned
}

private class Run(private val client: Client, private val readsOnly: Boolean) {
    private val tables = HashMap<String, Table>()
    private val versions = HashMap<String, Long>()

    private fun table(step: JsonNode) = tables[nameOf(step)] ?: throw Red("the entry has created no table")

    suspend fun step(step: JsonNode, turn: Int?) {
        val kind = step["do"].asText()
        if (kind == "repeat") {
            for (n in 0 until step["times"].asInt()) for (inner in step["steps"]) step(inner, n)
            return
        }
        val changes = kind in setOf("create_table", "write", "delete", "delete_where", "transaction")
        if (changes && readsOnly) {
            if (kind == "create_table" && !step.has("error")) tables[nameOf(step)] = client.table(nameOf(step))
            count(step)
            return
        }
        val returned = try {
            carryOut(kind, step, turn)
        } catch (error: SpiralException) {
            return judge(step["error"] ?: throw error, error)
        }
        if (changes) count(step)
        if (step.has("error")) throw Red("succeeded instead of failing with ${step["error"]["code"]}")
        step["expect"]?.let { judge(it, turn, returned) }
    }

    /** Counts the version that a step makes. */
    private fun count(step: JsonNode) {
        val version = versions[nameOf(step)] ?: 0
        val reopened = step["do"].asText() == "create_table" && version > 0
        val made = !step.has("error") && step["end"]?.asText() != "abort" && step["no_version"]?.asBoolean() != true && !reopened
        versions[nameOf(step)] = if (made) version + 1 else version
    }

    private suspend fun carryOut(kind: String, step: JsonNode, turn: Int?): Returned = when (kind) {
        "create_table" -> {
            val keys = step["keys"].map { KeyColumn(it["name"].asText(), it["type"].asText()) }
            tables[nameOf(step)] = client.createTable(nameOf(step), keys, step["exist_ok"]?.asBoolean() ?: false)
            Returned.Nothing
        }
        "open_table" -> {
            tables[step["name"].asText()] = client.table(step["name"].asText())
            Returned.Nothing
        }
        "rename_table" -> client.renameTable(nameOf(step), step["to"].asText()).let { Returned.Nothing }
        "drop_table" -> client.dropTable(nameOf(step)).let { Returned.Nothing }
        "tables" -> Returned.Names(client.tables())
        "write" -> Returned.Version(table(step).write(rows(step, turn), types(step), nulls(step)).version)
        "delete" -> Returned.Version(table(step).delete(keys(step, turn)).version)
        "delete_where" -> Returned.Version(table(step).deleteWhere(step["where"].asText()).version)
        "transaction" -> transaction(step, turn)
        "scan" -> plan(step, turn).use { plan ->
            val rows = plan.batches().toList().flatMap { values(it) }
            Returned.Rows(columns(plan), rows, null)
        }
        "take" -> plan(step, turn).use { plan ->
            val taken = plan.take(keys(step, turn))
            Returned.Rows(columns(plan), values(taken.batch), taken.positions)
        }
        "schema" -> Returned.Columns(table(step).snapshot(asof(step)).columns().map { Triple(it.path, it.typeName, it.isKey) })
        "history" -> Returned.Versions(table(step).history(step["limit"]?.asLong() ?: 100).map { it.version })
        "cancelled_scan" -> {
            val token = CancelToken()
            token.cancel()
            withContext(token) { plan(step, turn) }
            Returned.Nothing
        }
        else -> throw Red("$kind is no step")
    }

    private suspend fun transaction(step: JsonNode, turn: Int?): Returned {
        val transaction = table(step).transaction()
        for (inner in step["steps"]) {
            when (val kind = inner["do"].asText()) {
                "write" -> transaction.write(rows(inner, turn), types(inner), nulls(inner))
                "delete" -> transaction.delete(keys(inner, turn))
                "delete_where" -> transaction.deleteWhere(inner["where"].asText())
                else -> throw Red("$kind is no step of a transaction")
            }
        }
        if (step["end"].asText() == "commit") return Returned.Version(transaction.commit().version)
        transaction.abort()
        return Returned.Nothing
    }

    private fun rows(step: JsonNode, turn: Int?) = step["rows"].map { row -> members(row, turn).associate { it.name to it.value } }

    private fun types(step: JsonNode) = step["types"]?.properties()?.associate { it.key to it.value.asText() }.orEmpty()

    private fun nulls(step: JsonNode) = step["push_down_nulls"]?.asBoolean() ?: false

    private fun keys(step: JsonNode, turn: Int?) = step["keys"].map { key -> key.map { value(it, turn) } }

    private fun asof(step: JsonNode) = (step["asof"]?.asLong() ?: versions[nameOf(step)].takeIf { readsOnly })?.let(Asof::version)

    private suspend fun plan(step: JsonNode, turn: Int?): Plan {
        val sources = step["tables"] ?: return table(step).scan(options(step, turn).withAsof(asof(step)))
        val named = sources.associate { source ->
            val name = source["name"]?.asText() ?: nameOf(source)
            name to (asof(source)?.let { table(source).snapshot(it) } ?: table(source))
        }
        return client.scan(named, options(step, turn))
    }

    private fun options(step: JsonNode, turn: Int?) = ScanOptions(
        select = step["select"]?.map { it.asText() },
        where = step["where"]?.asText(),
        begin = step["begin"]?.map { value(it, turn) },
        end = step["end"]?.map { value(it, turn) },
        limit = step["limit"]?.asLong(),
        keysOnly = step["keys_only"]?.asBoolean() ?: false,
        columns = step["columns"]?.associate { it[0].asText() to it[1].asText() }.orEmpty(),
    )

    private fun columns(plan: Plan) = plan.columns.map { it.path to it.typeName }

    private fun values(batch: io.github.spiraltable.Batch) =
        (0 until batch.rowCount).map { row -> batch.columns.map { it.value(row) } }
}

/** The table that a step is about. */
private fun nameOf(step: JsonNode) = step["table"]?.asText() ?: "t"

private fun judge(expected: JsonNode, error: SpiralException) {
    val found = mapOf("code" to error.code, "kind" to error.javaClass.simpleName, "message" to error.message)
    for ((part, text) in found) {
        val wanted = expected[part]?.asText() ?: continue
        if (wanted != text) throw Red("the error's $part is \"$text\" instead of \"$wanted\"")
    }
}

private fun judge(expected: JsonNode, turn: Int?, returned: Returned) {
    fun compare(what: String, wanted: Any?, found: Any?) {
        if (wanted != found) throw Red("$what: expected $wanted, found $found")
    }
    when (returned) {
        is Returned.Nothing -> {}
        is Returned.Version -> compare("version", expected["version"]?.asLong(), returned.version)
        is Returned.Names -> compare("names", expected["names"]?.map { it.asText() }, returned.names)
        is Returned.Versions -> compare("versions", expected["versions"]?.map { it.asLong() }, returned.versions)
        is Returned.Columns -> compare(
            "columns",
            expected["columns"]?.map { Triple(it["path"].asText(), it["type"].asText(), it["key"].asBoolean()) },
            returned.columns,
        )
        is Returned.Rows -> {
            expected["columns"]?.let { wanted -> compare("columns", wanted.map { it["name"].asText() to it["type"].asText() }, returned.columns) }
            expected["count"]?.let { compare("count", it.asInt(), returned.rows.size) }
            expected["rows"]?.let { wanted ->
                compare("number of rows", wanted.size(), returned.rows.size)
                wanted.forEachIndexed { row, values ->
                    compare("number of columns in row $row", values.size(), returned.rows[row].size)
                    values.forEachIndexed { at, json ->
                        val found = returned.rows[row][at]
                        if (!same(value(json, turn), found)) {
                            throw Red("row $row, column ${returned.columns[at].first}: expected $json, found $found")
                        }
                    }
                }
            }
            if (returned.positions != null) expected["positions"]?.let { compare("positions", it.map(JsonNode::asInt), returned.positions) }
        }
    }
}

private fun value(json: JsonNode, turn: Int?): Value {
    if (json.isNull) return Value.Null
    if (json.isBoolean) return Value.Bool(json.asBoolean())
    val (form, of) = json.properties().single()
    fun number(of: JsonNode) = text(of, turn).toLong()
    return when (form) {
        "int" -> Value.Int(number(of))
        "uint" -> Value.UInt(text(of, turn).toULong())
        "float" -> Value.Float(float(text(of, turn)))
        "decimal" -> Value.Decimal(text(of, turn))
        "text" -> Value.Text(text(of, turn))
        "bytes" -> Value.Binary(text(of, turn).chunked(2).map { it.toInt(16).toByte() }.toByteArray())
        "date" -> Value.Date(number(of))
        "time" -> Value.Time(number(of[0]), unit(of[1]))
        "timestamp" -> Value.Timestamp(number(of[0]), unit(of[1]))
        "duration" -> Value.Duration(number(of[0]), unit(of[1]))
        "interval" -> Value.Interval(of[0].asInt(), of[1].asInt(), number(of[2]))
        "list" -> Value.Items(of.map { value(it, turn) })
        "struct" -> Value.Members(members(of, turn))
        "map" -> Value.Entries(of.map { MapEntry(value(it[0], turn), value(it[1], turn)) })
        else -> throw Red("$form is no form of a value")
    }
}

/** Named values, of an object or of a list of pairs. */
private fun members(json: JsonNode, turn: Int?): List<Member> = when {
    json.isObject -> json.properties().map { Member(it.key, value(it.value, turn)) }
    else -> json.map { Member(it[0].asText(), value(it[1], turn)) }
}

private fun text(json: JsonNode, turn: Int?): String {
    val text = if (json.isTextual) json.asText() else json["repeat"].asText().repeat(json["times"].asInt())
    return if (turn == null) text else text.replace("{n}", turn.toString())
}

private fun float(text: String) = when (text) {
    "nan" -> Double.NaN
    "inf" -> Double.POSITIVE_INFINITY
    "-inf" -> Double.NEGATIVE_INFINITY
    else -> text.toDouble()
}

private fun unit(json: JsonNode) = when (json.asText()) {
    "s" -> TimeUnit.SECOND
    "ms" -> TimeUnit.MILLISECOND
    "us" -> TimeUnit.MICROSECOND
    else -> TimeUnit.NANOSECOND
}

/** Equality by bits, with one NaN. */
private fun same(one: Value, other: Value): Boolean = when {
    one is Value.Float && other is Value.Float -> one.value.toBits() == other.value.toBits()
    one is Value.Binary && other is Value.Binary -> one.value.contentEquals(other.value)
    one is Value.Items && other is Value.Items -> pairs(one.items, other.items) { a, b -> same(a, b) }
    one is Value.Members && other is Value.Members ->
        pairs(one.members, other.members) { a, b -> a.name == b.name && same(a.value, b.value) }
    one is Value.Entries && other is Value.Entries ->
        pairs(one.entries, other.entries) { a, b -> same(a.key, b.key) && same(a.value, b.value) }
    else -> one == other
}

private fun <T> pairs(one: List<T>, other: List<T>, same: (T, T) -> Boolean) =
    one.size == other.size && one.zip(other).all { (a, b) -> same(a, b) }
