// SHA-256 for those who can't wait: crypto.subtle answers by a promise.
export { sha256 } from '@noble/hashes/sha2.js';
