// Objects in memory, for as long as somebody holds the store.

const failure = (kind, message) => Object.assign(new Error(message), { kind });

export class MemoryStore {
  #objects = new Map();

  async get(path, begin = 0, end) {
    const object = this.#objects.get(path);
    if (!object) throw failure("NotFound", "no such object");
    if (begin > 0 && begin >= object.length) throw failure("Failed", `range not satisfiable: the object has ${object.length} bytes`);
    const stop = Math.min(end ?? object.length, object.length);
    const pieces = [object.subarray(begin, stop)];
    return { begin, end: stop, size: object.length, pull: async () => pieces.pop() };
  }

  async put(path, bytes, ifAbsent) {
    if (ifAbsent && this.#objects.has(path)) throw failure("AlreadyExists", "the object exists");
    this.#objects.set(path, bytes);
  }

  async remove(path) {
    this.#objects.delete(path);
  }
}
