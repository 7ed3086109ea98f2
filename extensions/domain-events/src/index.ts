export { boardEvents } from './derivation.ts';
export { newBoardEvents, type MadeBoard } from './new-board.ts';
export { TextRunCloser } from './text-run-closer.ts';
export { appendEvent, type LooseEvent } from './append.ts';
