import { fanoutConformance } from './conformance.ts';
import { Hub, InProcessFanout } from '../src/index.ts';

fanoutConformance('in process', () => {
  const hub = new Hub();
  return Promise.resolve({
    make: (node) => new InProcessFanout(node, hub),
    kill: (fanout) => fanout.stop(),
    sever: () => Promise.resolve(hub.setUp(false)),
    restore: () => Promise.resolve(hub.setUp(true)),
    close: () => Promise.resolve(),
  });
});
