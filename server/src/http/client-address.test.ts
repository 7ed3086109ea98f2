import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { clientAddress, trustOf } from './client-address.ts';

const from = (remoteAddress: string, forwarded?: string): IncomingMessage =>
  ({ socket: { remoteAddress }, headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage;

test('what a proxy says of where somebody comes from is believed as far as it is trusted', () => {
  const forged = from('10.0.0.2', '1.1.1.1, 203.0.113.7, 10.0.0.1');
  assert.equal(clientAddress(forged, trustOf(false)), '10.0.0.2');
  assert.equal(clientAddress(forged, trustOf(1)), '10.0.0.1');
  assert.equal(clientAddress(forged, trustOf(2)), '203.0.113.7', 'what the client wrote itself is not believed');
  assert.equal(clientAddress(forged, trustOf(['10.0.0.0/8'])), '203.0.113.7');
  assert.equal(clientAddress(from('203.0.113.9', '1.1.1.1'), trustOf(['10.0.0.0/8'])), '203.0.113.9', 'who comes by another way than the proxy');
  assert.equal(clientAddress(forged, trustOf(true)), '1.1.1.1');
  assert.equal(clientAddress(from('10.0.0.2'), trustOf(1)), '10.0.0.2');
});
