// The numbers of open(2) and access(2), as the host has them.
import { constants } from 'node:fs';

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NOCTTY = 0 } = constants;
const { R_OK, W_OK, X_OK, F_OK } = constants;

export { F_OK, O_APPEND, O_CREAT, O_EXCL, O_NOCTTY, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, R_OK, W_OK, X_OK };
