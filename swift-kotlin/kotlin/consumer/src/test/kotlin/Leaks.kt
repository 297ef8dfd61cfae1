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

/** Opens, scans, cancels and closes again and again; fails when what is held grows by 2 % every 150 times. */
fun main(arguments: Array<String>) {
    repeat(50) { open(arguments[0]) }
    var before = held()
    // What grew is looked at again: a leak goes on growing, an allocator that has taken another piece does not.
    for (first in 50..350 step 150) {
        repeat(150) { open(arguments[0]) }
        val after = held()
        println("from run $first to run ${first + 150}: $before to $after")
        if (before.all { (what, held) -> after.getValue(what) < held * 1.02 + 1 }) exitProcess(0)
        before = after
    }
    exitProcess(1)
}
