/** The test of one bus; each has a file of its own, since it takes half a minute. */
import { test } from 'node:test';
import { noRedis } from '@sunday/extension-fanout/testing';
import { delivery } from './delivery.ts';
import type { Bus } from './site.ts';

export interface OpenedBus { readonly bus: Bus; close(): Promise<void> }

export function deliveryOver(name: string, open: () => Promise<OpenedBus>, skip: string | false = false): void {
  test(`${name}: kill -9 of nodes in their commits and of workers in their handlers: each group gets every event, effective once, in order, and can make the boards of them`, { skip: noRedis() || skip }, async (t) => {
    const seed = Number(process.env['SUNDAY_TEST_SEED'] ?? Date.now() % 1_000_000);
    t.diagnostic(`seed ${seed} (SUNDAY_TEST_SEED repeats it)`);
    const opened = await open();
    t.after(() => opened.close());
    const began = performance.now();
    const result = await delivery({ seed, bus: opened.bus, say: (line) => { t.diagnostic(line); } });
    t.diagnostic(`${JSON.stringify(result)} in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  });
}
