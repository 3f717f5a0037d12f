// What is thrown for a command line that can't be meant, whoever finds that out.

/** A command that was called in the wrong way. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
