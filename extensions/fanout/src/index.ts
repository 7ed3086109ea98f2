export { FANOUT_DROPS, type BoardMessage, type Fanout, type FanoutDrop, type FanoutHandlers, type FanoutState, type NodeIdentity } from './fanout.ts';
export { Hub, InProcessFanout } from './in-process.ts';
export { RedisFanout, type RedisFanoutOptions } from './redis.ts';
export { joinFanout, type FollowedJournal, type JoinedFanout, type PresenceLane } from './join.ts';
