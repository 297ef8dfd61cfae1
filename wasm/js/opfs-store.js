// Objects in the origin's private file system: tables that stay in this browser, for all its tabs and workers.

const failure = (kind, message) => Object.assign(new Error(message), { kind });

export class OpfsStore {
  #root;
  #folders = new Map();

  constructor(folder) {
    this.#root = folder.split("/").filter(Boolean);
  }

  /** The folder of a path, which is looked up once. */
  #folder(names, create) {
    const key = names.join("/");
    const known = this.#folders.get(key);
    if (known) return known;
    const found =
      names.length === 0
        ? navigator.storage.getDirectory()
        : this.#folder(names.slice(0, -1), create).then((parent) => parent.getDirectoryHandle(names.at(-1), { create }));
    this.#folders.set(key, found);
    found.catch(() => this.#folders.delete(key));
    return found;
  }

  #names(path) {
    return [...this.#root, ...path.split("/").filter(Boolean)];
  }

  /** A file that is being created exists, empty, before it is complete. No object is empty, so it counts as absent. */
  async #file(path) {
    const names = this.#names(path);
    try {
      const folder = await this.#folder(names.slice(0, -1), false);
      const file = await (await folder.getFileHandle(names.at(-1))).getFile();
      return file.size > 0 ? file : undefined;
    } catch (error) {
      if (error.name === "NotFoundError" || error.name === "TypeMismatchError") return undefined;
      throw error;
    }
  }

  async get(path, begin = 0, end) {
    // A file that is replaced while it is read cannot be read: the new one can.
    for (let attempt = 0; ; attempt += 1) {
      const file = await this.#file(path);
      if (!file) throw failure("NotFound", "no such file");
      if (begin >= file.size) throw failure("Failed", `range not satisfiable: the file has ${file.size} bytes`);
      const stop = Math.min(end ?? file.size, file.size);
      try {
        let bytes = new Uint8Array(await file.slice(begin, stop).arrayBuffer());
        const pull = async () => {
          const piece = bytes;
          bytes = undefined;
          return piece;
        };
        return { begin, end: stop, size: file.size, pull };
      } catch (error) {
        if (attempt > 0 || (error.name !== "NotReadableError" && error.name !== "NotFoundError")) throw error;
      }
    }
  }

  async put(path, bytes, ifAbsent, signal) {
    if (!ifAbsent) return this.#write(path, bytes);
    if (!navigator.locks) throw failure("Unsupported", "this browser has no locks, without which commits would be lost");
    const lock = `spiral:${this.#names(path).join("/")}`;
    return navigator.locks.request(lock, { signal }, async () => {
      if (await this.#file(path)) throw failure("AlreadyExists", "the file exists");
      await this.#write(path, bytes);
    });
  }

  async #write(path, bytes) {
    const names = this.#names(path);
    const folder = await this.#folder(names.slice(0, -1), true);
    const file = await folder.getFileHandle(names.at(-1), { create: true });
    if (!file.createWritable) throw failure("Unsupported", "this browser cannot replace files as a whole");
    // What is written shows when it is closed, all at once.
    const writer = await file.createWritable();
    try {
      await writer.write(bytes);
      await writer.close();
    } catch (error) {
      await writer.abort().catch(() => {});
      throw error;
    }
  }

  async remove(path) {
    const names = this.#names(path);
    try {
      await (await this.#folder(names.slice(0, -1), false)).removeEntry(names.at(-1));
    } catch (error) {
      if (error.name !== "NotFoundError") throw error;
    }
  }
}
