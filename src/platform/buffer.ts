// The Buffer that the calls in the shape of node:fs/promises give: Node's.
export { Buffer } from 'node:buffer';
