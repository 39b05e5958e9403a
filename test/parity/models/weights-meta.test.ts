import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { DenseNet121_Weights, fetchWeights, getModelWeights, listModels, Weights } from '../../../lib/models/index.js';
import { serveFile } from '../../download-server.js';
import { parityDescribe, runPython, withTemporaryFolder } from '../python.js';

function mapValues<V, R>(object: Readonly<Record<string, V>>, map: (value: V) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));
}

/** Under torchvision's names. What it tells of their origin is told in our own words. */
function ofWeights({ name, url, transforms, meta }: Weights): unknown {
  const { numParams, minSize, fileSize, docs, metrics, ops, ...rest } = meta;
  assert.match(docs, /^[A-Z].*\.$/);
  const named = { num_params: numParams, min_size: minSize, _file_size: fileSize, _metrics: metrics, _ops: ops };
  return { name, url, transforms, meta: { ...rest, ...named } };
}

parityDescribe("torchvision's weights", function () {
  this.timeout(120_000);

  it('have its names, addresses, classes, measures and preprocessing', () => {
    const script = path.join(import.meta.dirname, 'weight_files.py');
    const expected = runPython(script, ['meta']).json() as Record<string, unknown>;
    const ours = Object.fromEntries(
      listModels().flatMap((model) => {
        const set = getModelWeights(model);
        return set === undefined ? [] : [[model, mapValues(set, ofWeights)]];
      }),
    );
    assert.equal(Object.keys(expected).length, 19);
    // Through JSON, as Python's.
    assert.deepEqual(JSON.parse(JSON.stringify(ours)), expected);
  });

  it('share a cache with Python', () =>
    withTemporaryFolder(async (folder) => {
      const body = fs.readFileSync(import.meta.filename);
      const name = (kind: string): string =>
        `${kind}-${createHash('sha256').update(body).digest('hex').slice(0, 8)}.pth`;
      const server = await serveFile({ body, ranges: true, cutAfter: Infinity });
      const { url } = server;
      const { meta, transforms } = DenseNet121_Weights.DEFAULT;
      const weights = (kind: string): Weights =>
        new Weights({ meta, transforms, name: `${kind}.V1`, url: `${url}${name(kind)}` });
      const before = process.env['TORCH_HOME'];
      process.env['TORCH_HOME'] = folder;
      try {
        // This process waits for Python's program, which therefore serves itself what it fetches.
        const python = path.join(import.meta.dirname, 'hub_cache.py');
        runPython(python, ['fetch', name('python')], { env: { TORCH_HOME: folder }, input: body });
        await fetchWeights(weights('ours'));
        assert.deepEqual(server.asked, [`/${name('ours')}`]);
        await fetchWeights(weights('python'));
        assert.equal(server.asked.length, 1, "Python's file is there");
        await server.close();
        const found = runPython(python, ['find', `${url}${name('ours')}`], { env: { TORCH_HOME: folder } }).json();
        assert.deepEqual(found, createHash('sha256').update(body).digest('hex'));
      } finally {
        if (before === undefined) delete process.env['TORCH_HOME'];
        else process.env['TORCH_HOME'] = before;
        await server.close().catch(() => undefined);
      }
    }));
});
