import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { save } from '../../../lib/io/index.js';
import {
  cifarDenseNet,
  type DenseNet,
  densenet121,
  DenseNet121_Weights,
  fetchWeights,
  getModel,
  loadWeights,
  Weights,
  WeightsError,
  type WeightsReport,
} from '../../../lib/models/index.js';
import { functional } from '../../../lib/nn/index.js';
import { getNumThreads, memory, noGrad, ops, scope, setNumThreads, tensor } from '../../../lib/tensor/index.js';
import { serveFile } from '../../download-server.js';
import { digest, digests } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';

interface Outcomes {
  readonly state: Record<string, string | null>;
  readonly logits: string;
  readonly loss: string;
  readonly statistics: Record<string, string | null>;
}

type Forms = readonly string[];
const all: Forms = ['zip', 'legacy', 'published', 'published-zip', 'checkpoint', 'numpy', 'spaces'];
const main: Forms = ['zip', 'legacy', 'published'];

const CASES: Readonly<Record<string, Forms>> = {
  densenet121: all,
  densenet161: main,
  densenet169: main,
  densenet201: main,
  'cifar-40': all,
  'cifar-13-plain': main,
};

/** A network of other values than the file's. */
function make(name: string): DenseNet {
  const [, depth, plain] = /^cifar-(\d+)(-plain)?$/.exec(name) ?? [];
  if (depth === undefined) return getModel(name as 'densenet121');
  const bottleneck = plain === undefined;
  return cifarDenseNet({ depth: Number(depth), bottleneck });
}

function outcomes(model: DenseNet, name: string): Outcomes {
  return scope(() =>
    noGrad(() => {
      const size = name.startsWith('densenet') ? 64 : 32;
      const images = ops
        .arange(2 * 3 * size * size)
        .remainder(251)
        .div(125)
        .sub(1)
        .reshape([2, 3, size, size]);
      const labels = tensor([1n, BigInt(model.config.numClasses - 1)]);
      const state = digests(model.stateDict());
      model.eval();
      const logits = digest(model.call(images));
      model.train();
      const loss = digest(functional.crossEntropy(model.call(images), labels));
      return { state, logits, loss, statistics: digests(model.namedBuffers()) };
    }),
  );
}

function release(model: DenseNet): void {
  for (const each of [...model.parameters(), ...model.buffers()]) each.dispose();
}

/** What a form's names need, and nothing else. */
function checkReport(report: WeightsReport, form: string, notices: readonly string[]): void {
  const { missingKeys, unexpectedKeys, leftOut } = report;
  assert.deepEqual({ missingKeys, unexpectedKeys, leftOut }, { missingKeys: [], unexpectedKeys: [], leftOut: [] });
  assert.equal(report.entry, form === 'checkpoint' ? 'state_dict' : null);
  assert.equal(report.prefix, form === 'checkpoint' ? 'module.' : '');
  const renamed = form.startsWith('published') || form === 'spaces';
  assert.equal(report.renamed.size > 0, renamed, form);
  assert.equal(notices.length, form === 'checkpoint' ? 1 : 0, notices.join('\n'));
}

parityDescribe("Python's files of weights, bit for bit", function () {
  this.timeout(300_000);
  const threads = getNumThreads();
  let folder = '';
  let expected: Record<string, { readonly whole: Outcomes; readonly published: Outcomes }> = {};
  let said: Record<string, string | null> = {};
  const script = path.join(import.meta.dirname, 'weight_files.py');

  before(() => {
    setNumThreads(1);
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-weights-'));
    const cases = Object.entries(CASES).map(([name, forms]) => `${name}:${forms.join()}`);
    const written = runPython(script, ['write', folder, ...cases]).json() as {
      made: typeof expected;
      complaints: typeof said;
    };
    expected = written.made;
    said = written.complaints;
  });
  after(() => {
    setNumThreads(threads);
    fs.rmSync(folder, { recursive: true, force: true });
  });

  for (const [name, forms] of Object.entries(CASES)) {
    it(`${name}: ${forms.join(', ')}`, () => {
      const model = make(name);
      for (const form of forms) {
        // Other values than those that the form before has left.
        scope(() => noGrad(() => model.parameters().forEach((each) => void each.fill_(7))));
        model.apply(
          (module) => 'resetRunningStats' in module && (module as { resetRunningStats(): void }).resetRunningStats(),
        );
        const { tensors, bytes } = memory();
        const notices: string[] = [];
        const report = loadWeights(model, path.join(folder, `${name}.${form}.pth`), {
          onNotice: (line) => notices.push(line),
        });
        assert.deepEqual([memory().tensors, memory().bytes], [tensors, bytes], 'nothing of the file is left');
        checkReport(report, form, notices);
        assert.deepEqual(
          outcomes(model, name),
          expected[name]![form.startsWith('published') ? 'published' : 'whole'],
          form,
        );
      }
      loadWeights(model, path.join(folder, `${name}.zip.pth`));
      scope(() => save(model.stateDict(), path.join(folder, `${name}.ours.pth`)));
      release(model);
    });
  }

  it("fail in PyTorch's words where they do not fit, and follow its rule of versions", () => {
    const model = make('cifar-40');
    const ours = Object.keys(said).map((name) => {
      try {
        loadWeights(model, path.join(folder, `${name}.pth`));
        return [name, null];
      } catch (error) {
        assert.ok(error instanceof WeightsError, String(error));
        return [name, error.message.slice(0, -`\n${error.hint}`.length)];
      }
    });
    assert.deepEqual(Object.fromEntries(ours), said);
    assert.deepEqual(
      Object.entries(said).flatMap(([name, text]) => (text === null ? [] : [name])),
      ['counted', 'other', 'plain'],
    );
    release(model);
  });

  it('a published file by name: fetched into the cache, then read', async () => {
    const body = fs.readFileSync(path.join(folder, 'densenet121.published.pth'));
    const hash = createHash('sha256').update(body).digest('hex').slice(0, 8);
    const server = await serveFile({ body, ranges: true, cutAfter: 8_000_000 });
    const { meta, transforms } = DenseNet121_Weights.DEFAULT;
    const url = `${server.url}densenet121-${hash}.pth`;
    const weights = new Weights({ meta, transforms, url, name: 'DenseNet121_Weights.OURS' });
    const before = process.env['TORCH_HOME'];
    process.env['TORCH_HOME'] = folder;
    try {
      const model = densenet121({ weights: await fetchWeights(weights, { pauseMs: 1 }) });
      assert.equal(server.asked.length, Math.ceil(body.length / 8_000_000), 'cut, and taken up again');
      assert.deepEqual(outcomes(model, 'densenet121'), expected['densenet121']!.published);
      release(model);
    } finally {
      if (before === undefined) delete process.env['TORCH_HOME'];
      else process.env['TORCH_HOME'] = before;
      await server.close();
    }
  });

  it('and ours in Python', () => {
    const got = runPython(script, ['read', folder, ...Object.keys(CASES)]).json() as Record<string, Outcomes>;
    for (const name of Object.keys(CASES)) assert.deepEqual(got[name], expected[name]!.whole, name);
  });
});
