/** For tests of whatever commits or consumes events: a board folded from them, and what it has to equal. */
export { FoldedBoard, shownBy, withoutLongText, type ShownBoard, type ToldEvent } from './fold.ts';
export { eventsAfter, storedBoard, toldWhole, type StoredBoard } from './stored.ts';
