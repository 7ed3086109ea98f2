/**
 * What every driver does with bytes that arrive: decode, leave out its own, tell the registry, hand on. Never throws, whatever
 * the bytes are and whatever the handlers do.
 */
import type { BoardMessage, FanoutDrop, FanoutHandlers, NodeIdentity } from './fanout.ts';
import { decodeFrame, type NodeMessage } from './frame.ts';
import { NodeRegistry } from './registry.ts';

export class Inbox {
  readonly registry: NodeRegistry;
  private readonly own: NodeIdentity;
  private readonly handlers: FanoutHandlers;
  private readonly onEcho: (count: number) => void;
  private saidTwin = false;

  /**
   * @param onEcho a heartbeat of this node came back
   * @param greet a node is new here: it should hear of this one now, not with the next heartbeat, which it might not live to hear
   */
  constructor(own: NodeIdentity, handlers: FanoutHandlers, onEcho: (count: number) => void, greet: () => void) {
    this.own = own;
    this.handlers = handlers;
    this.onEcho = onEcho;
    this.registry = new NodeRegistry(
      (node) => {
        greet();
        this.call(() => handlers.nodeHere?.(node));
      },
      (node) => { this.call(() => handlers.nodeGone?.(node)); },
    );
  }

  /** `boardId`: whose channel it came on; `null`: that of the nodes. */
  receive(boardId: string | null, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame === undefined) {
      this.dropped('malformed');
      return;
    }
    const { from, message } = frame;
    if (from.id === this.own.id) {
      this.ownName(from, message);
      return;
    }
    if (message.kind === 'bye') {
      this.registry.leave(from);
      return;
    }
    // Whatever a node says, it lives: presence of one that died before its first heartbeat came would stay.
    this.registry.heard(from, performance.now());
    switch (message.kind) {
      case 'alive':
        return;
      case 'missed':
        this.missed(null);
        return;
      case 'batch':
      case 'head':
      case 'volatile':
      case 'presence':
        if (boardId === null) this.dropped('malformed');
        else this.deliver(boardId, message, from, bytes.length);
    }
  }

  private ownName(from: NodeIdentity, message: BoardMessage | NodeMessage): void {
    if (from.epoch === this.own.epoch) {
      if (message.kind === 'alive') this.onEcho(message.count);
    } else if (from.epoch > this.own.epoch && message.kind === 'alive' && !this.saidTwin) {
      this.saidTwin = true;
      this.call(() => this.handlers.trouble?.(`another node calls itself ${this.own.id}, too: neither hears the other`));
    }
  }

  private deliver(boardId: string, message: BoardMessage, from: NodeIdentity, bytes: number): void {
    this.call(() => this.handlers.received?.(message.kind, bytes));
    // What could not be taken is as good as lost.
    if (!this.call(() => { this.handlers.message(boardId, message, from); })) this.missed(boardId);
  }

  missed(boardId: string | null): void {
    this.call(() => { this.handlers.missed(boardId); });
  }

  dropped(drop: FanoutDrop): void {
    this.call(() => this.handlers.dropped?.(drop));
  }

  private call(work: () => void): boolean {
    try {
      work();
      return true;
    } catch {
      try {
        this.handlers.dropped?.('handler');
      } catch {
        // a counter that throws has nobody left to tell
      }
      return false;
    }
  }
}
