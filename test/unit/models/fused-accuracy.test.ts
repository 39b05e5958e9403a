import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DenseBlock } from '../../../lib/models/index.js';
import { native } from '../../../lib/native/load.js';
import { getNumThreads, manualSeed, randn, scope, setNumThreads, type DType } from '../../../lib/tensor/index.js';
import { numbers, relativeError, results, type Found, type Way } from './fused-runs.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const KERNELS = 'TORCHBRIDGE_TEST_KERNELS';
const SEEDS = [1, 2, 3, 4, 5];

/** Instruction sets, and how libtorch and oneDNN are told not to use better ones. */
const SETS: readonly (readonly [name: string, flags: readonly string[], env: NodeJS.ProcessEnv])[] = [
  ['plain', [], { ATEN_CPU_CAPABILITY: 'default' }],
  ['avx2', ['avx2', 'fma'], { ATEN_CPU_CAPABILITY: 'avx2' }],
  ['avx512', ['avx512f', 'avx512bw', 'avx512vl'], { ATEN_CPU_CAPABILITY: 'avx512', ONEDNN_MAX_CPU_ISA: 'AVX512_CORE' }],
  ['avx512_bf16', ['avx512f', 'avx512bw', 'avx512vl', 'avx512_bf16'], { ATEN_CPU_CAPABILITY: 'avx512' }],
];

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** What `run` gives in float32, plain and fused, is compared with plain float64: the median of each error over the seeds. */
function assertAsNear(run: (efficient: 'none' | 'fused', dtype: DType, seed: number) => Found): void {
  const plain = new Map<string, number[]>();
  const fused = new Map<string, number[]>();
  for (const seed of SEEDS) {
    const truth = run('none', 'float64', seed);
    for (const [efficient, errors] of [['none', plain] as const, ['fused', fused] as const]) {
      for (const [name, values] of run(efficient, 'float32', seed)) {
        const error = relativeError(values, truth.get(name)!);
        errors.set(name, [...(errors.get(name) ?? []), error]);
      }
    }
  }
  assert.ok(fused.size > 10);
  for (const [name, errors] of fused) {
    // Where plain float32 is right by chance, half a unit in the last place is near enough.
    const allowed = 2 * Math.max(median(plain.get(name)!), 2 ** -24);
    assert.ok(median(errors) <= allowed, `${name}: ${errors.join(' ')}, plain ${plain.get(name)!.join(' ')}`);
  }
}

describe('fused dense blocks: rounding', () => {
  let threads = 0;
  before(() => {
    threads = getNumThreads();
    setNumThreads(2);
    const wanted = process.env[KERNELS];
    if (wanted !== undefined) assert.equal(native.fusedKernels(), wanted);
  });
  after(() => setNumThreads(threads));

  const deep = { growthRate: 12, blockConfig: [8, 8], numInitFeatures: 24, bnSize: 4 };
  const ways: Record<string, Way> = {
    'a small network': {},
    'a deeper one': { size: 16, options: deep },
    'one without bottlenecks': { options: { bottleneck: false } },
    'one with the largest values in its transitions': { options: { transitionPool: 'max' } },
    'one for large pictures': { size: 40, options: { style: 'torchvision', smallInputs: false, blockConfig: [3, 2] } },
  };
  for (const [name, way] of Object.entries(ways)) {
    it(`is at most twice plain float32’s on losses, gradients and statistics of ${name}`, function () {
      this.timeout(300_000);
      assertAsNear((efficient, dtype, seed) => results(efficient, dtype, { ...way, seed }));
    });
  }

  it('is at most twice plain float32’s block by block', function () {
    this.timeout(300_000);
    for (const bnSize of [4, null]) {
      assertAsNear((efficient, dtype, seed) =>
        scope(() => {
          manualSeed(seed);
          const options = { growthRate: 12, bnSize, dropRate: 0, version: 1, efficient };
          const block = new DenseBlock(5, 24, options).to(dtype);
          const x = randn([4, 24, 12, 12]).add(1).to(dtype).requiresGrad_();
          const y = block.call(x);
          y.backward({ gradient: randn([4, 84, 12, 12]).to(dtype) });
          const gradients = block.namedParameters().map(([key, { grad }]) => [key, numbers(grad!)] as const);
          return new Map([['y', numbers(y)], ['x', numbers(x.grad!)], ...gradients]);
        }),
      );
    }
  });

  it('is about that of plain bfloat16', function () {
    this.timeout(300_000);
    for (const way of [{}, { size: 40, options: { style: 'torchvision' as const, smallInputs: false } }]) {
      const truth = results('none', 'float64', { ...way, narrow: true });
      const middle = (found: Found): number =>
        median([...truth].map(([name, values]) => relativeError(found.get(name)!, values)));
      const fused = middle(results('fused', 'bfloat16', { ...way, narrow: true }));
      const plain = middle(results('none', 'bfloat16', { ...way, narrow: true }));
      assert.ok(fused > 1e-3 && fused <= 1.5 * plain, `${fused}, plain ${plain}`);
    }
  });
});

describe('fused dense blocks: instruction sets', () => {
  // Each in a process of its own, as the choice is made once: the tests above, and those of what is computed.
  for (const [name, needed, env] of process.env[KERNELS] === undefined ? SETS : []) {
    it(`compute right with the kernels for ${name}`, function () {
      this.timeout(300_000);
      const flags = /^flags\s*:(.*)$/m.exec(fs.readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' ') ?? [];
      const missing = needed.filter((flag) => !flags.includes(flag));
      if (missing.length > 0) {
        console.log(`      skipped: this processor has no ${missing.join(', ')}`);
        this.skip();
      }
      const tests = ['fused-accuracy.test.ts', 'fused.test.ts'].map((file) => path.join('test/unit/models', file));
      const mocha = ['node_modules/mocha/bin/mocha.js', ...tests, '--grep', 'twice|about that|compute what|drops|odd'];
      const run = spawnSync(process.execPath, mocha, {
        cwd: root,
        encoding: 'utf8',
        env: { ...process.env, ...env, [KERNELS]: name },
      });
      assert.equal(run.status, 0, run.stdout + run.stderr);
      assert.match(run.stdout, /\d+ passing/);
    });
  }
});
