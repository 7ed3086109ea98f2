/** What a consumer group was given, in the order in which it was: dropped where it is a repetition, and folded into a copy of each board. */
import assert from 'node:assert/strict';
import { FoldedBoard } from '@sunday/extension-domain-events/testing';
import { topicOf, type BoardEvent } from '@sunday/extension-event-bus';

interface Copy {
  readonly fold: FoldedBoard;
  /** What came before its turn, by version. */
  readonly early: Map<number, BoardEvent>;
}

export class Received {
  /** By id, in order. */
  readonly events = new Map<string, BoardEvent>();
  /** Deliveries of what it had already. */
  repeated = 0;
  private readonly ordersTopics: boolean;
  private readonly copies = new Map<string, Copy>();
  private readonly last = new Map<string, number>();

  /** @param ordersTopics the bus keeps a board's order across topics; otherwise the copy does, by version */
  constructor(ordersTopics: boolean) {
    this.ordersTopics = ordersTopics;
  }

  take(event: BoardEvent): void {
    const known = this.events.get(event.id);
    if (known !== undefined) {
      assert.deepEqual(event, known, 'what is repeated is the same');
      this.repeated += 1;
      return;
    }
    this.events.set(event.id, event);
    const lane = this.ordersTopics ? event.boardId : `${event.boardId} ${topicOf(event)}`;
    const before = this.last.get(lane) ?? 0;
    assert(event.version > before, `version ${event.version} of ${lane} came after ${before}`);
    this.last.set(lane, event.version);
    const { fold, early } = this.copyOf(event.boardId);
    early.set(event.version, event);
    for (let next = early.get(fold.version + 1); next !== undefined; next = early.get(fold.version + 1)) {
      early.delete(next.version);
      fold.apply(next);
    }
    assert(!this.ordersTopics || early.size === 0, `version ${event.version} of ${lane} came and ${fold.version + 1} did not`);
  }

  /** How far the copy of this board is, without a gap. */
  version(boardId: string): number {
    return this.copies.get(boardId)?.fold.version ?? 0;
  }

  fold(boardId: string): FoldedBoard {
    return this.copyOf(boardId).fold;
  }

  private copyOf(boardId: string): Copy {
    const known = this.copies.get(boardId);
    if (known !== undefined) return known;
    const made: Copy = { fold: new FoldedBoard(), early: new Map() };
    this.copies.set(boardId, made);
    return made;
  }
}
