export * from "./index.js";
import * as spiral from "./index.js";
export default spiral;
