/** Which life of a node this is, as other nodes tell it from an earlier one. */
import type { Database } from './database.ts';
import { patiently } from './patience.ts';

/**
 * Above that of every start of any node before. Of the database and not of the clock, which may be set back while a node restarts. Waits for a database that is
 * just away.
 */
export async function nextEpoch(database: Pick<Database, 'query'>): Promise<number> {
  const [row] = await patiently(() => database.query<{ epoch: string }>(`SELECT nextval('node_epochs') AS epoch`));
  return Number(row?.epoch);
}
