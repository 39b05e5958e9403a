/** Many processes beside Python's: groups on NCCL and Gloo, DistributedDataParallel, SyncBatchNorm, ZeRO, and a rank that is killed. */
import path from 'node:path';
import { launch } from './launch.mjs';

/** Largest relative difference of losses and weights that is none of another computation. */
const TOLERANCE = 1e-3;

const DTYPES = ['float32', 'float64', 'float16', 'bfloat16', 'int32', 'int64', 'uint8'];

/** Name, what rank.mjs and rank.py are asked for, and how the answers are compared. */
function programs(dry, { everything, times }) {
  const form = dry ? { depth: 10, growth: 4, batch: 2, side: 8 } : { depth: 22, growth: 12, batch: 16, side: 32 };
  const job = { program: 'train', ...form, steps: dry ? 4 : 6 };
  const some = ['broadcast', 'allReduce sum', 'allReduce max', 'allGather', 'allGatherInto'];
  return [
    {
      name: everything ? 'every collective' : 'collectives of DistributedDataParallel',
      ...{
        job: { program: 'collectives', dtypes: DTYPES, ...(everything ? {} : { only: some }) },
        compare: sameResults,
      },
    },
    { name: 'objects', job: { program: 'objects' }, compare: sameResults },
    { name: 'DistributedDataParallel', job, compare: sameTraining },
    {
      name: 'no_sync and unused parameters',
      ...{ job: { ...job, unused: true, accumulate: [1] }, compare: sameTraining },
    },
    {
      name: 'gradients as views, buffers not broadcast',
      ...{ job: { ...job, view: true, buffers: false }, compare: sameTraining },
    },
    { name: 'ZeRO-1', job: { ...job, zero: true }, compare: sameTraining },
    { name: 'SyncBatchNorm', job: { ...job, sync: true }, compare: sameTraining },
    ...(times
      ? [
          {
            name: 'time of an all-reduce',
            ...{ job: { program: 'time', megabytes: [1, 25], warmup: dry ? 1 : 5, repeats: dry ? 3 : 50 } },
            compare: (ours, theirs, job) => compareTimes(ours, theirs, job, dry),
          },
        ]
      : []),
  ];
}

/** Answers that are texts and numbers. What both refuse is the same too, in whichever words. */
function sameResults(ours, theirs) {
  const isRefused = (value) => value !== null && typeof value === 'object' && 'error' in value;
  const names = Object.keys(theirs[0].results);
  let refused = 0;
  const different = names.filter((name) => {
    const [a, b] = [ours, theirs].map((all) => all.map(({ results }) => results[name] ?? null));
    if (a.every(isRefused) && b.every(isRefused)) return void (refused += 1);
    return JSON.stringify(a) !== JSON.stringify(b);
  });
  const first = different[0];
  const texts = [ours, theirs].map((all) => JSON.stringify(all.map(({ results }) => results[first])).slice(0, 200));
  return {
    ok: different.length === 0 && refused < names.length,
    bitwise: different.length === 0,
    ...{ compared: names.length - refused, refused },
    ...(first !== undefined && { error: `${first}: ${texts.join(' beside ')}` }),
  };
}

const decoded = (text, Type) => new Type(Uint8Array.from(Buffer.from(text, 'base64')).buffer);
const largest = (list) => list.reduce((most, value) => (Math.abs(value) <= most ? most : Math.abs(value)), 0);
const mean = (lists) => lists[0].map((_, i) => lists.reduce((sum, list) => sum + list[i], 0) / lists.length);

/** Losses, weights and statistics of all ranks. */
function sameTraining(ours, theirs) {
  const apart = (a, b) => (a.length === b.length ? largest(a.map((value, i) => value - b[i])) / largest(b) : Infinity);
  const bits = (key) => ours.every((each, rank) => each[key] === theirs[rank][key]);
  const bitwise = JSON.stringify(ours.map((each) => each.losses)) === JSON.stringify(theirs.map((each) => each.losses));
  const far = Math.max(
    apart(mean(ours.map(({ losses }) => losses)), mean(theirs.map(({ losses }) => losses))),
    ...ours.map((each, rank) =>
      apart(decoded(each.parameters, Float32Array), decoded(theirs[rank].parameters, Float32Array)),
    ),
  );
  const equalRanks = ours.every(({ parameters }) => parameters === ours[0].parameters);
  return {
    ok: equalRanks && far <= TOLERANCE,
    bitwise: bitwise && bits('parameters') && bits('buffers'),
    difference: far,
    ...(!equalRanks && { error: 'the parameters of the ranks differ' }),
    ...(equalRanks && !(far <= TOLERANCE) && { error: `losses or weights differ by ${far.toExponential(1)}` }),
  };
}

function compareTimes(ours, theirs, { megabytes }, dry) {
  const [mine, python] = [ours, theirs].map((all) => all[0].medians);
  const all = megabytes.map((size, i) => `${size} MB ${mine[i].toFixed(3)} ms ${(mine[i] / python[i]).toFixed(2)} x`);
  const text = `${all.join(', ')}${dry ? ' (a dry run: no measurement)' : ''}`;
  return { ok: mine.every((each) => each > 0), text, megabytes, ms: mine, pythonMs: python };
}

function describe({ ok, bitwise, difference, compared, refused, text, error }) {
  if (!ok) return error ?? 'not as expected';
  if (text !== undefined) return text;
  const also = compared === undefined ? '' : ` (${compared}${refused > 0 ? `, and ${refused} refused by both` : ''})`;
  return bitwise ? `the same bits${also}` : `differs by up to ${difference.toExponential(1)}`;
}

/**
 * @param where `device` (of one GPU, or cpu), `gpus` (how many there are), `dry`, `root`, `python`, `env`, `addon`, `left` (seconds), `say`.
 * @returns a row for each case: `{ section, name, ok, bitwise?, difference?, error?, leftOut? }`.
 */
export async function distributedPart({ device, gpus, dry, root, python, env, addon, left, say }) {
  const rows = [];
  const script = (name) => path.join(root, 'scripts', 'gpu', name);
  const limit = (seconds) => Math.max(1, Math.ceil(1000 * Math.min(left(), seconds)));
  const timeout = dry ? 30 : 60;
  const devices = device === 'cpu' ? 'cpu' : ['cuda:0', 'cuda:1'];
  const one = device === 'cuda' ? 'cuda:0' : device;
  const nccl = dry || device === 'cpu' ? 'gloo' : 'nccl';
  const add = (section, name, row) => {
    rows.push({ section, name, ...row });
    const state = row.leftOut ? 'left out' : row.ok ? 'ok' : 'FAILED';
    say(`  ${state.padEnd(8)}  ${section}: ${name}: ${row.leftOut ?? describe(row)}`);
  };

  async function section(title, size, given, list) {
    if (left() < 10 && !dry) return add(title, 'all of it', { ok: true, leftOut: 'no time' });
    const job = JSON.stringify({ ...given, timeout, programs: list.map((each) => each.job) });
    const sides = [];
    for (const [command, file, more] of [
      [process.execPath, 'rank.mjs', { TORCHBRIDGE_ADDON: addon }],
      [python, 'rank.py', { PYTHONDONTWRITEBYTECODE: '1' }],
    ])
      sides.push(
        await launch(size, command, [script(file), job], { env: { ...env, ...more }, milliseconds: limit(300) }),
      );
    list.forEach(({ name, job, compare }, i) => {
      const [ours, theirs] = sides.map((ranks) => ranks.map(({ lines }) => parsed(lines.filter(isJson)[i])));
      const failed = sides.findIndex((_, side) => [ours, theirs][side].includes(null));
      if (failed < 0) return add(title, name, compare(ours, theirs, job));
      const reason = whyEnded(sides[failed]);
      return add(title, name, { ok: false, error: `${failed === 0 ? 'ours' : "Python's"}: ${reason}` });
    });
    const bad = sides.flat().find(({ code }) => code !== 0);
    if (
      bad !== undefined &&
      sides.every((ranks) => ranks.every(({ lines }) => lines.filter(isJson).length === list.length))
    )
      add(title, 'end', { ok: false, error: whyEnded([bad]) });
  }

  async function killed(backend, places) {
    const [title, name] = [`${backend}, two ranks`, 'a rank that is killed ends the other one'];
    if (left() < 10 && !dry) return add(title, name, { ok: true, leftOut: 'no time' });
    const wait = dry ? 10 : 30;
    const [{ job }] = programs(dry, { everything: false, times: false }).filter(({ job }) => job.program === 'train');
    const given = { backend, device: places, timeout: wait, programs: [{ ...job, program: 'endless' }] };
    let since = null;
    const ranks = await launch(2, process.execPath, [script('rank.mjs'), JSON.stringify(given)], {
      env: { ...env, TORCHBRIDGE_ADDON: addon },
      ...{ milliseconds: limit(180), grace: 1000 * (wait + 60) },
      onLine: (rank, line, children) => {
        if (rank !== 1 || since !== null || (parsed(line)?.step ?? 0) < 3) return;
        since = performance.now();
        children[1].kill('SIGKILL');
      },
    });
    const [{ code, signal, errors, late }] = ranks;
    const seconds = since === null ? null : (performance.now() - since) / 1000;
    const said = errors.length === 1;
    const ok = since !== null && !late && signal !== 'SIGKILL' && code !== 0 && said;
    const text = ok ? `after ${seconds.toFixed(1)} s: ${errors[0]}` : undefined;
    const why =
      since === null || late || signal === 'SIGKILL'
        ? whyEnded(ranks)
        : `it ended with ${code ?? signal}, and said: ${errors.join(' | ')}`;
    return add(title, name, { ok, seconds, text, ...(!ok && { error: why }) });
  }

  say('\nMany processes, beside Python');
  const alone = { everything: true, times: false };
  const both = { everything: false, times: false };
  const isLone = ({ job }) => !job.zero && !job.sync;
  await section(
    `${nccl}, one rank`,
    1,
    { backend: nccl, device: one, bound: true },
    programs(dry, alone).filter(isLone),
  );
  await section('gloo, two ranks on one device', 2, { backend: 'gloo', device: one }, programs(dry, both));
  if (gpus >= 2) {
    const all = { everything: true, times: true };
    await section(`${nccl}, two ranks`, 2, { backend: nccl, device: devices }, programs(dry, all));
    await killed(nccl, devices);
  } else {
    add(`${nccl}, two ranks`, 'all of it', { ok: true, leftOut: 'it needs two GPUs, here is one' });
    await killed('gloo', one);
  }
  return rows;
}

const isJson = (line) => line.startsWith('{');

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

/** The one that ended first with an error is the cause. */
function whyEnded(ranks) {
  if (ranks.some(({ late }) => late)) return 'the time was over';
  const [first] = ranks.filter(({ code }) => code !== 0).sort((a, b) => a.milliseconds - b.milliseconds);
  if (first === undefined) return 'it did not come to it';
  const { errors, code, signal } = first;
  const said = errors.filter((line) => /^\w*(Error|Exception)\b/.test(line)).at(-1) ?? errors.slice(-3).join(' | ');
  return said || `ended with ${code ?? signal}`;
}
