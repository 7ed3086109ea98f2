export { presenceColor } from './color.ts';
export type { PresenceLimits } from './limits.ts';
export { createPresence, type Presence, type PresenceOptions } from './presence.ts';
export type { PresenceCrowd, PresenceDrop, PresencePeer, PresenceSeat, PresenceTime, PresenceUser, PresentClient, ReceiveRefusal, ReceiveResult } from './types.ts';
export type { PresenceState } from './wire.ts';
