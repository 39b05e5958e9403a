/** A network beside the Python program of the same one (networks.py): everything that a seed gives, as digests. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { loadWeights, logitsOf, type GoogLeNetOutputs } from '../../../lib/models/index.js';
import { functional, type Module } from '../../../lib/nn/index.js';
import { SGD } from '../../../lib/optim/index.js';
import {
  getNumThreads,
  manualSeed,
  memory,
  noGrad,
  randint,
  randn,
  scope,
  setNumThreads,
  Tensor,
} from '../../../lib/tensor/index.js';
import { digest, digests } from '../digest.js';
import { runPython } from '../python.js';

/** One network. */
export interface NetworkCase {
  /** Its name in networks.py or in torchvision. */
  readonly network: string;
  readonly make: (() => Module) | undefined;
  /** Arguments of torchvision's function. */
  readonly python?: Readonly<Record<string, unknown>>;
  readonly input: readonly number[];
  /** Steps of SGD; 0 for a network that is only made and evaluated. */
  readonly steps: number;
  /** Published number of parameters. */
  readonly parameters?: number;
  /** Makes the network of the file that Python wrote, which then gives Python's outputs. */
  readonly load?: (file: string) => Module;
}

type Outcome = Record<string, unknown>;

function outputsOf(output: Tensor | GoogLeNetOutputs): Tensor[] {
  return 'logits' in output ? [output.logits, output.auxLogits2, output.auxLogits1] : [output];
}

/** A network of pictures. */
export type PictureNetwork = Module & { forward(x: Tensor): Tensor | GoogLeNetOutputs };

export function lossOf(output: Tensor | GoogLeNetOutputs, labels: Tensor): Tensor {
  const [first, ...others] = outputsOf(output);
  if (first!.shape[1] === 1) return first!.square().mean();
  let loss = functional.crossEntropy(first!, labels);
  for (const each of others) loss = loss.add(functional.crossEntropy(each, labels).mul(0.3));
  return loss;
}

/** @param useInput told the pictures of the evaluation. */
function ours({ make, input, steps }: NetworkCase, seed: number, useInput: (images: Tensor) => void): Outcome {
  return scope(() => {
    manualSeed(seed);
    const model = make!() as PictureNetwork;
    const result: Outcome = { init: digests(model.stateDict()), print: String(model) };
    result['parameters'] = model.parameters().reduce((sum, each) => sum + each.numel(), 0);
    const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9, weightDecay: 1e-4 });
    const losses: string[] = [];
    for (let step = 0; step < steps; step++) {
      scope(() => {
        const images = randn([...input]);
        const labels = randint(0, 10, [input[0]!]);
        optimizer.zeroGrad();
        const output = model.call(images);
        const loss = lossOf(output, labels);
        loss.backward();
        if (step === 0) {
          result['outputs'] = outputsOf(output).map(digest);
          result['gradients'] = digests(model.namedParameters().map(([key, each]) => [key, each.grad]));
        }
        losses.push(digest(loss));
        optimizer.step();
      });
    }
    result['losses'] = losses;
    if (steps > 0) result['trained'] = digests(model.stateDict());
    model.eval();
    const images = randn([...input]);
    result['evaluated'] = [digest(logitsOf(noGrad(() => model.call(images))))];
    useInput(images);
    freeModule(model);
    for (const state of optimizer.state.values()) {
      for (const value of Object.values(state)) if (value instanceof Tensor) value.dispose();
    }
    return result;
  });
}

/** A module's tensors live as long as it does. */
export function freeModule(model: Module): void {
  model.zeroGrad();
  for (const each of [...model.parameters(), ...model.buffers()]) each.dispose();
}

/**
 * One `it` for each case, named as in the object; Python runs them all at once, before.
 * @param options.oneByOne for large networks: Python runs each in its own test, so that the files of one are there at a time.
 */
export function compareNetworks(
  cases: Readonly<Record<string, NetworkCase>>,
  { oneByOne = false }: { readonly oneByOne?: boolean } = {},
): void {
  const threads = getNumThreads();
  let folder = '';
  let expected: Record<string, Outcome> = {};
  const runCases = (wanted: (name: string) => boolean): Record<string, Outcome> => {
    const given = Object.entries(cases).flatMap(([name, { network, python = {}, input, steps, load }], seed) =>
      wanted(name)
        ? [JSON.stringify({ name, network, python, input, steps, seed, print: true, save: load !== undefined })]
        : [],
    );
    const script = path.join(import.meta.dirname, 'networks.py');
    return runPython(script, [folder, ...given]).json() as Record<string, Outcome>;
  };

  before(() => {
    setNumThreads(1);
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-networks-'));
    if (!oneByOne) expected = runCases(() => true);
  });
  after(() => {
    setNumThreads(threads);
    fs.rmSync(folder, { recursive: true, force: true });
  });

  Object.entries(cases).forEach(([name, given], seed) => {
    it(name, () => {
      if (oneByOne) expected = runCases((other) => other === name);
      const before = memory();
      const file = path.join(folder, `${name}.pth`);
      const result = ours(given, seed, (images) => {
        if (given.load === undefined) return;
        const loaded = given.load(file) as Module & { forward(x: Tensor): Tensor };
        const logits = noGrad(() => loaded.eval().call(images));
        assert.deepEqual([digest(logits)], expected[name]?.['evaluated'], "the network of Python's file");
        freeModule(loaded);
      });
      assert.deepEqual(result, expected[name]);
      if (given.parameters !== undefined) assert.equal(result['parameters'], given.parameters);
      fs.rmSync(file, { force: true });
      assert.deepEqual([memory().tensors, memory().bytes], [before.tensors, before.bytes], 'nothing is left');
    });
  });
}

/** Puts the weights of a file into a network that is made otherwise. */
export function loadInto(make: () => Module): (file: string) => Module {
  return (file) => {
    const model = make();
    const report = loadWeights(model, file, { onNotice: (line) => assert.fail(line) });
    assert.deepEqual([report.missingKeys, report.unexpectedKeys, report.leftOut], [[], [], []]);
    return model;
  };
}
