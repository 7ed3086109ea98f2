/**
 * An SDK says with its hello which board schema it was built for. One older than this server's could write what newer clients
 * misread, so it may only read, whatever its role, and is told why. Stock clients say nothing and are judged by what they write.
 */
import { SCHEMA_VERSION } from '@sunday/board-model';
import type { Connection } from '@hocuspocus/server';

export class SchemaGate {
  private readonly outdated = new WeakSet<Connection>();

  greet(connection: Connection, schemaVersion: number): void {
    if (schemaVersion >= SCHEMA_VERSION) return;
    this.outdated.add(connection);
    this.hold(connection);
  }

  /** `false`: it stays read-only although its role would let it write. */
  promoted(connection: Connection): boolean {
    if (!this.outdated.has(connection)) return true;
    this.hold(connection);
    return false;
  }

  private hold(connection: Connection): void {
    connection.readOnly = true;
    connection.sendStateless(JSON.stringify({ sunday: 'read_only', reason: 'schema_too_old' }));
  }
}
