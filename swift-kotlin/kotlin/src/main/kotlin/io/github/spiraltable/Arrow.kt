/** For programs that use Arrow: `org.apache.arrow:arrow-vector` is theirs to add. */
@file:JvmName("SpiralArrow")

package io.github.spiraltable

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import org.apache.arrow.memory.BufferAllocator
import org.apache.arrow.vector.VectorSchemaRoot
import org.apache.arrow.vector.ipc.ArrowStreamReader
import org.apache.arrow.vector.ipc.ArrowStreamWriter
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream

/** Streams the rows as Arrow vectors, as [Plan.batches]. Each batch is freed when the collector returns from it. */
@JvmSynthetic
public fun Plan.arrowBatches(allocator: BufferAllocator): Flow<VectorSchemaRoot> = flow {
    ipc().collect { bytes ->
        ArrowStreamReader(ByteArrayInputStream(bytes), allocator).use { reader ->
            while (reader.loadNextBatch()) emit(reader.vectorSchemaRoot)
        }
    }
}

/** Upserts the rows of Arrow vectors, in one commit. */
@JvmSynthetic
public suspend fun Table.write(rows: VectorSchemaRoot, pushDownNulls: Boolean = false): CommitInfo =
    writeIpc(ipcOf(rows), pushDownNulls)

/** Upserts the rows of Arrow vectors; see [Table.write]. */
@JvmSynthetic
public suspend fun Transaction.write(rows: VectorSchemaRoot, pushDownNulls: Boolean = false): Unit =
    writeIpc(ipcOf(rows), pushDownNulls)

/** Arrow vectors as an IPC stream. */
public fun ipcOf(rows: VectorSchemaRoot): ByteArray = ByteArrayOutputStream().also { bytes ->
    ArrowStreamWriter(rows, null, bytes).use { writer ->
        writer.start()
        writer.writeBatch()
        writer.end()
    }
}.toByteArray()
