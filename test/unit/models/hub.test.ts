import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { IoError } from '../../../lib/io/index.js';
import {
  densenet121,
  DenseNet121_Weights,
  DenseNet169_Weights,
  densenet264,
  fetchWeights,
  type FetchWeightsOptions,
  getModelWeights,
  getWeight,
  Weights,
  weightsFolder,
  type WeightsProgress,
} from '../../../lib/models/index.js';
import { serveFile, type ServedFile } from '../../download-server.js';

const BODY = Uint8Array.from({ length: 50_000 }, (_, i) => (i * 37 + (i >> 8)) & 255);
const SHA = createHash('sha256').update(BODY).digest('hex');

describe('published weights', () => {
  let folder: string;
  let served: ServedFile;
  let server: Awaited<ReturnType<typeof serveFile>>;
  const before = { ...process.env };
  const name = `densenet121-${SHA.slice(0, 8)}.pth`;
  const at = (): string => path.join(folder, 'hub', 'checkpoints', name);

  beforeEach(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-hub-'));
    process.env['TORCH_HOME'] = folder;
    served = { body: BODY, ranges: true, cutAfter: Infinity };
    server = await serveFile(served);
  });
  afterEach(async () => {
    for (const key of ['TORCH_HOME', 'TORCHBRIDGE_WEIGHTS_MIRROR']) {
      if (before[key] === undefined) Reflect.deleteProperty(process.env, key);
      else process.env[key] = before[key];
    }
    await server.close();
    fs.rmSync(folder, { recursive: true });
  });

  const { meta, transforms } = DenseNet121_Weights.DEFAULT;
  /** Weights that the loopback publishes. */
  const ours = (file = name): Weights =>
    new Weights({ meta, transforms, name: 'DenseNet121_Weights.OURS', url: `${server.url}models/${file}` });
  const fetch = (options: FetchWeightsOptions = {}): Promise<Weights> =>
    fetchWeights(ours(), { pauseMs: 1, attempts: 1, ...options });

  async function refuses(code: string, pattern: RegExp, run: () => unknown): Promise<void> {
    await assert.rejects(new Promise((resolve) => resolve(run())), (error) => {
      assert.ok(error instanceof IoError, String(error));
      assert.match(error.message, pattern);
      assert.equal(error.code, code);
      assert.ok(!error.message.includes('\n'));
      return true;
    });
  }

  it('lie in the folder of torch.hub', () => {
    const of = (env: NodeJS.ProcessEnv): string => weightsFolder(env);
    assert.equal(of({ TORCH_HOME: '/a', XDG_CACHE_HOME: '/b', HOME: '/c' }), '/a/hub/checkpoints');
    assert.equal(of({ XDG_CACHE_HOME: '/b', HOME: '/c' }), '/b/torch/hub/checkpoints');
    assert.equal(of({ HOME: '/c' }), '/c/.cache/torch/hub/checkpoints');
    assert.equal(of({ TORCH_HOME: '~/x', HOME: '/c' }), '/c/x/hub/checkpoints');
    assert.equal(of({ TORCH_HOME: '~x', HOME: '/c' }), '~x/hub/checkpoints');
    assert.equal(of({ TORCH_HOME: '~' }), path.join(os.homedir(), 'hub', 'checkpoints'));
  });

  it('are fetched once, with progress, and taken up again where they were cut off', async () => {
    served.cutAfter = 20_000;
    await refuses('io', /^cannot download http:/, () => fetch());
    assert.ok(!fs.existsSync(at()));
    // On a busy machine the cut may come before the first byte.
    fs.writeFileSync(`${at()}.part`, BODY.subarray(0, 777));
    served.cutAfter = Infinity;
    const seen: WeightsProgress[] = [];
    const weights = ours();
    assert.equal(await fetchWeights(weights, { onProgress: (progress) => seen.push(progress) }), weights);
    assert.deepEqual(seen.at(-1), { file: name, done: BODY.length, total: BODY.length });
    assert.equal(server.asked.at(-1), `/models/${name} bytes=777-`);
    assert.ok(Buffer.from(BODY).equals(fs.readFileSync(at())));
    assert.deepEqual(fs.readdirSync(path.dirname(at())), [name]);
    const asked = server.asked.length;
    await fetch();
    assert.equal(server.asked.length, asked, 'what is there is not fetched again');
  });

  it('come from a mirror, the hash compared all the same', async () => {
    process.env['TORCHBRIDGE_WEIGHTS_MIRROR'] = `${server.url}mirror`;
    await fetch();
    assert.deepEqual(server.asked, [`/mirror/${name}`]);
    fs.rmSync(at());
    await fetch({ from: `${server.url}other/` });
    assert.equal(server.asked.at(-1), `/other/${name}`);
    await refuses(
      'integrity',
      /densenet169-b2777c0a\.pth is not the published file: its SHA-256 is [0-9a-f]{64}, expected b2777c0a/,
      () => fetchWeights('densenet169'),
    );
    assert.deepEqual(fs.readdirSync(path.dirname(at())), [name]);
  });

  it('are compared with their hash again when the file has changed', async () => {
    const weights = await fetch();
    await fetch();
    fs.writeFileSync(at(), BODY.subarray(1));
    await refuses('integrity', /is not the published densenet121-/, () => fetchWeights(weights));
    await refuses('integrity', /is not the published densenet121-/, () => densenet121({ weights }));
    fs.writeFileSync(at(), BODY);
    // What is in the file is no weights.
    await refuses('format', /densenet121-[0-9a-f]{8}\.pth: /, () => densenet121({ weights }));
  });

  it('without a network: says which file to put where, and from which address', async () => {
    await server.close();
    const wayOut = `put ${name} from ${server.url}models/${name} into ${path.dirname(at())} yourself, and it is read from there`;
    await assert.rejects(fetch(), (error: Error) => {
      assert.ok(error.message.endsWith(`: its server cannot be reached; ${wayOut}`), error.message);
      return true;
    });
    served.status = 404;
    server = await serveFile(served);
    await refuses('io', /the server answered 404 Not Found; put densenet121-/, () => fetch());
  });

  it('that are not in the cache are an error of the network, with both ways out', async () => {
    const file = path.join(folder, 'hub', 'checkpoints', 'densenet121-a639ec97.pth');
    const message =
      `DenseNet121_Weights.IMAGENET1K_V1: there is no ${file}; \`await fetchWeights('DenseNet121_Weights.IMAGENET1K_V1')\` fetches it, ` +
      `or put it there from ${DenseNet121_Weights.DEFAULT.url}`;
    for (const weights of ['DEFAULT', 'IMAGENET1K_V1', 'DenseNet121_Weights.DEFAULT', DenseNet121_Weights.DEFAULT]) {
      assert.throws(() => densenet121({ weights }), { name: 'IoError', code: 'missing', message });
    }
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, BODY);
    const wrong = new RegExp(
      `a639ec97\\.pth is not the published densenet121-a639ec97\\.pth: its SHA-256 is ${SHA}, expected a639ec97; remove it`,
    );
    await refuses('integrity', wrong, () => densenet121({ weights: 'DEFAULT' }));
    await refuses('integrity', wrong, () => fetchWeights('densenet121'));
    fs.rmSync(file);
    fs.mkdirSync(file);
    await refuses('kind', /it is a folder$/, () => densenet121({ weights: 'DEFAULT' }));
  });

  it('of another network, or of none, are refused', () => {
    assert.throws(() => densenet121({ weights: DenseNet169_Weights.DEFAULT }), {
      name: 'TorchError',
      message: 'Invalid Weight class provided; expected DenseNet121_Weights but received DenseNet169_Weights.',
    });
    assert.throws(() => densenet264({ weights: 'DEFAULT' }), {
      message: 'Expected weights or a file of weights for densenet264 but received DEFAULT: none are published for it',
    });
    assert.throws(
      () => densenet264({ weights: DenseNet121_Weights.DEFAULT }),
      /expected a file but received DenseNet121_Weights\.$/,
    );
    assert.throws(() => densenet121({ weights: 'DenseNet121_Weights.IMAGENET1K_V2' }), {
      message:
        'Expected weights or a file of weights for densenet121 but received DenseNet121_Weights.IMAGENET1K_V2: ' +
        'published are IMAGENET1K_V1, DEFAULT',
    });
    assert.throws(() => densenet121({ weights: 'none.pth' }), { name: 'IoError', code: 'missing' });
  });

  it('are found by name', () => {
    assert.equal(getWeight('densenet121'), DenseNet121_Weights.DEFAULT);
    assert.equal(getWeight('DenseNet169_Weights.IMAGENET1K_V1'), DenseNet169_Weights.IMAGENET1K_V1);
    assert.equal(getModelWeights('densenet169'), DenseNet169_Weights);
    assert.equal(getWeight('resnet50').name, 'ResNet50_Weights.IMAGENET1K_V2');
    assert.equal(getWeight('VGG16_Weights.IMAGENET1K_FEATURES').hashPrefix, '88682ab5');
    assert.equal(getModelWeights('densenet264'), undefined);
    for (const wrong of ['resnet99', 'DenseNet121_Weights', 'DenseNet121_Weights.constructor', '']) {
      assert.throws(
        () => getWeight(wrong),
        /^TorchError: Expected one of alexnet, densenet121, .*DenseNet201_Weights\.IMAGENET1K_V1, .* but received /,
      );
    }
    assert.equal(DenseNet121_Weights.DEFAULT.hashPrefix, 'a639ec97');
    assert.equal(ours('plain.pth').hashPrefix, undefined);
  });
});
