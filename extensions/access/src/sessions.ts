/**
 * People as their tokens name them, and since when their tokens count.
 *
 * The rule of revocation. `iat` has a resolution of one second, so a token issued in the second of the revocation may be from before or
 * after it. Revoking therefore refuses everything issued up to the end of the current second, at once and for good, and *answers once that
 * second is over*: a token issued before the revocation never works again, one issued after its answer always does. (Clocks of
 * issuer, server and database are taken to agree within a second; of the latter two the later counts.)
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '@sunday/database';
import { AccessError } from './errors.ts';
import type { Identity } from './identity.ts';
import { Known } from './known.ts';
import { MEET_USER, REVOKE_SESSIONS } from './sql.ts';

/** A clock further ahead than this is out of order, and nobody waits for it. */
const MAX_WAIT_MS = 5_000;

interface Person {
  readonly profile: string;
  readonly profileAt: number;
  /** Milliseconds since 1970; 0: never revoked. */
  readonly revokedBefore: number;
}

const profileOf = ({ name, email, picture }: Identity): string => JSON.stringify([name, email, picture]);

export class Sessions {
  private readonly database: Database;
  private readonly people = new Known<Person>();

  constructor(database: Database) {
    this.database = database;
  }

  /** @throws AccessError token_revoked, DatabaseUnavailable */
  async check(identity: Identity): Promise<void> {
    const read = (): Promise<Person> => this.meet(identity);
    let person = await this.people.get(identity.userId, read);
    if (identity.issuedAt > person.profileAt && profileOf(identity) !== person.profile) {
      this.people.doubt(identity.userId); // a newer token with another name or picture
      person = await this.people.get(identity.userId, read);
    }
    if (identity.issuedAt < person.revokedBefore) throw new AccessError('token_revoked');
  }

  /** Resolves once a token issued now would work. @returns the moment before which tokens were issued in vain, ms since 1970 */
  async revoke(userId: string, done: (before: number) => void): Promise<void> {
    const endOfSecond = new Date(Math.floor(Date.now() / 1000) * 1000 + 1000);
    const [row] = await this.database.query<{ revoked_before: number; ms_to_go: number }>(REVOKE_SESSIONS, [userId, endOfSecond]);
    if (row === undefined) throw new AccessError('internal', 'a revocation returned no row');
    done(row.revoked_before);
    const wait = Math.max(row.ms_to_go, row.revoked_before - Date.now());
    if (wait > 0) await delay(Math.min(Math.ceil(wait), MAX_WAIT_MS));
  }

  /** An announcement. */
  revoked(userId: string): void {
    this.people.drop(userId);
  }

  doubtAll(): void {
    this.people.doubtAll();
  }

  private async meet(identity: Identity): Promise<Person> {
    const { userId, name, email, picture, issuedAt } = identity;
    const [row] = await this.database.query<{ revoked_before: number | null }>(MEET_USER, [userId, name, email, picture]);
    return { profile: profileOf(identity), profileAt: issuedAt, revokedBefore: row?.revoked_before ?? 0 };
  }
}
