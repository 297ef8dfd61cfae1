import { parentPort, workerData } from "node:worker_threads";

import { numbers } from "./common.mjs";

const { client, table } = await numbers(workerData.rows);
let rows = 0;
for (let turn = 0; turn < 3; turn += 1) {
  rows = 0;
  for await (const batch of await table.scan({ where: "square >= 0.0" })) rows += batch.column("id").length;
}
client.close();
parentPort?.postMessage(rows);
