// The Buffer that the calls in the shape of node:fs/promises give: the one that bundlers take in place of Node's.
export { Buffer } from 'buffer/index.js';
