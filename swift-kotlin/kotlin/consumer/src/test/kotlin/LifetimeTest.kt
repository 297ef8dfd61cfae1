import com.sun.net.httpserver.HttpServer
import io.github.spiraltable.CancelToken
import io.github.spiraltable.Client
import io.github.spiraltable.SpiralException
import io.github.spiraltable.Table
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.net.InetSocketAddress
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.TimeSource
import kotlin.time.measureTime

/** Serves a folder with byte ranges, each answer after a while, and remembers when it was asked. */
class SlowServer(private val folder: Path, @Volatile var delayMillis: Long) : AutoCloseable {
    val requests = AtomicInteger()
    private val starts = ConcurrentLinkedQueue<TimeSource.Monotonic.ValueTimeMark>()
    private val threads = Executors.newCachedThreadPool()
    private val server = HttpServer.create(InetSocketAddress("127.0.0.1", 0), 0)
    val url get() = "http://127.0.0.1:${server.address.port}"

    init {
        server.executor = threads
        server.createContext("/") { exchange ->
            starts.add(TimeSource.Monotonic.markNow())
            requests.incrementAndGet()
            Thread.sleep(delayMillis)
            val file = folder.resolve(exchange.requestURI.path.removePrefix("/"))
            if (!Files.isRegularFile(file)) {
                exchange.sendResponseHeaders(404, -1)
            } else {
                val bytes = Files.readAllBytes(file)
                val range = exchange.requestHeaders.getFirst("Range")?.let { Regex("bytes=(\\d*)-(\\d*)").matchEntire(it)!!.groupValues }
                val first = when {
                    range == null -> 0
                    range[1].isEmpty() -> maxOf(0, bytes.size - range[2].toInt())
                    else -> range[1].toInt()
                }
                val last = if (range == null || range[1].isEmpty() || range[2].isEmpty()) bytes.size - 1 else minOf(bytes.size - 1, range[2].toInt())
                if (range != null) exchange.responseHeaders.add("Content-Range", "bytes $first-$last/${bytes.size}")
                exchange.sendResponseHeaders(if (range == null) 200 else 206, (last - first + 1).toLong())
                exchange.responseBody.use { it.write(bytes, first, last - first + 1) }
            }
            exchange.close()
        }
        server.start()
    }

    /** Waits until whatever was asked for has been answered, and some more; fails when it was asked long after [moment]. */
    suspend fun startsNothingAfter(moment: TimeSource.Monotonic.ValueTimeMark) {
        delay(2 * delayMillis + 100)
        assertEquals(0, starts.count { it > moment + 50.milliseconds }, "requests started more than 50 ms after the cancellation")
    }

    override fun close() {
        server.stop(0)
        threads.shutdownNow()
    }
}

class LifetimeTest {
    private fun served(folder: Path, test: suspend (SlowServer, Table) -> Unit) = runBlocking {
        Client.connect(folder.toString()).use { it.createTable("t", "id" to "int64").write(people(20_000)) }
        SlowServer(folder, 0).use { server ->
            Client.connect(server.url).use { client -> test(server, client.table("t")) }
        }
    }

    @Test
    fun `what is cancelled before never starts`(@TempDir folder: Path) = served(folder) { server, table ->
        val before = server.requests.get()
        runBlocking {
            val scan = launch(start = CoroutineStart.UNDISPATCHED) {
                coroutineContext.job.cancel()
                table.scan()
            }
            scan.join()
            assertTrue(scan.isCancelled)
            val token = CancelToken()
            token.cancel()
            assertFails<SpiralException.Cancelled>("cancelled") { withContext(token) { table.scan() } }
        }
        delay(50)
        assertEquals(before, server.requests.get())
    }

    @Test
    fun `a cancelled coroutine ends at once and asks for nothing more`(@TempDir folder: Path) = served(folder) { server, table ->
        server.delayMillis = 200
        assertPrompt {
            val before = server.requests.get()
            val scan = async { table.scan().use { it.rows().toList() } }
            while (server.requests.get() == before) delay(1)
            val moment = TimeSource.Monotonic.markNow()
            val took = measureTime { scan.cancelAndJoin() }
            server.startsNothingAfter(moment)
            took
        }
        server.delayMillis = 0
        assertEquals(20_000, table.scan().use { it.rows().toList() }.size)
    }

    @Test
    fun `a token and a future cancel as well`(@TempDir folder: Path) = served(folder) { server, table ->
        server.delayMillis = 200
        assertPrompt {
            val token = CancelToken()
            val scan = async { assertFails<SpiralException.Cancelled>("cancelled") { withContext(token) { table.scan().use { it.rows().toList() } } } }
            delay(50)
            assertFalse(token.isCancelled)
            val moment = TimeSource.Monotonic.markNow()
            token.cancel()
            val took = measureTime { assertEquals("the operation was cancelled", scan.await().message) }
            server.startsNothingAfter(moment)
            took
        }
        val asked = server.requests.get()
        val future = table.scanAsync()
        while (server.requests.get() == asked) delay(1)
        val moment = TimeSource.Monotonic.markNow()
        assertTrue(future.cancel(true))
        server.startsNothingAfter(moment)
    }

    @Test
    fun `a scan that computes ends within 50 ms`() = withTable { table ->
        table.write(people(100_000))
        val plan = table.scan(where = "id * 3 + 1 > 5 and id % 7 < 6")
        assertPrompt {
            val scan = async { while (true) assertTrue(plan.batches().toList().isNotEmpty()) }
            delay(100)
            measureTime { scan.cancelAndJoin() }.also { assertTrue(scan.isCancelled) }
        }
    }

    /** What is repeated ends within 50 ms; a machine that is busy with other things may be late, but not every time. */
    private suspend fun assertPrompt(ending: suspend CoroutineScope.() -> Duration) {
        val took = List(3) { withContext(Dispatchers.Default, ending) }
        assertTrue(took.min() < 50.milliseconds, "it took $took")
    }

    @Test
    fun `a stream that is closed while it is read tells who waits`(@TempDir folder: Path) = served(folder) { server, table ->
        server.delayMillis = 1000
        assertPrompt {
            val reader = table.scan().reader()
            val waiting = async { assertFails<SpiralException.Cancelled>("cancelled") { while (reader.next() != null) Unit } }
            delay(100)
            measureTime {
                reader.close()
                waiting.await()
            }
        }
    }

    @Test
    fun `cancelling a slow flow of a write writes nothing`() = withTable { table ->
        assertPrompt {
            val write = launch {
                table.write(flow { people(10_000).forEach { emit(it) }; delay(60_000) })
            }
            delay(200)
            measureTime { write.cancelAndJoin() }
        }
        delay(100)
        assertEquals(1L, table.snapshot().version)
    }

    /** In a process of its own: the heap, the compiler and other tests would hide what leaks. */
    @Test
    fun `nothing grows from one use to the next`(@TempDir folder: Path) {
        runBlocking { Client.connect(folder.toString()).use { it.createTable("t", "id" to "int64").write(people(5_000)) } }
        val (status, output) = java(listOf("-Xms48m", "-Xmx48m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"), "LeaksKt", folder.toString())
        println("leaks: $output")
        assertEquals(0, status, output)
    }

    @Test
    fun `the process of the README's snippet prints and exits`() {
        assertEquals(0 to "{id=1, origin=SFO}\n", java(emptyList(), "ReadmeKt"))
    }

    private fun java(options: List<String>, vararg main: String): Pair<Int, String> {
        val path = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
        val command = listOf(System.getProperty("java.home") + "/bin/java", "-cp", path) + options + main
        val process = ProcessBuilder(command).redirectErrorStream(true).start()
        val output = process.inputStream.bufferedReader().readText()
        assertTrue(process.waitFor(120, TimeUnit.SECONDS), "it did not exit")
        return process.exitValue() to output
    }
}
