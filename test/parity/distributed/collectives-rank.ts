/** One rank of our side, started by collectives.test.ts with the arguments of collectives.py. */
import fs from 'node:fs';
import {
  distributed as d,
  type DType,
  fromBytes,
  ops,
  scope,
  setNumThreads,
  type Tensor,
  TorchError,
  zeros,
} from '../../../lib/index.js';

const DTYPES = [
  ...['uint8', 'int8', 'int16', 'int32', 'int64', 'float16', 'bfloat16', 'float32', 'float64', 'bool'],
  ...['complex64', 'complex128'],
] as DType[];
const LAYOUTS = ['plain', 'empty', 'scalar', 'transposed', 'strided'] as const;

function fill(shape: number[], dtype: DType, salt: number): Tensor {
  const count = shape.reduce((all, n) => all * n, 1);
  const numbers = BigInt64Array.from({ length: count }, (_, i) => BigInt((i * 7 + salt * 3) % 5));
  const whole = fromBytes(new Uint8Array(numbers.buffer), shape, 'int64');
  return /float|complex/.test(dtype) ? whole.to('float64').div(4).add(0.25).to(dtype) : whole.to(dtype);
}

function make(layout: (typeof LAYOUTS)[number], dtype: DType, salt: number): Tensor {
  if (layout === 'plain') return fill([2, 3], dtype, salt);
  if (layout === 'empty') return fill([0, 3], dtype, salt);
  if (layout === 'scalar') return fill([], dtype, salt);
  if (layout === 'transposed') return fill([2, 3], dtype, salt).t();
  return ops.slice(fill([4, 3], dtype, salt), 0, 0, 4, 2);
}

type Made = readonly Tensor[];
type Kind = readonly [name: string, call: () => Made];

function kinds(rank: number, size: number, one: (salt: number) => Tensor): Kind[] {
  const inPlace = (call: (t: Tensor) => d.Work<unknown>) => (): Made => {
    const t = one(rank);
    call(t).wait();
    return [t];
  };
  const spread = (outputs: number, call: (out: Made) => d.Work<unknown>) => (): Made => {
    const out = Array.from({ length: outputs }, () => one(9));
    call(out).wait();
    return out;
  };
  const every = Array.from({ length: size }, (_, i) => one(rank * size + i));
  const isRoot = rank === 1;
  const wide = (): Tensor => ops.cat(Array.from({ length: size }, () => one(5)));
  const reductions: Kind[] = (['sum', 'product', 'min', 'max', 'band', 'bor', 'bxor', 'avg'] as const).map((op) => [
    `allReduce ${op}`,
    inPlace((t) => d.allReduce(t, { op })),
  ]);
  const others: Kind[] = (['sum', 'max', 'bor'] as const).flatMap((op): Kind[] => [
    [
      `reduce ${op}`,
      () => {
        const made = inPlace((t) => d.reduce(t, { dst: 1, op }))();
        return isRoot ? made : [];
      },
    ],
    [`reduceScatter ${op}`, spread(1, ([out]) => d.reduceScatter(out!, every, { op }))],
  ]);
  return [
    ['broadcast', inPlace((t) => d.broadcast(t, { src: 1 }))],
    ...reductions,
    ...others,
    ['allReduceCoalesced', () => d.allReduceCoalesced([one(rank), one(rank + 1)]).wait()],
    ['allGather', spread(size, (out) => d.allGather(out, one(rank)))],
    ['gather', spread(isRoot ? size : 0, (out) => d.gather(one(rank), isRoot ? out : null, { dst: 1 }))],
    ['scatter', spread(1, ([out]) => d.scatter(out!, isRoot ? every : null, { src: 1 }))],
    ['allToAll', spread(size, (out) => d.allToAll(out, every))],
    ['allGatherInto', () => [d.allGatherInto(wide(), one(rank)).wait()]],
    ['reduceScatterTensor', () => [d.reduceScatterTensor(one(rank), wide()).wait()]],
    [
      'allToAllSingle',
      () => {
        const input = wide();
        return [d.allToAllSingle(ops.zerosLike(input), input).wait()];
      },
    ],
    ['send and recv', inPlace((t) => (rank === 0 ? d.send(t, 1, { tag: 3 }) : d.recv(t, 0, { tag: 3 })))],
    [
      'batchISendIRecv',
      () => {
        const [mine, other] = [one(rank), one(7)];
        const peer = 1 - rank;
        const works = d.batchISendIRecv([
          { op: 'recv', tensor: other, peer },
          { op: 'send', tensor: mine, peer },
        ]);
        for (const work of works) work.wait();
        return [other];
      },
    ],
  ];
}

function uneven(rank: number): Made {
  const inputSplitSizes = [
    [2, 1],
    [0, 3],
  ][rank]!;
  const outputSplitSizes = [
    [2, 0],
    [1, 3],
  ][rank]!;
  const output = zeros([outputSplitSizes[0]! + outputSplitSizes[1]!, 2]);
  return [d.allToAllSingle(output, fill([3, 2], 'float32', rank), { inputSplitSizes, outputSplitSizes }).wait()];
}

/** What Gloo adds up is not always 0 or 1 where it should be a truth value: anything but 0 is true. */
const bits = (t: Tensor): string => {
  const bytes = t.contiguous().clone().storageBytes();
  return Buffer.from(t.dtype === 'bool' ? bytes.map((byte) => Math.min(byte, 1)) : bytes).toString('hex');
};

function outcome(call: () => Made): unknown {
  try {
    return scope(() => call().map(bits));
  } catch (error) {
    if (!(error instanceof TorchError)) throw error;
    return error.message.split('\n')[0]!.replace(/^cat: /, '');
  }
}

const [out = ''] = process.argv.slice(2);
setNumThreads(1);
const { rank, size } = await d.initProcessGroup({ host: '127.0.0.1', timeout: 60_000 });
const results: Record<string, unknown> = {};
for (const dtype of DTYPES) {
  for (const layout of LAYOUTS) {
    scope(() => {
      for (const [name, call] of kinds(rank, size, (salt) => make(layout, dtype, salt))) {
        results[`${name} ${dtype} ${layout}`] = outcome(call);
      }
    });
  }
}
results['allToAllSingle with splits'] = outcome(() => uneven(rank));
fs.writeFileSync(`${out}.${rank}`, JSON.stringify(results));
await d.barrier();
d.destroyProcessGroup();
