/** What is told of people on the presence lane: the lane itself is a stand-in that takes everything. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withAttendance, type EphemeralEvent } from '../src/index.ts';

interface Heard {
  ephemeralIsHeard: boolean;
  readonly events: EphemeralEvent[];
  publishEphemeral(event: EphemeralEvent): void;
}

function attended(state: () => Record<string, unknown> | undefined) {
  const bus: Heard = { ephemeralIsHeard: true, events: [], publishEphemeral: (event) => { bus.events.push(event); } };
  const taken: Uint8Array[] = [];
  const lane = withAttendance({
    join: () => ({
      receive: (update: Uint8Array) => {
        taken.push(update);
        return { ok: update.length > 0 };
      },
      get state() { return state(); },
      query: () => undefined,
      leave: () => undefined,
    }),
  }, bus);
  return { bus, taken, lane, told: () => bus.events.map(({ type, metadata }) => `${type} ${metadata.userId ?? ''}`) };
}

const ann = { user: { id: 'ann', name: 'Ann' } };
const UPDATE = new Uint8Array([1]);

test('a person comes and goes once, however many places they have; where they are is told now and then, without who they are', () => {
  const { bus, lane, told } = attended(() => ({ cursor: 1, user: { id: 'ann' } }));
  const [one, other] = [lane.join('board', ann), lane.join('board', ann)];
  for (let move = 0; move < 5; move++) one.receive(UPDATE);
  one.leave('clean');
  one.leave('abnormal');
  assert.deepEqual(told(), ['UserJoined ann', 'CursorMoved ann']);
  assert.deepEqual(bus.events[1]?.data, { userId: 'ann', name: 'Ann', position: { cursor: 1 } });
  other.leave('clean');
  assert.deepEqual(told(), ['UserJoined ann', 'CursorMoved ann', 'UserLeft ann']);
});

test('nothing is told of what was refused, or of somebody who only looks on', () => {
  const { lane, told } = attended(() => undefined);
  const seat = lane.join('board', ann);
  assert.deepEqual(seat.receive(new Uint8Array()), { ok: false });
  seat.receive(UPDATE);
  assert.deepEqual(told(), ['UserJoined ann']);
});

test('while nobody hears of it no event is made of a move, which goes its way', () => {
  const { bus, taken, lane, told } = attended(() => ({ cursor: 1 }));
  bus.ephemeralIsHeard = false;
  const seat = lane.join('board', ann);
  seat.receive(UPDATE);
  assert.equal(taken.length, 1);
  bus.ephemeralIsHeard = true;
  seat.receive(UPDATE);
  assert.deepEqual(told(), ['UserJoined ann', 'CursorMoved ann']);
});
