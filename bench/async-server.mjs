/**
 * How responsive a server stays while densenet121 (224×224, batch 1) infers without a pause: 50 requests on loopback from another process,
 * with the synchronous and with the asynchronous form. Prints one line of JSON a form: inferences, delays of the event loop and
 * latencies of the requests in milliseconds.
 */
import { spawn } from 'node:child_process';
import http from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { manualSeed, models, noGrad, randn, scope, setNumThreads } from '../dist/lib/index.js';

const requests = 50;

// The client is a process of its own: its work must not count as the server's.
const client = `
  const times = [];
  for (let i = 0; i < ${String(requests)}; ++i) {
    const start = performance.now();
    const reply = await fetch('http://127.0.0.1:' + process.argv[1] + '/' + i);
    if ((await reply.text()) !== 'request /' + i) throw new Error('another answer');
    times.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  console.log(JSON.stringify(times));`;

function askFiftyTimes(port) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', client, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`client: ${code}`))));
  });
}

const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.ceil(values.length * q) - 1];

async function measure(form, infer, threads) {
  const server = http.createServer((request, reply) => reply.end(`request ${request.url}`));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  let asking = true;
  let inferences = 0;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const start = performance.now();
  delay.enable();
  const loop = (async () => {
    for (; asking; ++inferences) {
      await infer();
      await turn();
    }
  })();
  const times = await askFiftyTimes(server.address().port);
  delay.disable();
  asking = false;
  await loop;
  const seconds = (performance.now() - start) / 1000;
  server.close();
  const ms = (nanoseconds) => Number((nanoseconds / 1e6).toFixed(1));
  const round = (value) => Number(value.toFixed(1));
  return {
    form,
    threads,
    inferencesPerSecond: round(inferences / seconds),
    eventLoopDelay: { p50: ms(delay.percentile(50)), p99: ms(delay.percentile(99)), max: ms(delay.max) },
    request: { p50: round(quantile(times, 0.5)), p99: round(quantile(times, 0.99)) },
  };
}

manualSeed(0);
const model = models.densenet121().eval();
const x = randn([1, 3, 224, 224]);
// The asynchronous form goes first: its figures include the first inference of the process.
const forms = {
  asynchronous: async () => (await model.callAsync(x)).dispose(),
  synchronous: () => scope(() => void noGrad(() => model.call(x))),
};
for (const threads of [1, 2]) {
  setNumThreads(threads);
  for (const [form, infer] of Object.entries(forms)) console.log(JSON.stringify(await measure(form, infer, threads)));
}
