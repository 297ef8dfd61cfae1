// What the engine asks of its host, and what it tells it.

/** Calls back in a new turn of the event loop; timeouts will not do: browsers delay nested ones by 4 ms. */
const post = (() => {
  if (typeof setImmediate === "function") return (run) => void setImmediate(run);
  if (typeof MessageChannel !== "function") return (run) => void setTimeout(run, 0);
  const { port1, port2 } = new MessageChannel();
  const waiting = [];
  port1.onmessage = () => waiting.shift()();
  return (run) => {
    waiting.push(run);
    port2.postMessage(null);
  };
})();

let timeout;

/** Calls back once, in a new turn of the event loop or after `millis`. Whoever asks again takes back what was asked. */
export function nextTurn(run, millis) {
  const turn = () => {
    try {
      run();
    } catch (error) {
      // A death was told to everybody who waits.
      if (cause === undefined) throw error;
    }
  };
  clearTimeout(timeout);
  if (millis === undefined) post(turn);
  else timeout = setTimeout(turn, millis);
}

/** The operations under way: what to call when the engine dies. */
export const underWay = new Set();

/** Why the engine died, once it has. */
export let cause;

/** Called when the engine finds a defect of its own: nothing of it runs any more. */
export function died(message) {
  cause = message;
  for (const fail of underWay) fail(message);
  underWay.clear();
}
