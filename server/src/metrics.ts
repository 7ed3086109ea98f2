/**
 * Prometheus metrics of this process: one registry, every counter named once. Parts report through callbacks; nothing imports this
 * file but main.ts. Every limit that can be hit has a counter here.
 */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { BoardMessage, FanoutDrop } from '@sunday/extension-fanout';
import type { PresenceDrop } from '@sunday/extension-presence';
import type { StreamCount } from './boards/parts.ts';
import type { VersionCount } from './boards/version-store.ts';
import { createEventMetrics, type EventMetrics } from './event-metrics.ts';
import type { SocketCounter } from './gateway/client-socket.ts';
import type { Roles } from './roles.ts';

export interface Metrics {
  readonly registry: Registry;
  readonly socket: (counter: SocketCounter) => void;
  readonly presence: (drop: PresenceDrop, count: number) => void;
  readonly commit: (tookMs: number, boards: number) => void;
  readonly batch: (bytes: number) => void;
  readonly heldBack: (bytes: number) => void;
  readonly compacted: (rows: number) => void;
  readonly databaseAway: (on: boolean) => void;
  readonly pressure: (on: boolean) => void;
  readonly boardError: () => void;
  readonly stream: (what: StreamCount) => void;
  readonly version: (what: VersionCount) => void;
  readonly guard: (code: string) => void;
  readonly fanout: (direction: 'sent' | 'received', kind: BoardMessage['kind'], bytes: number) => void;
  readonly fanoutDrop: (drop: FanoutDrop) => void;
  readonly fanoutAway: (on: boolean) => void;
  readonly events: EventMetrics;
}

export function createMetrics(live: { roles: Roles; slowdown: () => number; sockets: () => number; boards: () => number; unsent: () => { readonly total: number; readonly most: number } }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const sockets = new Counter({ name: 'sunday_socket_events_total', help: 'Limits hit and refusals at the WebSocket edge', labelNames: ['event'], registers });
  const presence = new Counter({ name: 'sunday_presence_drops_total', help: 'Presence entries or frames not delivered, by reason', labelNames: ['reason'], registers });
  const commits = new Histogram({ name: 'sunday_commit_seconds', help: 'Time of one journal transaction', buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5], registers });
  const commitBoards = new Counter({ name: 'sunday_commit_boards_total', help: 'Batches committed, over all boards', registers });
  const batchBytes = new Counter({ name: 'sunday_batch_bytes_total', help: 'Bytes of committed batches', registers });
  const held = new Counter({ name: 'sunday_held_back_bytes_total', help: 'Bytes of batches not sent to slow sockets, which are resynced instead', registers });
  const compactedRows = new Counter({ name: 'sunday_compacted_rows_total', help: 'Journal rows merged into snapshots', registers });
  const boardErrors = new Counter({ name: 'sunday_board_errors_total', help: 'Failures of one board: refused statements, failed compactions', registers });
  const streams = new Counter({ name: 'sunday_event_streams_ended_total', help: 'Event streams (SSE) ended by the server or refused, by reason', labelNames: ['reason'], registers });
  const versions = new Counter({ name: 'sunday_versions_total', help: 'Versions of boards made, by reason, and refused as too many (limit_reached)', labelNames: ['what'], registers });
  const away = new Gauge({ name: 'sunday_database_away', help: '1 while commits cannot reach Postgres', registers });
  const paused = new Gauge({ name: 'sunday_sockets_paused', help: '1 while sockets are not read because too much is uncommitted', registers });
  const guarded = new Counter({ name: 'sunday_guard_updates_total', help: 'Updates not applied: refused, by code, waiting for their handshake, or put off', labelNames: ['code'], registers });
  const fanoutMessages = new Counter({ name: 'sunday_fanout_messages_total', help: 'Messages between nodes', labelNames: ['direction', 'kind'], registers });
  const fanoutBytes = new Counter({ name: 'sunday_fanout_bytes_total', help: 'Bytes of messages between nodes', labelNames: ['direction', 'kind'], registers });
  const fanoutDrops = new Counter({ name: 'sunday_fanout_drops_total', help: 'Messages between nodes not sent or not taken, by reason; the journal makes up for them', labelNames: ['reason'], registers });
  const fanoutAway = new Gauge({ name: 'sunday_redis_away', help: '1 while the way to the other nodes is down', registers });
  const role = new Gauge({ name: 'sunday_role', help: '1 for each role this process has', labelNames: ['role'], registers });
  for (const name of live.roles) role.set({ role: name }, 1);
  registry.registerMetric(new Gauge({ name: 'sunday_open_sockets', help: 'Open WebSockets', registers: [], collect() { this.set(live.sockets()); } }));
  registry.registerMetric(new Gauge({ name: 'sunday_presence_slowdown', help: 'How many times as long presence ticks take because the process is busy; 1 at ease', registers: [], collect() { this.set(live.slowdown()); } }));
  registry.registerMetric(new Gauge({ name: 'sunday_open_boards', help: 'Boards in memory', registers: [], collect() { this.set(live.boards()); } }));
  registry.registerMetric(new Gauge({ name: 'sunday_unsent_bytes', help: 'Bytes queued for all WebSockets that the network has not taken', registers: [], collect() { this.set(live.unsent().total); } }));
  registry.registerMetric(new Gauge({ name: 'sunday_most_unsent_bytes', help: 'The same, of the one socket with the most', registers: [], collect() { this.set(live.unsent().most); } }));
  return {
    registry,
    socket: (event) => { sockets.inc({ event }); },
    presence: (reason, count) => { presence.inc({ reason }, count); },
    commit: (tookMs, boards) => { commits.observe(tookMs / 1000); commitBoards.inc(boards); },
    batch: (bytes) => { batchBytes.inc(bytes); },
    heldBack: (bytes) => { held.inc(bytes); },
    compacted: (rows) => { compactedRows.inc(rows); },
    databaseAway: (on) => { away.set(on ? 1 : 0); },
    pressure: (on) => { paused.set(on ? 1 : 0); },
    boardError: () => { boardErrors.inc(); },
    stream: (reason) => { streams.inc({ reason }); },
    version: (what) => { versions.inc({ what }); },
    guard: (code) => { guarded.inc({ code }); },
    fanout: (direction, kind, bytes) => { fanoutMessages.inc({ direction, kind }); fanoutBytes.inc({ direction, kind }, bytes); },
    fanoutDrop: (reason) => { fanoutDrops.inc({ reason }); },
    fanoutAway: (on) => { fanoutAway.set(on ? 1 : 0); },
    events: createEventMetrics(registry),
  };
}
