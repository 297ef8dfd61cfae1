// Compiled, not run: the types as a user meets them.
import { type Batch, connect, ConflictError, type HistoryEntry, type Row, SpiralError } from "@spiral-table/browser";

export async function use(signal: AbortSignal): Promise<HistoryEntry[]> {
  using client = await connect("memory:", { headers: { Authorization: "Bearer token" } });
  const table = await client.createTable("t", [{ name: "id", type: "int64" }], { existOk: true, signal });
  await table.write([{ id: 1n, name: "a", tags: ["x"], group: { a: 1 } }], { types: { name: "utf8" }, pushDownNulls: true });
  const plan = await table.scan({ where: "id > 0", select: ["id"], begin: 1n, end: [2n], limit: 5, int64: "number", asof: 1, signal });
  for await (const batch of plan) {
    const column: ReturnType<Batch["column"]> = batch.column("id");
    const bytes: Uint8Array = batch.toIpc();
    console.log(column.length, bytes.length);
  }
  const rows: Row[] = (await table.take([1n, [2n]], { asof: new Date() })).toRows();
  const { requests } = plan.metrics();
  console.log(rows, requests);
  await using transaction = table.transaction();
  await transaction.delete([1n]);
  try {
    await transaction.commit();
  } catch (error) {
    if (error instanceof ConflictError && error.retryable) console.log(error.version);
    if (error instanceof SpiralError) console.log(error.kind satisfies string);
    throw error;
  }
  const both = await client.scan({ table, before: await table.snapshot() }, { columns: { was: "before.name" }, signal });
  both.close();
  // @ts-expect-error a name is no table
  await client.scan({ table: "t" });
  // @ts-expect-error an option that does not exist
  await table.scan({ filter: "id = 1" });
  return table.history({ limit: 1 });
}
