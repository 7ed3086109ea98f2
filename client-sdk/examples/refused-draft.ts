/** What an app does when the server refuses a board: tell the user, keep their work, offer to write it again. */
import type { Board } from '../src/index.ts';

export function watchRefusals(board: Board, ask: (question: string) => Promise<boolean>): () => void {
  return board.on('status', () => {
    const { refused } = board.status;
    if (refused) void recover(board, refused.code, refused.draft.changes.length, ask);
  });
}

async function recover(board: Board, code: string, edits: number, ask: (question: string) => Promise<boolean>): Promise<void> {
  if (code === 'token_expired' || code === 'unauthenticated') return; // sign in again, then client.reconnect(): nothing is lost
  const replay = edits > 0 && await ask(`The server did not take your last ${edits} edits (${code}). Write them again?`);
  const { skipped } = await board.startFresh({ replay });
  for (const { change, reason } of skipped) console.warn(`Not written again: ${change.kind} ${change.id} (${reason})`);
}
