import assert from 'node:assert/strict';
import path from 'node:path';
import {
  clipGradNorm,
  clipGradValue,
  getTotalNorm,
  Parameter,
  parametersToVector,
  vectorToParameters,
} from '../../../lib/nn/index.js';
import {
  getNumThreads,
  manualSeed,
  memory,
  randn,
  scope,
  setNumThreads,
  zeros,
  type DType,
} from '../../../lib/tensor/index.js';
import { digest } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';

/** One call, as both programs make it; options under Python's names. */
interface Case {
  readonly name: 'clip_grad_norm' | 'clip_grad_value' | 'get_total_norm' | 'vectors';
  readonly shapes: number[][];
  readonly dtypes: DType[];
  readonly scale: number;
  readonly special: 'inf' | 'nan' | null;
  readonly limit: number;
  readonly options: Record<string, unknown>;
}

const SHAPES = [[8, 4, 3, 3], [8], [5, 8], [100]];

function cases(): Case[] {
  const list: Case[] = [];
  const add = (name: Case['name'], more: Partial<Case> = {}): void => {
    const dtypes = SHAPES.map(() => 'float32' as const);
    list.push({ name, shapes: SHAPES, dtypes, scale: 1, special: null, limit: 1, options: {}, ...more });
  };
  const mixed: DType[][] = [
    ['float64', 'float64', 'float64', 'float64'],
    ['bfloat16', 'bfloat16', 'bfloat16', 'bfloat16'],
    ['float32', 'float64', 'float32', 'float64'],
    ['bfloat16', 'float32', 'float32', 'bfloat16'],
  ];
  for (const foreach of [null, true, false]) {
    for (const norm_type of [2, 1, 3, 0.5, 0, 'inf', '-inf']) {
      for (const scale of [1, 0.001]) add('clip_grad_norm', { options: { norm_type, foreach }, scale });
      add('get_total_norm', { options: { norm_type, foreach } });
    }
    for (const dtypes of mixed) {
      add('clip_grad_norm', { dtypes, options: { foreach }, limit: 0.37 });
      add('clip_grad_value', { dtypes, options: { foreach }, limit: 0.37 });
    }
    for (const special of ['inf', 'nan'] as const) {
      for (const error_if_nonfinite of [false, true]) {
        for (const norm_type of [2, 1.5, 'inf']) {
          add('clip_grad_norm', { special, options: { error_if_nonfinite, foreach, norm_type } });
        }
      }
      add('clip_grad_value', { special, options: { foreach } });
    }
  }
  add('clip_grad_norm', { shapes: [], dtypes: [] });
  add('clip_grad_value', { limit: 0 });
  add('vectors');
  return list;
}

function parametersOf(given: Case): Parameter[] {
  manualSeed(31);
  const made = given.shapes.map((shape, index) => {
    const dtype = given.dtypes[index]!;
    const parameter = new Parameter(randn(shape, { dtype }));
    parameter.grad = randn(shape, { dtype }).mul(given.scale);
    return parameter;
  });
  if (given.special !== null)
    made[0]!
      .grad!.view([-1])
      .select(0, 0)
      .fill_(given.special === 'inf' ? Infinity : NaN);
  return [...made, new Parameter(zeros([2]))];
}

function run(given: Case): unknown[] {
  const made = parametersOf(given);
  const {
    norm_type: order,
    error_if_nonfinite: errorIfNonfinite,
    foreach,
  } = given.options as {
    norm_type?: number | 'inf' | '-inf';
    error_if_nonfinite?: boolean;
    foreach?: boolean | null;
  };
  const normType = order === 'inf' ? Infinity : order === '-inf' ? -Infinity : order;
  const kind = foreach === undefined ? {} : { foreach };
  const options = {
    ...kind,
    ...(normType !== undefined && { normType }),
    ...(errorIfNonfinite !== undefined && { errorIfNonfinite }),
  };
  const grads = () => made.map((parameter) => parameter.grad).filter((grad) => grad !== null);
  const out: unknown[] = [];
  try {
    switch (given.name) {
      case 'vectors': {
        const vector = parametersToVector(made);
        out.push(digest(vector), vector.requiresGrad ? 'True' : 'False');
        vectorToParameters(vector.detach().mul(2), made);
        return [...out, ...made.map(digest)];
      }
      case 'clip_grad_value':
        clipGradValue(made, given.limit, kind);
        break;
      case 'get_total_norm':
        out.push(digest(getTotalNorm(grads(), options)));
        break;
      default:
        out.push(digest(clipGradNorm(made, given.limit, options)));
    }
  } catch (error) {
    return [(error as Error).message];
  }
  return [...out, ...grads().map(digest)];
}

parityDescribe('norms, clipping and vectors, bit for bit', () => {
  const threads = getNumThreads();
  before(() => setNumThreads(1));
  after(() => setNumThreads(threads));

  it('as PyTorch, in all orders and kinds', function () {
    this.timeout(300_000);
    const list = cases();
    const script = path.join(import.meta.dirname, 'gradients.py');
    const theirs = runPython(script, [], { input: JSON.stringify(list) }).json() as unknown[];
    for (const [index, given] of list.entries()) {
      assert.deepEqual(
        scope(() => run(given)),
        theirs[index],
        JSON.stringify(given),
      );
    }
  });

  it('leave nothing behind but the norm', () => {
    const parameter = new Parameter(zeros([3]));
    scope(() => (parameter.grad = randn([3])));
    const before = memory().tensors;
    for (const foreach of [true, false]) {
      const norm = clipGradNorm([parameter], 0.1, { foreach });
      assert.equal(memory().tensors, before + 1);
      norm.dispose();
      clipGradValue(parameter, 0.1, { foreach });
      assert.throws(() => clipGradNorm(parameter, NaN, { normType: NaN, errorIfNonfinite: true, foreach }), {
        code: 'runtime',
      });
      assert.equal(memory().tensors, before);
    }
    assert.throws(() => clipGradNorm(parameter, 1, { norm_type: 1 } as object), /did you mean normType/);
  });
});
