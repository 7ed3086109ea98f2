/**
 * What the streams driver does inside Redis, in one step each. All keys carry the tag `{bus}`, so that on a Redis Cluster they lie on one node.
 */
import type { Connection } from './redis-connections.ts';

/** Streams that boards are spread over by hash. Fixed: with another number a board's events would go on in another stream, out of order. */
export const SHARDS = 16;

export const streamKey = (shard: number): string => `sunday:{bus}:events:${shard}`;
export const workersKey = (group: string): string => `sunday:{bus}:workers:${group}`;
export const leaseKey = (group: string, shard: number): string => `sunday:{bus}:lease:${group}:${shard}`;
export const EPHEMERAL_CHANNEL = 'sunday:{bus}:ephemeral';
/** Published to with every append, so that workers need not block in reads, which no script can do. */
export const WAKE_CHANNEL = 'sunday:{bus}:wake';

/** As Redis answers; fields are null for an entry that was trimmed. */
export type Entries = readonly (readonly [id: string, fields: readonly string[] | null])[];

const SCRIPTS = {
  /** All events or none: a stream that lacked one in the middle would be out of order for good. */
  append: `
    if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return redis.error_reply('BUSFULL') end
    for i = 2, #ARGV, 2 do redis.call('XADD', KEYS[1], '*', 't', ARGV[i], 'e', ARGV[i + 1]) end
    redis.call('PUBLISH', '${WAKE_CHANNEL}', '')
    return #ARGV`,
  /** Which process keeps the streams. */
  identity: `return redis.call('INFO', 'server')`,
  /** This worker is alive; which shards it has now, after those it has a share of and nobody has. */
  lease: `
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    redis.call('ZADD', KEYS[1], now, ARGV[1])
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
    redis.call('PEXPIRE', KEYS[1], ARGV[2] * 10)
    local share = math.ceil((#KEYS - 1) / redis.call('ZCARD', KEYS[1]))
    local answer, count = {share}, 0
    local free = {}
    for i = 2, #KEYS do
      local owner = redis.call('GET', KEYS[i])
      if owner == ARGV[1] then
        redis.call('PEXPIRE', KEYS[i], ARGV[2])
        answer[#answer + 1] = i - 2
        count = count + 1
      elseif not owner then free[#free + 1] = i end
    end
    for _, i in ipairs(free) do
      if count < share then
        redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2])
        answer[#answer + 1] = i - 2
        count = count + 1
      end
    end
    return answer`,
  /**
   * New entries of shards, of each only while its lease is this worker's: an entry read after another worker had taken over what
   * was pending would be nobody's, and later ones would overtake it.
   */
  read: `
    local answer = {}
    for i = 1, #KEYS, 2 do
      if redis.call('GET', KEYS[i]) ~= ARGV[2] then answer[#answer + 1] = {(i - 1) / 2, 0}
      else
        local read = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', KEYS[i + 1], '>')
        if read then answer[#answer + 1] = {(i - 1) / 2, read[1][2]} end
      end
    end
    return answer`,
  /** Takes over what is pending in a shard, likewise. */
  adopt: `
    if redis.call('GET', KEYS[1]) ~= ARGV[2] then return false end
    return redis.call('XAUTOCLAIM', KEYS[2], ARGV[1], ARGV[2], 0, ARGV[3], 'COUNT', ARGV[4])`,
  release: `
    for i = 2, #KEYS do if redis.call('GET', KEYS[i]) == ARGV[1] then redis.call('DEL', KEYS[i]) end end
    if ARGV[2] == 'leave' then redis.call('ZREM', KEYS[1], ARGV[1]) end
    return 1`,
  /** Forgets what every group has acknowledged, and nothing else; of a Redis that has just started, nothing: groups may not have come back yet. */
  trim: `
    local up = tonumber(string.match(redis.call('INFO', 'server'), 'uptime_in_seconds:(%d+)'))
    if up * 1000 < tonumber(ARGV[1]) then return 0 end
    local function parts(id) local ms, seq = string.match(id, '(%d+)-(%d+)'); return tonumber(ms), tonumber(seq) end
    local least, leastMs, leastSeq
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
      local info = {}
      for i = 1, #group, 2 do info[group[i]] = group[i + 1] end
      local id = info['last-delivered-id']
      if info['pending'] > 0 then id = redis.call('XPENDING', KEYS[1], info['name'])[2] end
      local ms, seq = parts(id)
      if not least or ms < leastMs or (ms == leastMs and seq < leastSeq) then least, leastMs, leastSeq = id, ms, seq end
    end
    if not least then return 0 end
    return redis.call('XTRIM', KEYS[1], 'MINID', least)`,
} as const;

export class Scripts {
  private readonly connection: Connection;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  append(shard: number, maxLength: number, topicsAndEvents: readonly string[]): Promise<unknown> {
    return this.run('append', [streamKey(shard)], [String(maxLength), ...topicsAndEvents]);
  }

  async identity(): Promise<string> {
    const info = String(await this.run('identity', [streamKey(0)], []));
    const id = /run_id:(\w+)/.exec(info)?.[1];
    if (id === undefined) throw new Error('Redis does not say which process it is');
    return id;
  }

  /** @returns this worker's share, and the shards it has */
  async lease(group: string, worker: string, leaseMs: number): Promise<{ share: number; shards: number[] }> {
    const keys = Array.from({ length: SHARDS }, (_, shard) => leaseKey(group, shard));
    const answer = await this.run('lease', [workersKey(group), ...keys], [worker, String(leaseMs)]);
    const [share = 0, ...shards] = Array.isArray(answer) ? answer.map(Number) : [];
    return { share, shards };
  }

  /** @returns shards with new entries; `null` where the lease is gone */
  async read(group: string, worker: string, shards: readonly number[], count: number): Promise<[shard: number, entries: Entries | null][]> {
    const keys = shards.flatMap((shard) => [leaseKey(group, shard), streamKey(shard)]);
    const answer = await this.run('read', keys, [group, worker, String(count)]) as [number, Entries | 0][];
    return answer.map(([index, entries]) => [shards[index] ?? -1, entries === 0 ? null : entries]);
  }

  /** @returns entries that were pending and the cursor to go on from; `null` if the lease is gone */
  async adopt(group: string, worker: string, shard: number, cursor: string, count: number): Promise<{ next: string; entries: Entries } | null> {
    const answer = await this.run('adopt', [leaseKey(group, shard), streamKey(shard)], [group, worker, cursor, String(count)]) as [string, Entries] | null;
    return answer === null ? null : { next: answer[0], entries: answer[1] };
  }

  release(group: string, worker: string, shards: readonly number[], leave: boolean): Promise<unknown> {
    return this.run('release', [workersKey(group), ...shards.map((shard) => leaseKey(group, shard))], [worker, leave ? 'leave' : 'stay']);
  }

  trim(shard: number, settleMs: number): Promise<unknown> {
    return this.run('trim', [streamKey(shard)], [String(settleMs)]);
  }

  /** Does nothing to a group that is there. */
  async makeGroup(group: string, from: 'beginning' | 'now'): Promise<void> {
    for (let shard = 0; shard < SHARDS; shard++) {
      try {
        await this.connection.xgroup('CREATE', streamKey(shard), group, from === 'now' ? '$' : '0', 'MKSTREAM');
      } catch (error) {
        if (!isReply(error, 'BUSYGROUP')) throw error;
      }
    }
  }

  private run(script: keyof typeof SCRIPTS, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return this.connection.eval(SCRIPTS[script], keys.length, ...keys, ...args);
  }
}

/** Redis' own answer, as opposed to no answer. */
export const isReply = (error: unknown, code: string): boolean => error instanceof Error && error.message.includes(code);
