import type { Workload } from '../session.ts';
import { BASIC } from './basic.ts';
import { FSYNC } from './fsync.ts';
import { NAMES } from './names.ts';
import { PRESSURE } from './pressure.ts';
import { PROGRAMS } from './programs.ts';
import { RANGES } from './ranges.ts';

export const WORKLOADS: readonly Workload[] = [...BASIC, ...FSYNC, ...RANGES, ...NAMES, ...PRESSURE, ...PROGRAMS];
