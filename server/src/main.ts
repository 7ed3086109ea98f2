/**
 * The composition root: which parts there are and how they are joined. Reads top to bottom as the life of the process:
 * parts are made, joined, started; `stop` takes them down in the order that loses nothing.
 */
import { fileURLToPath } from 'node:url';
import { createAccess, createTokenVerifier } from '@sunday/extension-access';
import { DatabaseUnavailable, nextEpoch, openDatabase } from '@sunday/database';
import { boardEvents, TextRunCloser } from '@sunday/extension-domain-events';
import { withAttendance, type ConsumerDefinition } from '@sunday/extension-event-bus';
import { InProcessFanout, joinFanout, RedisFanout } from '@sunday/extension-fanout';
import { createGuard } from '@sunday/extension-guard';
import { Journal, PostgresStore } from '@sunday/extension-journal';
import { createPresence } from '@sunday/extension-presence';
import type { connectedPayload } from '@hocuspocus/server';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { AutomaticVersions } from './boards/automatic-versions.ts';
import { EventFeed } from './boards/event-feed.ts';
import { Busyness } from './busyness.ts';
import type { Config } from './config.ts';
import { BoardHost, type BoardHostContext } from './engine/board-host.ts';
import { clientOwners } from './engine/client-owners.ts';
import { ConflictNotices } from './engine/conflict-notices.ts';
import { createEngine } from './engine/engine.ts';
import { presentOn } from './engine/present.ts';
import { SchemaGate } from './engine/schema-version.ts';
import { isErrorCode } from './errors.ts';
import { createEvents } from './events.ts';
import { Gateway } from './gateway/gateway.ts';
import { createHttpApp } from './http/app.ts';
import { clientAddress, trustOf } from './http/client-address.ts';
import { isAllowedOrigin } from './http/security.ts';
import { createMetrics } from './metrics.ts';
import { readiness } from './readiness.ts';

/** A board stays in memory this long after its last visitor, so that a reload or a short break finds it warm. */
const BOARD_IDLE_MS = 30_000;
const WEB_APP = fileURLToPath(new URL('../../web/dist', import.meta.url));

export interface Sunday {
  /** Where it listens, e.g. `http://127.0.0.1:3000`. */
  readonly url: string;
  /** Drains sockets, commits everything, closes. Resolves when nothing is left to lose. */
  stop(): Promise<void>;
  /** What `stop` is at, and what of the journal is left: for the log of a stop that does not end. */
  readonly unfinished: Readonly<Record<string, unknown>>;
}

/** @param consumers of domain events, besides Sunday's own */
export async function startSunday(config: Config, log: Logger, node: string, consumers: readonly ConsumerDefinition[] = []): Promise<Sunday> {
  let draining = false;
  const busyness = new Busyness(config.limits.presenceSlowestTickMs / config.limits.presenceTickMs);
  const metrics = createMetrics({ roles: config.roles, slowdown: () => busyness.slowdown, sockets: () => gateway.openSockets, boards: () => journal.openBoards, unsent: () => gateway.unsent });

  const database = await openDatabase({
    ...(config.databaseUrl === undefined ? {} : { url: config.databaseUrl }),
    dataDir: config.dataDir,
    onStatus: (status) => { log.info({ part: 'database' }, status); },
  });

  const events = await createEvents({ config, database, log, metrics: metrics.events });
  for (const consumer of consumers) events.register(consumer);

  const access = await createAccess({ database, verifier: createTokenVerifier(config.auth), log, commentsAreJudged: true });
  const identity = { id: node, epoch: await nextEpoch(database) };
  const fanout = config.redis === undefined ? new InProcessFanout(identity) : new RedisFanout({ node: identity, ...config.redis });
  const presence = createPresence({
    ...(config.redis === undefined ? {} : { node: identity, publish: (boardId, message) => { fanout.publish(boardId, { kind: 'presence', message }); } }),
    tickMs: config.limits.presenceTickMs,
    slowdown: () => busyness.slowdown,
    limits: { stateBytes: config.limits.maxPresenceBytes, bufferedBytes: config.limits.maxOutboundBytes / 32, fullRatePeople: config.limits.presenceFullRatePeople },
    onDrop: metrics.presence,
  });

  const schemaGate = new SchemaGate();
  const journal = new Journal({
    store: new PostgresStore(database, node),
    projection: boardEvents,
    isUnavailable: (error) => error instanceof DatabaseUnavailable,
    refuse: (connection, code) => { gateway.refuse(connection, isErrorCode(code) ? code : 'refused'); },
    maxBoardBytes: config.limits.maxBoardBytes,
    limits: { highWaterBytes: config.limits.maxOutboundBytes / 8, lowWaterBytes: config.limits.maxOutboundBytes / 64, maxStructs: config.limits.maxUpdateStructs },
    slowConsumerMs: config.limits.slowConsumerMs,
    events: {
      committed: metrics.commit,
      batch: ({ boardId, seq, update, events: told, conflicts }) => {
        metrics.batch(update.length);
        fanout.publish(boardId, { kind: 'batch', seq, update });
        presence.alongside(boardId);
        automaticVersions.changed(boardId, seq);
        if (told === 0) return;
        notices.detected(boardId, conflicts);
        feed.wake([boardId]);
        events.announce(boardId);
      },
      volatile: ({ boardId, ...batch }) => { fanout.publish(boardId, { kind: 'volatile', ...batch }); },
      dropped: metrics.heldBack,
      compacted: ({ rows }) => { metrics.compacted(rows); },
      pressure: (on) => { metrics.pressure(on); gateway.pressure(on); log.warn({ on }, 'reading from sockets is paused while too much is uncommitted'); },
      away: (on) => { metrics.databaseAway(on); log[on ? 'warn' : 'info']({ part: 'journal' }, on ? 'database away: editing goes on, unsaved' : 'database back: all is being saved'); },
      hello: (connection, { schemaVersion }) => { schemaGate.greet(connection, schemaVersion); notices.greet(connection); },
      error: (boardId, error) => { metrics.boardError(); log.error({ boardId, err: error }, 'board trouble'); },
    },
  });

  const notices = new ConflictNotices({
    database, node,
    send: (boardId, userId, payload) => { gateway.tell(boardId, userId, payload); },
    onError: (error) => { log.warn({ err: error }, 'somebody could not be told of a conflict'); },
  });
  const textRuns = new TextRunCloser({ database, onError: (error) => { log.warn({ err: error }, 'typed text waits for its event'); } });

  const nodes = joinFanout({
    fanout, journal, presence,
    observe: {
      state: (state, reason) => { metrics.fanoutAway(state === 'degraded'); log[state === 'ok' ? 'info' : 'warn']({ part: 'fanout', reason }, state === 'ok' ? 'connected with the other nodes' : 'Redis away: other nodes are followed through Postgres'); },
      trouble: (what) => { log.error({ part: 'fanout' }, what); },
      nodeHere: ({ id }) => { log.info({ part: 'fanout', node: id }, 'node is here'); },
      nodeGone: ({ id }) => { log.info({ part: 'fanout', node: id }, 'node is gone'); },
      sent: (kind, bytes) => { metrics.fanout('sent', kind, bytes); },
      received: (kind, bytes) => { metrics.fanout('received', kind, bytes); },
      dropped: metrics.fanoutDrop,
    },
  });

  const guard = createGuard({
    limits: { maxStructs: config.limits.maxUpdateStructs, maxNewClients: config.limits.maxUpdateClients, maxDepth: config.limits.maxValueDepth, maxWaiting: config.limits.maxWaitingUpdates },
    owners: clientOwners({ database, journal, presence }),
    // While the database is away people pass on what could not be saved; whose it was could write then.
    roleOf: (boardId, userId) => access.roleOn(boardId, userId).catch((error: unknown) => (error instanceof DatabaseUnavailable ? 'editor' : null)),
    catchUp: (boardId) => journal.follow([boardId]),
    refuse: (connection, code) => { metrics.guard(code); gateway.refuse(connection, code); },
    putOff: (connection) => { metrics.guard('put_off'); gateway.closeSocketOf(connection, 'overloaded'); },
    claimed: (connection, clients) => { gateway.claimed(connection, clients); },
    waited: () => { metrics.guard('waiting'); },
    failed: (boardId, error) => { log.error({ boardId, err: error }, 'an update could not be judged, and was refused'); },
  });

  const host = new BoardHost(
    {
      extensions: [
        ...(config.redis === undefined ? [] : [nodes.extension]),
        journal.extension,
        guard,
        access.extension,
        notices.extension,
        {
          extensionName: 'gateway',
          connected: ({ connection, context }: connectedPayload<BoardHostContext>) => {
            if (context.user !== undefined) gateway.attached(connection, context.user);
            return Promise.resolve();
          },
        },
      ],
      quiet: true,
      // The gateway keeps time: Hocuspocus would cut off a client whose only traffic is presence.
      timeout: 2 ** 31 - 1,
      maxUnauthenticatedQueueSize: config.limits.maxFrameBytes * 2,
    },
    BOARD_IDLE_MS,
  );

  const trust = trustOf(config.trustProxy);
  const gateway = new Gateway({
    host,
    presence: withAttendance(presence, events),
    limits: config.limits,
    serves: config.roles.has('sync'),
    addressOf: (request) => clientAddress(request, trust),
    allowsOrigin: (origin, requestHost) => isAllowedOrigin(origin, requestHost, config),
    count: metrics.socket,
    warn: (message, fields) => { log.warn(fields, message); },
  });

  access.onRefused((connection, code) => { gateway.refuse(connection, code); });
  access.onOpening((userId) => gateway.mayOpen(userId));
  access.onPromoted((connection) => { if (schemaGate.promoted(connection)) journal.resync(connection); });

  const automaticVersions = new AutomaticVersions({
    database, limits: config.limits, count: metrics.version,
    stateAt: (boardId, throughSeq) => journal.stateAt(boardId, throughSeq),
    onError: (boardId, error) => { log.warn({ boardId, err: error }, 'an automatic version could not be made'); },
  });

  const feed = new EventFeed(database, (error) => { log.warn({ err: error }, 'new events could not be looked for'); });
  await feed.start();

  const engine = createEngine({ host, journal, deleteBoard: (boardId, userId) => access.deleteBoard(boardId, userId) });

  const app = await createHttpApp({
    config, engine, access, database, log,
    presence: config.redis === undefined ? (boardId) => Promise.resolve(presence.list(boardId)) : presentOn({ fanout, presence }),
    readiness: readiness({ roles: config.roles, database, journal, events, fanout: config.redis === undefined ? undefined : fanout, draining: () => draining }),
    feed, onConflictClosed: (boardId, conflictId, lostBy) => { notices.closed(boardId, conflictId, lostBy); }, onVersion: metrics.version, onStream: metrics.stream,
    metrics: metrics.registry,
    webDirectory: WEB_APP,
  });
  if (config.redis !== undefined) await nodes.start();
  await notices.start();
  events.start();
  gateway.listen(app.server);
  const url = await app.listen({ host: config.host, port: config.port });

  let at = 'running';
  /** In the order that loses nothing. */
  const steps: readonly (readonly [name: string, step: () => unknown])[] = [
    ['sockets', () => gateway.drain()],
    ['requests', () => finishRequests(app, config.limits.shutdownGraceMs / 2)],
    ['streams', () => feed.close()],
    ['commits', () => journal.drain()],
    ['documents', () => host.shutdown()],
    ['events', () => events.stop()],
    ['nodes', () => nodes.stop()],
    ['gateway', () => { gateway.close(); presence.close(); }],
    ['access', () => access.close()],
    ['versions', () => automaticVersions.close()],
    ['compaction', () => journal.close()],
    ['typed text', () => textRuns.close()],
    ['notices', () => notices.close()],
    ['database', () => database.close()],
  ];

  return {
    url,
    async stop() {
      draining = true;
      for (const [name, step] of steps) {
        at = name;
        await step();
      }
    },
    get unfinished() { return { at, ...journal.unfinished }; },
  };
}

/** Those that are not answered in time, or whose answer nobody takes, are cut off: commits come after them. */
async function finishRequests(app: FastifyInstance, withinMs: number): Promise<void> {
  const late = setTimeout(() => { app.server.closeAllConnections(); }, withinMs);
  try {
    await app.close();
  } finally {
    clearTimeout(late);
  }
}
