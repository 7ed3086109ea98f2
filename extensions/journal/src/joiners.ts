/**
 * Answers those who join a board, or come back to one: with committed bytes, or marked volatile while the database is away.
 *
 * Guarantees: a joiner never holds more than those who follow already were shown (invariant 2), so nothing it writes builds on what they lack.
 * Owns no timers; many who join with nothing at once share one encoding.
 */
import type { Document } from '@hocuspocus/server';
import * as Y from 'yjs';
import type { CommittedState } from './committed-state.ts';
import type { Follower } from './follower.ts';
import type { Reader } from './reader.ts';

/** An encoded state vector of no clients. */
const EMPTY_VECTOR_BYTES = 1;

export interface JoinedBoard {
  readonly document: Document;
  readonly state: CommittedState;
  readonly dirty: boolean;
  readonly volatile: boolean;
  /** What of the difference a joiner may be told before it is committed. */
  shownToJoiner(difference: () => Uint8Array): Uint8Array;
  whenCommitted<T>(read: (document: Document) => T, patient: boolean): Promise<{ value: T; seq: number }>;
  readAtCut(reader: Reader): void;
}

export class Joiners {
  private readonly board: JoinedBoard;
  private readonly fold: () => Promise<void>;
  private making: Promise<void> | null = null;

  /** @param fold fills the `state` of a board too large to be encoded on the event loop */
  constructor(board: JoinedBoard, fold: () => Promise<void>) {
    this.board = board;
    this.fold = fold;
  }

  join(follower: Follower, vector: Uint8Array): void {
    if (!this.board.volatile && vector.length <= EMPTY_VECTOR_BYTES) this.joinWhole(follower, vector);
    else this.joinByDifference(follower, vector);
  }

  /** A first join: from committed bytes shared by all joiners, plus the batches since. */
  private joinWhole(follower: Follower, vector: Uint8Array): void {
    const answer = (): boolean => {
      const whole = this.board.state.take();
      if (whole !== null) follower.answer(whole.bytes, whole.tail);
      return whole !== null;
    };
    if (answer()) return;
    // While volatile, the committed bytes lack what was already sent to everybody else.
    const orByDifference = (): void => { if (this.board.volatile || !answer()) this.joinByDifference(follower, vector); };
    this.making ??= this.makeWhole().finally(() => { this.making = null; });
    this.making.then(orByDifference, orByDifference);
  }

  /** Fills `state`: a small board from the document at a committed moment, a large one by a fold elsewhere. */
  private async makeWhole(): Promise<void> {
    const { state } = this.board;
    if (state.large) {
      await this.fold();
      return;
    }
    const stop = state.collect();
    try {
      const { value, seq } = await this.board.whenCommitted((document) => Y.encodeStateAsUpdate(document), false);
      state.seed(seq, value);
    } finally {
      stop();
    }
  }

  private joinByDifference(follower: Follower, vector: Uint8Array): void {
    const { board } = this;
    const difference = (): Uint8Array => Y.encodeStateAsUpdate(board.document, vector);
    const answerNow = (): void => { follower.answer(board.shownToJoiner(difference), []); };
    if (!board.dirty || board.volatile) {
      answerNow();
      return;
    }
    let bytes: Uint8Array | null = null;
    board.readAtCut({
      patient: false,
      run: () => { bytes = difference(); },
      settle: () => { if (bytes !== null) follower.answer(bytes, []); },
      fail: answerNow,
    });
  }
}
