/**
 * Hands jobs to worker threads (transfer-worker.ts). Boards are built one after another, and so are files and comparisons, each line in its own
 * order: a long import delays the next import, not an export, and never more than two cores are busy with it. Small boards are compared at once.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Restoration } from '@sunday/board-model';
import { SundayError } from '../errors.ts';
import type { Built, CopyJob, ImportJob, Job, RenderJob, WorkerMessage } from './transfer-worker.ts';
import { diffOf, restorationFor, type CountedDiff, type DiffJob, type RestoreJob } from './version-compare.ts';

/** Old-space ceiling of a job, MiB: past it the worker fails with an error, where the process would die. */
const JOB_HEAP_MIB = 1024;

export type OnProgress = (done: number, total: number) => void;

export type TransferJobs = {
  build(job: ImportJob | CopyJob, onProgress?: OnProgress): Promise<Built>;
  render(job: RenderJob): Promise<string>;
  diff(job: DiffJob): Promise<CountedDiff>;
  restoration(job: RestoreJob): Promise<Restoration>;
};

/** Two encoded states up to this together are compared at once, in a few ms; starting a thread takes a hundred. */
const INLINE_BYTES = 256 * 1024;

export function transferJobs(): TransferJobs {
  const building = line();
  const rendering = line();
  return {
    build: (job, onProgress) =>
      building(async () => {
        const result = await runJob(job, onProgress);
        if (result.kind !== 'built') throw new SundayError('internal', 'a board was to be built');
        return result.built;
      }),
    render: (job) =>
      rendering(async () => {
        const result = await runJob(job);
        if (result.kind !== 'rendered') throw new SundayError('internal', 'a file was to be written');
        return result.file;
      }),
    async diff(job) {
      if (job.before.length + job.after.length <= INLINE_BYTES) return diffOf(job);
      return rendering(async () => {
        const result = await runJob(job);
        if (result.kind !== 'compared') throw new SundayError('internal', 'two states were to be compared');
        return result.compared;
      });
    },
    async restoration(job) {
      if (job.current.length + job.wanted.length <= INLINE_BYTES) return restorationFor(job);
      return rendering(async () => {
        const result = await runJob(job);
        if (result.kind !== 'restoration') throw new SundayError('internal', 'a restoration was to be found');
        return result.restoration;
      });
    },
  };
}

/** Runs what it is given one after another, failed ones included. */
function line(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

type Result = Extract<WorkerMessage, { kind: 'built' | 'rendered' | 'compared' | 'restoration' }>;

function runJob(job: Job, onProgress?: OnProgress): Promise<Result> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(`./transfer-worker${extname(import.meta.url)}`, import.meta.url), {
      workerData: job,
      resourceLimits: { maxOldGenerationSizeMb: JOB_HEAP_MIB },
    });
    worker.on('message', (message: WorkerMessage) => {
      switch (message.kind) {
        case 'progress':
          onProgress?.(message.done, message.total);
          break;
        case 'built':
        case 'rendered':
        case 'compared':
        case 'restoration':
          resolve(message);
          break;
        case 'failed':
          reject(new SundayError(message.code, message.message, { cause: message.stack, ...(message.extra === undefined ? {} : { extra: message.extra }) }));
          break;
        default:
          message satisfies never;
      }
    });
    worker.on('error', (cause: Error & { code?: string }) => {
      reject(cause.code === 'ERR_WORKER_OUT_OF_MEMORY' ? new SundayError('payload_too_large', 'This needs more memory than the server gives it', { cause }) : cause);
    });
    worker.on('exit', () => reject(new SundayError('internal', 'the worker ended without a result')));
  });
}
