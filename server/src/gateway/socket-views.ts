/**
 * A client's socket as others see it: Hocuspocus and the journal the whole of it, the presence lane each board on it.
 *
 * Classes, because each is asked for each frame it is sent: the getters of an object literal are its own, and V8 then takes a thousand sockets for a
 * thousand kinds of objects.
 */
import type { Connection } from '@hocuspocus/server';
import { presenceColor, type PresenceCrowd, type PresencePeer, type PresenceUser } from '@sunday/extension-presence';
import type { OutboundSocket } from './outbound-socket.ts';
import { statelessFrame } from './protocols.ts';
import { presenceFrame } from './shared-frames.ts';

/** What Hocuspocus calls a WebSocket; the journal reads `bufferedAmount` and `answeredAt`, and sends its batches with `offer`. */
export interface SocketLike {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly answeredAt: number;
  send(frame: Uint8Array): void;
  /** Sends unless more than `highWaterBytes` are queued. */
  offer(frame: Uint8Array, highWaterBytes: number): boolean;
  close(code?: number, reason?: string): void;
}

/** Takes the frames that a board's sockets have in common, batches and presence: the socket itself, or what translates for it. */
export interface BroadcastSink {
  send(frame: Uint8Array): void;
  offer(frame: Uint8Array, highWaterBytes: number): boolean;
}

/** The socket behind a view. */
export interface ViewedSocket {
  /** Date.now() when the newest ping was sent that is answered. */
  readonly answeredAt: number;
  /** A frame of Hocuspocus or the journal. */
  send(frame: Uint8Array): void;
  closeFor(code: number | undefined, reason: string | undefined): void;
}

export class WholeSocket implements SocketLike {
  private readonly socket: ViewedSocket;
  private readonly outbound: OutboundSocket;
  private readonly sink: BroadcastSink;

  constructor(socket: ViewedSocket, outbound: OutboundSocket, sink: BroadcastSink) {
    this.socket = socket;
    this.outbound = outbound;
    this.sink = sink;
  }

  get readyState(): number {
    return this.outbound.readyState;
  }

  get bufferedAmount(): number {
    return this.outbound.bufferedAmount;
  }

  get answeredAt(): number {
    return this.socket.answeredAt;
  }

  /** The journal calls it by itself. */
  readonly offer = (frame: Uint8Array, highWaterBytes: number): boolean => this.sink.offer(frame, highWaterBytes);

  send(frame: Uint8Array): void {
    this.socket.send(frame);
  }

  close(code?: number, reason?: string): void {
    this.socket.closeFor(code, reason);
  }
}

export interface AttachedUser {
  readonly id: string;
  readonly name: string;
  readonly picture: string | null;
}

/** A board that is open on a socket: whom the presence lane knows there. */
export class Attachment implements PresencePeer {
  readonly connection: Connection;
  readonly address: string;
  readonly board: string;
  readonly id: string;
  readonly user: PresenceUser;
  private readonly sink: BroadcastSink;
  private readonly outbound: OutboundSocket;

  constructor(connection: Connection, socketId: string, user: AttachedUser, outbound: OutboundSocket, sink: BroadcastSink) {
    this.connection = connection;
    this.address = connection.messageAddress;
    this.board = connection.document.name;
    this.id = `${socketId}/${this.address}`;
    this.user = { ...user, color: presenceColor(user.id) };
    this.outbound = outbound;
    this.sink = sink;
  }

  get bufferedBytes(): number {
    return this.outbound.bufferedAmount;
  }

  send(update: Uint8Array): void {
    this.sink.send(presenceFrame(this.address, update));
  }

  crowd(crowd: PresenceCrowd | null): void {
    const told = crowd && { people: crowd.people, every: crowd.everyMs, others: crowd.othersMs };
    this.sink.send(statelessFrame(this.address, { sunday: 'presence', crowd: told }));
  }
}
