// What the library's messages advise, as it is done with the command: they name options as callers of the library write them.

/** Whole phrases, so that nothing else in a message is taken for one. */
export const COMMAND_WORDS: readonly (readonly [library: string, command: string])[] = [
  ['; force: true replaces ', '; --force replaces '],
  ['; overwrite: true replaces ', '; --force replaces '],
  ['add to what is there with force: true', 'add to what is there with --force'],
  ['leave them out with xattrs: false', 'leave them out with --no-xattrs'],
  ["with a size 'tight' has no effect", '--tight has no effect with --size'],
  ["; leave 'tight' out", '; leave --tight out'],
  [
    "without a tar archive 'ociWhiteouts' has no effect: leave it out",
    '--oci-whiteouts has no effect without a tar archive',
  ],
  ["and 'freeBytes' has no effect", 'and --free has no effect'],
  ["and 'tight' has no effect", 'and --tight has no effect'],
  ["and 'size' has no effect", 'and --size has no effect'],
  ["and 'release' has no effect", 'and --release has no effect'],
  ['build makes such a volume with readOnly: true', "'f2fs build --read-only' makes such a volume"],
  ['invalid cacheBytes ', 'invalid --cache '],
  ['invalid maxFolioPages ', 'invalid --folio '],
  ['invalid queueDepth ', 'invalid --queue '],
  ['invalid workers ', 'invalid --workers '],
  ['; inSteps: true makes it in several steps', '; --in-steps makes it in several steps'],
  ['read it with recovery: false', 'read it with --no-recovery'],
  ['reserve them first with reserveBlocks', "reserve them first with 'f2fs fallocate --reserve'"],
  ['immutable: clear that flag with setFlags', 'immutable: clear the flag with chattr IMAGE -- -i'],
  ['set its project first (setProjectId)', 'set its project first with chattr -p'],
  ['append-only: clear that flag with setFlags', 'append-only: clear the flag with chattr IMAGE -- -a'],
  [
    'mount it for writing once, leave them out with recovery: false, or give it more cacheBytes',
    '--no-recovery shows the last checkpoint, and any command that changes the image recovers them for good',
  ],
];

/** A message of the library for who called the command. */
export function inCommandWords(message: string): string {
  return COMMAND_WORDS.reduce((text, [library, command]) => text.replaceAll(library, command), message);
}

/** A report of the library, its messages for who called the command. */
export function reportInCommandWords<T extends { problems: readonly Message[]; notes: readonly Message[] }>(
  report: T,
): T {
  return { ...report, problems: report.problems.map(reworded), notes: report.notes.map(reworded) };
}

type Message = string | { message: string };

function reworded(message: Message): Message {
  if (typeof message === 'string') return inCommandWords(message);
  return { ...message, message: inCommandWords(message.message) };
}
