/**
 * Fan-out within one process: the driver of a single node, and of several nodes in one test. Same frames, same rules as over
 * Redis; messages are delivered in a later turn of the event loop, as from a network. A node alone on its hub encodes nothing.
 */
import type { BoardMessage, Fanout, FanoutHandlers, FanoutState, NodeIdentity } from './fanout.ts';
import { encodeFrame, type Message } from './frame.ts';
import { Inbox } from './inbox.ts';

/** Where nodes of one process meet. */
export class Hub {
  private readonly members = new Set<InProcessFanout>();
  private readonly leftWhileDown: InProcessFanout[] = [];
  private up = true;

  get isUp(): boolean {
    return this.up;
  }

  get size(): number {
    return this.members.size;
  }

  join(member: InProcessFanout): void {
    this.members.add(member);
    if (!this.up) return;
    for (const other of this.members) {
      if (other === member) continue;
      member.hears(null, other.node, { kind: 'alive', count: 0 });
      other.hears(null, member.node, { kind: 'alive', count: 0 });
    }
  }

  leave(member: InProcessFanout): void {
    if (!this.members.delete(member)) return;
    if (this.up) this.send(member, null, { kind: 'bye' });
    else this.leftWhileDown.push(member);
  }

  send(from: InProcessFanout, boardId: string | null, message: Message): void {
    for (const member of this.members) if (member !== from) member.hears(boardId, from.node, message);
  }

  /** The way between the nodes goes down, or is open again. */
  setUp(up: boolean): void {
    if (this.up === up) return;
    this.up = up;
    for (const member of this.members) member.hubTurned(up);
    if (!up) return;
    for (const gone of this.leftWhileDown.splice(0)) this.send(gone, null, { kind: 'bye' });
    for (const member of this.members) this.send(member, null, { kind: 'alive', count: 0 });
  }
}

export class InProcessFanout implements Fanout {
  readonly node: NodeIdentity;
  private readonly hub: Hub;
  private readonly opened = new Set<string>();
  private inbox: Inbox | null = null;
  private handlers: FanoutHandlers | null = null;

  constructor(node: NodeIdentity, hub = new Hub()) {
    this.node = node;
    this.hub = hub;
  }

  get state(): FanoutState {
    return this.inbox !== null && this.hub.isUp ? 'ok' : 'degraded';
  }

  get nodes(): readonly NodeIdentity[] {
    return this.inbox?.registry.nodes ?? [];
  }

  get boards(): Iterable<string> {
    return this.opened;
  }

  start(handlers: FanoutHandlers): Promise<void> {
    this.handlers = handlers;
    this.inbox = new Inbox(this.node, handlers, () => { /* a hub is up or down as a whole */ }, () => { /* it tells both of each other */ });
    this.hub.join(this);
    return Promise.resolve();
  }

  open(boardId: string): Promise<void> {
    this.opened.add(boardId);
    return Promise.resolve();
  }

  close(boardId: string): void {
    this.opened.delete(boardId);
  }

  publish(boardId: string, message: BoardMessage): void {
    if (this.inbox === null || this.hub.size < 2) return;
    if (!this.hub.isUp) this.inbox.dropped('offline');
    else this.hub.send(this, boardId, message);
  }

  /** For the hub. */
  hears(boardId: string | null, from: NodeIdentity, message: Message): void {
    if (boardId !== null && !this.opened.has(boardId)) return;
    const bytes = encodeFrame(from, message);
    setImmediate(() => {
      if (boardId === null || this.opened.has(boardId)) this.inbox?.receive(boardId, bytes);
    });
  }

  /** For the hub. */
  hubTurned(up: boolean): void {
    this.handlers?.state?.(up ? 'ok' : 'degraded', up ? 'the hub is back' : 'the hub is down');
    if (up) this.inbox?.missed(null);
  }

  stop(): Promise<void> {
    this.hub.leave(this);
    this.inbox = null;
    this.handlers = null;
    this.opened.clear();
    return Promise.resolve();
  }
}
