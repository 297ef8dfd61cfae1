import io.github.spiraltable.Client
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import java.io.File
import kotlin.system.exitProcess

private fun open(folder: String) = runBlocking {
    Client.connect(folder).use { client ->
        val table = client.table("t")
        check(table.scan().rows().toList().size == 5_000)
        try {
            withContext(Dispatchers.Default) { launch { table.scan().rows().toList() }.cancelAndJoin() }
        } catch (_: CancellationException) {
        }
    }
}

/** What this process holds once all that was closed is gone. */
private fun held(): Map<String, Long> {
    repeat(3) {
        System.gc()
        Thread.sleep(100)
    }
    val status = File("/proc/self/status").readLines()
    fun number(key: String) = status.first { it.startsWith(key) }.filter(Char::isDigit).toLong()
    return mapOf("KiB" to number("RssAnon"), "threads" to number("Threads"), "files" to File("/proc/self/fd").list()!!.size.toLong())
}

/**
 * Opens, scans, cancels and closes 200 times; fails when what is held grows by 2 % from the 50th time on. The allocator may
 * keep some of a busy moment: memory that grew is measured over the next 150 times, where a leak would go on.
 */
fun main(arguments: Array<String>) {
    repeat(50) { open(arguments[0]) }
    val seen = mutableListOf(held())
    fun grown() = seen.last().filter { (what, held) -> held > seen[seen.size - 2].getValue(what) * 1.02 }.keys
    do {
        repeat(150) { open(arguments[0]) }
        seen.add(held())
    } while (seen.size < 4 && grown() == setOf("KiB"))
    println("from run 50 on, every 150 runs: $seen")
    exitProcess(if (grown().isEmpty()) 0 else 1)
}
