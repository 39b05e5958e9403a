import assert from 'node:assert/strict';
import path from 'node:path';
import { Embedding, functional, type Module } from '../../../lib/nn/index.js';
import * as nn from '../../../lib/nn/index.js';
import {
  getNumThreads,
  manualSeed,
  memory,
  rand,
  randint,
  randn,
  scope,
  setNumThreads,
  Tensor,
  type TorchError,
} from '../../../lib/tensor/index.js';
import { recordWarnings } from '../../warnings.js';
import { digest, digests } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';
import {
  functions,
  layers,
  losses,
  type DTypeName,
  type FunctionCase,
  type LayerCase,
  type LossCase,
} from './more-layers-cases.js';

type Options = Record<string, unknown>;
type Network = Module & { forward(...input: unknown[]): Tensor };

/** What stands for itself in JSON: infinite norms. */
function value(given: unknown): unknown {
  return given === 'Infinity' || given === '-Infinity' ? Number(given) : given;
}

function optionsOf(given: Readonly<Options>): Options {
  return Object.fromEntries(Object.entries(given).map(([name, option]) => [name, value(option)]));
}

function told(error: unknown): { error: string } {
  const { message, operator } = error as TorchError;
  const text = message.split('\n  in ')[0]!;
  return { error: operator === undefined ? text : text.replace(`${operator}: `, '') };
}

function make({ name, given, options, typed, pretrained }: LayerCase, dtype: DTypeName): Network {
  const all = typed ? { ...optionsOf(options), dtype } : optionsOf(options);
  if (pretrained !== undefined) {
    return Embedding.fromPretrained(randn(pretrained, { dtype }), all);
  }
  const layer = (nn as unknown as Record<string, new (...given: unknown[]) => Network>)[name]!;
  return new layer(...given, ...(Object.keys(all).length > 0 ? [all] : []));
}

function gradientOf(tensor: Tensor): string | null {
  const { grad } = tensor;
  return grad === null ? null : digest(grad.layout === 'strided' ? grad : grad.toDense());
}

function runLayer(given: LayerCase, dtype: DTypeName): unknown {
  manualSeed(5);
  const { shapes, below, format, more = [] } = given;
  try {
    const module = make(given, dtype);
    if (format !== undefined) module.to({ memoryFormat: format });
    const state = module.stateDict();
    const result = { print: String(module), init: digests(state), version: state.metadata?.get('')?.get('version') };
    const passes = [true, true, false].map((training) => {
      module.train(training);
      const leaves = shapes.map((shape) =>
        below === undefined ? randn(shape, { dtype, requiresGrad: true }) : randint(0, below, shape),
      );
      let inputs = leaves.map((x) => x.mul(1));
      if (format !== undefined) inputs = inputs.map((x) => x.to({ memoryFormat: format }));
      const before = memory().tensors;
      const y = module.call(...inputs, ...more);
      const grown = y === inputs[0] ? 0 : 1;
      assert.equal(memory().tensors, before + grown, 'a call leaves one tensor, its result');
      const gradient = randn(y.shape, { dtype: y.dtype });
      module.zeroGrad();
      if (y.requiresGrad) y.backward({ gradient });
      return {
        y: digest(y),
        inputs: inputs.map(digest),
        x: leaves.map(gradientOf),
        gradients: Object.fromEntries(module.namedParameters().map(([name, each]) => [name, gradientOf(each)])),
        state: digests(module.stateDict()),
      };
    });
    return { ...result, passes, draw: digest(rand([3])) };
  } catch (error) {
    return told(error);
  }
}

function runFunction({ name, given, options, shapes }: FunctionCase, dtype: DTypeName): unknown {
  manualSeed(6);
  const x = randn(shapes[0]!, { dtype, requiresGrad: true });
  const run = (functional as unknown as Record<string, (...given: unknown[]) => Tensor | Tensor[]>)[name]!;
  try {
    const result = run(x.mul(1), ...given, ...(Object.keys(options).length > 0 ? [options] : []));
    const results = result instanceof Tensor ? [result] : result;
    results[0]!.backward({ gradient: randn(results[0]!.shape, { dtype }) });
    return [...results.map(digest), digest(x.grad!), digest(rand([3]))];
  } catch (error) {
    return told(error);
  }
}

function runLoss({ name, module, options, weights, shapes, more = [] }: LossCase, dtype: DTypeName): unknown {
  manualSeed(7);
  const tensors = shapes.map((shape) => rand(shape, { dtype }).requiresGrad_(true));
  const drawn = Object.entries(weights).map(([option, shape]) => [option, rand(shape, { dtype })] as const);
  const all = { ...options, ...Object.fromEntries(drawn) };
  try {
    let loss: Tensor;
    let head: unknown[] = [];
    if (module) {
      const made = new (nn as unknown as Record<string, new (options: Options) => Network>)[name]!(all);
      head = [String(made), digests(made.stateDict())];
      loss = made.call(...tensors, ...more);
    } else {
      const run = (functional as unknown as Record<string, (...given: unknown[]) => Tensor>)[name]!;
      loss = run(...tensors, ...more, all);
    }
    loss.sum().backward();
    return [...head, digest(loss), ...tensors.map(gradientOf)];
  } catch (error) {
    return told(error);
  }
}

parityDescribe('more layers, functions and losses, bit for bit', () => {
  const threads = getNumThreads();
  type Theirs = Record<string, unknown>[];
  let theirs: { layers: Theirs; functions: Theirs; losses: Theirs };
  before(function () {
    this.timeout(300_000);
    setNumThreads(1);
    const input = JSON.stringify({ layers, functions, losses });
    theirs = runPython(path.join(import.meta.dirname, 'more_layers.py'), [], { input }).json() as typeof theirs;
  });
  after(() => setNumThreads(threads));

  function compare<Case extends { readonly name: string; readonly dtypes: readonly DTypeName[] }>(
    kind: 'layers' | 'functions' | 'losses',
    cases: readonly Case[],
    run: (given: Case, dtype: DTypeName) => unknown,
  ): void {
    for (const name of new Set(cases.map((each) => each.name))) {
      it(`${kind}: ${name}`, function () {
        this.timeout(60_000);
        for (const [index, given] of cases.entries()) {
          if (given.name !== name) continue;
          for (const dtype of given.dtypes) {
            const { value: ours } = recordWarnings(() => scope(() => run(given, dtype)));
            assert.deepEqual(ours, theirs[kind][index]![dtype], `${JSON.stringify(given)} in ${dtype}`);
          }
        }
      });
    }
  }

  compare('layers', layers, runLayer);
  compare('functions', functions, runFunction);
  compare('losses', losses, runLoss);

  it('most cases are results, not refusals', () => {
    const results = [...theirs.layers, ...theirs.functions, ...theirs.losses].flatMap((each) => Object.values(each));
    const refused = results.filter((each) => !Array.isArray(each) && (each as object).hasOwnProperty('error'));
    assert.ok(refused.length < results.length / 5, `${refused.length} of ${results.length}`);
  });
});
