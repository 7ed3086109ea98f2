/** A Sunday with the consumers of the test, in a process of its own, to be killed. Environment: that of the server, and RECEIVER_URL. */
import { hostname } from 'node:os';
import pino from 'pino';
import { loadConfig } from '../../src/config.ts';
import { startSunday } from '../../src/main.ts';
import { testConsumers } from './groups.ts';

const config = loadConfig(process.env);
const sunday = await startSunday(config, pino({ level: config.logLevel }), `${hostname()}:${config.port}`, testConsumers(process.env['RECEIVER_URL'] ?? ''));
process.once('SIGTERM', () => { void sunday.stop().then(() => process.exit(0)); });
