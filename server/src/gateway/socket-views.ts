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

/** The socket behind a view. */
export interface ViewedSocket {
  /** Date.now() when the newest ping was sent that is answered. */
  readonly answeredAt: number;
  /** A frame of Hocuspocus, the journal or the lane. */
  send(frame: Uint8Array): void;
  closeFor(code: number | undefined, reason: string | undefined): void;
}

export class WholeSocket implements SocketLike {
  private readonly socket: ViewedSocket;
  private readonly outbound: OutboundSocket;

  constructor(socket: ViewedSocket, outbound: OutboundSocket) {
    this.socket = socket;
    this.outbound = outbound;
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
  readonly offer = (frame: Uint8Array, highWaterBytes: number): boolean => {
    if (this.outbound.bufferedAmount > highWaterBytes) return false;
    this.socket.send(frame);
    return true;
  };

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
  /** One string for all sockets of a board: found in a map by what it is, not by its letters. */
  readonly board: string;
  /** Made once: for every move it would be hashed anew. */
  readonly id: string;
  readonly user: PresenceUser;
  /** How often its client has asked for what it lacks. */
  questions = 0;
  private readonly socket: ViewedSocket;
  private readonly outbound: OutboundSocket | null;

  constructor(connection: Connection, socketId: string, user: AttachedUser, socket: ViewedSocket, outbound: OutboundSocket | null) {
    this.connection = connection;
    this.address = connection.messageAddress;
    this.board = connection.document.name;
    this.id = `${socketId}/${this.address}`;
    this.user = { ...user, color: presenceColor(user.id) };
    this.socket = socket;
    this.outbound = outbound;
  }

  get bufferedBytes(): number {
    return this.outbound?.bufferedAmount ?? 0;
  }

  send(update: Uint8Array): void {
    this.socket.send(presenceFrame(this.address, update));
  }

  crowd(crowd: PresenceCrowd | null): void {
    const told = crowd && { people: crowd.people, every: crowd.everyMs, others: crowd.othersMs };
    this.socket.send(statelessFrame(this.address, { sunday: 'presence', crowd: told }));
  }
}
