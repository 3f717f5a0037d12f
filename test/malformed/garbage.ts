// Page caches are shared memory, of which V8 does not count what it would win by collecting it: who mounts thousands of times
// in a row has to ask.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

export function collectGarbage(): void {
  gc();
}
