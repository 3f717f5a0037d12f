// What an engine of writeback is, and the names of those there are.
import type { Log } from '../format/constants.ts';
import type { AddressSpace, Tag } from '../pagecache/address-space.ts';
import type { WritebackControl } from './control.ts';
import type { WritebackOps } from './ops.ts';

/** `folios` is ours, with all features; `pages` is the kernel's algorithm, to test and to measure against. */
export const ENGINES = ['folios', 'pages'] as const;
/** Who writes dirty pages: page by page, or folio by folio. */
export type EngineName = (typeof ENGINES)[number];

/** What one call of an engine works with. */
export interface Walk {
  mapping: AddressSpace;
  ops: WritebackOps;
  control: WritebackControl;
  log: Log;
  /** The tag of the pages to write. */
  tag: Tag;
  /** Pages in the file. */
  eof: number;
  /** Where a cyclic walk goes on that ends now. */
  doneIndex: number;
}

/**
 * Sends dirty pages on their way; they are written when the ioends are submitted. When mapping fails the pages stay dirty
 * and the error is thrown; what came before is on its way. Source: f2fs_write_cache_pages.
 */
export interface Engine {
  /** @param isPreempted whether a NONE walk is to end, since someone waits for an ALL one */
  walk(mapping: AddressSpace, ops: WritebackOps, control: WritebackControl, isPreempted: () => boolean): void;
}
