import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import * as Y from 'yjs';
import { extentOf, type UpdateExtent } from './extent.ts';

/** As Yjs has it; null: junk. */
function byYjs(update: Uint8Array): UpdateExtent | null {
  let structs;
  let ds;
  try {
    ({ structs, ds } = Y.decodeUpdate(update));
  } catch {
    return null;
  }
  const ends = new Map<number, number>();
  for (const struct of structs) {
    if (!Number.isSafeInteger(struct.id.client)) return null;
    if (struct instanceof Y.Skip) continue;
    const end = struct.id.clock + struct.length;
    if (end > (ends.get(struct.id.client) ?? 0)) ends.set(struct.id.client, end);
  }
  const deletedEnds = new Map([...ds.clients].map(([client, ranges]) => [client, Math.max(...ranges.map(({ clock, len }) => clock + len))]));
  return { ends, deletedEnds, deleteOnly: ends.size === 0, structs: structs.length };
}

function byUs(update: Uint8Array): UpdateExtent | null {
  try {
    return extentOf(update);
  } catch {
    return null;
  }
}

/** Of keys, all but the one that lib0 reads as a prototype: what has bytes for one it cannot write, and Yjs not merge. */
const stored = fc.anything({
  maxDepth: 2, key: fc.string().filter((key) => key !== '__proto__'), values: [fc.string({ unit: 'binary' }), fc.double(), fc.integer(), fc.boolean(), fc.constant(null), fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), fc.uint8Array()],
});

/** Something written into a document, of every kind of content that there is. */
const write = fc.oneof(
  fc.record({ do: fc.constant('set' as const), key: fc.string(), value: stored }),
  fc.record({ do: fc.constant('type' as const), text: fc.string({ unit: 'binary' }), at: fc.nat(50) }),
  fc.record({ do: fc.constant('format' as const), from: fc.nat(20), length: fc.nat(20) }),
  fc.record({ do: fc.constant('embed' as const), value: fc.dictionary(fc.string(), fc.integer()) }),
  fc.record({ do: fc.constant('nest' as const), kind: fc.nat(6) }),
  fc.record({ do: fc.constant('document' as const), guid: fc.string() }),
  fc.record({ do: fc.constant('remove' as const), at: fc.nat(50) }),
);
type Write = typeof write extends fc.Arbitrary<infer Of> ? Of : never;

const NESTED = [
  () => new Y.Array(), () => new Y.Map(), () => new Y.Text(), () => new Y.XmlElement('näme'), () => new Y.XmlFragment(), () => new Y.XmlHook('hook'), () => new Y.XmlText(),
];

function apply(doc: Y.Doc, each: Write): void {
  const map = doc.getMap('map');
  const text = doc.getText('text');
  switch (each.do) {
    case 'set': map.set(each.key, each.value); return;
    case 'type': text.insert(Math.min(each.at, text.length), each.text); return;
    case 'format': if (text.length > 0) text.format(Math.min(each.from, text.length - 1), 1, { bold: true }); return;
    case 'embed': text.insertEmbed(0, each.value); return;
    case 'nest': doc.getArray('array').push([NESTED[each.kind]?.()]); return;
    case 'document': map.set('document', new Y.Doc({ guid: each.guid })); return;
    case 'remove': if (text.length > 0) text.delete(Math.min(each.at, text.length - 1), 1);
  }
}

/** Two people write in turn and at once; some of what they sent is lost on the way, the rest is merged. */
const update = fc.tuple(fc.array(fc.tuple(fc.nat(1), write), { minLength: 1, maxLength: 25 }), fc.infiniteStream(fc.nat(3))).map(([writes, dice]) => {
  const people = [new Y.Doc(), new Y.Doc()];
  const sent: Uint8Array[] = [];
  for (const [index, person] of people.entries()) {
    person.clientID = index + 1;
    person.on('update', (bytes: Uint8Array) => { if (dice.next().value !== 0) sent.push(bytes); });
  }
  for (const [index, each] of writes) {
    const [person, other] = index === 0 ? people : people.toReversed();
    if (person === undefined || other === undefined) throw new Error('two people');
    apply(person, each);
    if (dice.next().value === 1) Y.applyUpdate(other, Y.encodeStateAsUpdate(person));
  }
  return sent.length === 0 ? Uint8Array.of(0, 0) : Y.mergeUpdates(sent);
});

test('what an update brings is what its structs say', () => {
  fc.assert(fc.property(update, (bytes) => { assert.deepEqual(byUs(bytes), byYjs(bytes)); }), { numRuns: 1000 });
});

test('junk is junk for both: bytes changed, cut off, put in', () => {
  const mutation = fc.tuple(fc.constantFrom('change', 'cut', 'put' as const), fc.nat(), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(update, fc.array(mutation, { minLength: 1, maxLength: 4 }), (valid, mutations) => {
      let bytes = valid;
      for (const [kind, place, byte] of mutations) {
        const at = place % (bytes.length + 1);
        if (kind === 'change' && at < bytes.length) bytes = bytes.with(at, byte);
        if (kind === 'cut') bytes = bytes.slice(0, at);
        if (kind === 'put') bytes = Uint8Array.of(...bytes.subarray(0, at), byte, ...bytes.subarray(at));
      }
      assert.deepEqual(byUs(bytes), byYjs(bytes));
    }),
    { numRuns: 5000 },
  );
});
