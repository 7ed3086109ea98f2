/**
 * An SDK says with its hello which board schema it was built for. One older than this server's could write what newer clients
 * misread, so it may only read, and is told why. Stock clients say nothing and are judged by what they write.
 */
import { SCHEMA_VERSION } from '@sunday/board-model';
import type { Connection } from '@hocuspocus/server';

export function limitOldSchema(connection: Connection, schemaVersion: number): void {
  if (schemaVersion >= SCHEMA_VERSION) return;
  connection.readOnly = true;
  connection.sendStateless(JSON.stringify({ sunday: 'read_only', reason: 'schema_too_old' }));
}
