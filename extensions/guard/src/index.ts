/** Refuses updates that a board has no place for, before they are applied. See README.md. */
export { createGuard, GUARD_LIMITS, type GuardLimits, type GuardOptions } from './guard.ts';
export { type Owners } from './client-book.ts';
export { type Author, type Role } from './judge.ts';
export { type GuardCode } from './faults.ts';
