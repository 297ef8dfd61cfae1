// Commits rows to a table, from a worker.
onmessage = async ({ data: { module, root, from, commits } }) => {
  try {
    const { connect } = await import(module);
    const table = await (await connect(root)).table("race");
    const versions = [];
    for (let id = from; id < from + commits; id += 1) versions.push((await table.write([{ id, worker: from }])).version);
    postMessage(versions);
  } catch (error) {
    postMessage({ error: error.stack });
  }
};
