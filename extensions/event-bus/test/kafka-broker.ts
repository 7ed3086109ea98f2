/**
 * A real Kafka broker for tests: Apache Kafka in KRaft mode, broker and controller in one, run with java from jars that Maven fetches once into a cache
 * folder of the user (TEST_KAFKA_JARS names another folder of jars). On free ports of this machine, stopped and started again as the test likes.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '@sunday/database/testing';

const KAFKA = '4.1.0';
/** Four seconds on a quiet machine, twenty on a very busy one. */
const READY_WITHIN_MS = 150_000;
/** 56 MB over a slow line. */
const FETCH_WITHIN_MS = 5 * 60_000;
/** Started often and used for a minute: compiling well would take longer than it saves. */
const JAVA = ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dlog4j2.level=OFF'];
const run = promisify(execFile);

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sunday</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA}</version></dependency>
  </dependencies>
</project>
`;

const onPath = (name: string): string | undefined => (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name)).find((path) => existsSync(path));
const cacheFolder = (): string => join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sunday-tests', `kafka-${KAFKA}`);

function jars(): string | undefined {
  const named = process.env['TEST_KAFKA_JARS'] ?? '';
  return [named === '' ? cacheFolder() : named].find((folder) => existsSync(folder));
}

/** For a test's `skip`: why Kafka suites cannot run here, or `false`. With CI=true that throws instead. */
export function noKafka(): string | false {
  const java = onPath('java');
  if (java !== undefined && (jars() ?? onPath('mvn')) !== undefined) return false;
  const reason = java === undefined ? 'no java for a Kafka broker (on Debian: apt-get install openjdk-17-jre-headless maven)' : 'no Kafka jars and no mvn to fetch them (on Debian: apt-get install maven; or TEST_KAFKA_JARS=/folder/of/jars)';
  if (/^(1|true)$/.test(process.env['CI'] ?? '')) throw new Error(reason);
  return reason;
}

/** Fetched whole or not at all: two test runs that start together do not see half of each other's. @returns the folder */
export async function obtainKafka(): Promise<string> {
  const there = jars();
  if (there !== undefined) return there;
  const cache = cacheFolder();
  await mkdir(join(cache, '..'), { recursive: true });
  const draft = await mkdtemp(`${cache}-draft-`);
  try {
    await writeFile(join(draft, 'pom.xml'), POM);
    await run('mvn', ['-q', '-B', '-f', join(draft, 'pom.xml'), 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${join(draft, 'jars')}`], { timeout: FETCH_WITHIN_MS });
    await rename(join(draft, 'jars'), cache).catch((error: unknown) => { if (!existsSync(cache)) throw error; });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return cache;
}

export interface TestKafka {
  /** `host:port` */
  readonly brokers: readonly string[];
  start(): Promise<void>;
  /** At once, as a crash. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export async function startKafka(): Promise<TestKafka> {
  const classPath = join(await obtainKafka(), '*');
  const directory = await mkdtemp(join(tmpdir(), 'sunday-kafka-'));
  const [port, controllerPort] = [await freePort(), await freePort()];
  const properties = join(directory, 'server.properties');
  await writeFile(properties, Object.entries({
    'process.roles': 'broker,controller',
    'node.id': '1',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}`,
    'log.dirs': join(directory, 'data'),
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    // a dead worker's partitions go to another in seconds, and nobody waits for members that do not come
    'group.min.session.timeout.ms': '500',
    'group.initial.rebalance.delay.ms': '0',
  }).map(([key, value]) => `${key}=${value}\n`).join(''));
  // One id in 64 would begin as an option does, and be taken for one.
  const clusterId = randomBytes(16).toString('base64url').replace(/^-/, '_');
  await run('java', [...JAVA, '-cp', classPath, 'kafka.tools.StorageTool', 'format', '--standalone', '-t', clusterId, '-c', properties]);

  let child: ChildProcess | null = null;
  const onExit = (): void => { child?.kill('SIGKILL'); };
  process.once('exit', onExit);
  const kafka: TestKafka = {
    brokers: [`127.0.0.1:${port}`],
    async start() {
      child = spawn('java', [...JAVA, '-cp', classPath, 'kafka.Kafka', properties], { stdio: ['ignore', 'pipe', 'pipe'] });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes: Buffer) => { said = (said + bytes.toString()).slice(-2_000); });
      const deadline = performance.now() + READY_WITHIN_MS;
      while (!await listens(port)) {
        if (performance.now() > deadline || child.exitCode !== null) throw new Error(`Kafka does not start (${child.exitCode === null ? 'in time' : `it ended with ${child.exitCode}`}): ${said}`);
        await new Promise((resolve) => { setTimeout(resolve, 50); });
      }
    },
    async stop() {
      const running = child;
      child = null;
      if (running === null || running.exitCode !== null) return;
      const gone = once(running, 'exit');
      running.kill('SIGKILL');
      await gone;
    },
    async close() {
      await kafka.stop();
      process.off('exit', onExit);
      await rm(directory, { recursive: true, force: true });
    },
  };
  await kafka.start();
  return kafka;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => { socket.destroy(); resolve(true); });
    socket.once('error', () => { resolve(false); });
  });
}
