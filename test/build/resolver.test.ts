/** The libtorch resolver, against a tiny wheel on a loopback server: what it takes, what it refuses, what it leaves behind. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { pbkdf2 } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { fetchLibtorch } from '../../scripts/libtorch.mjs';
import config from '../../scripts/native-config.cjs';
import { WHEEL_NAME, artifactOf, files, serve, wheel, writeFolder } from './fake-libtorch.js';
import type { Server, ServerOptions } from './fake-libtorch.js';

const bytes = wheel();

describe('the libtorch resolver', () => {
  let folder: string;
  let cache: string;
  let target: string;
  let server: Server | undefined;

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-resolver-'));
    cache = path.join(folder, 'cache');
    target = path.join(cache, 'libtorch-2.13.0-cpu');
  });
  afterEach(async () => {
    await server?.close();
    server = undefined;
    fs.rmSync(folder, { recursive: true, force: true });
  });

  async function offer(options?: ServerOptions) {
    server = await serve(bytes, options);
    return artifactOf(bytes, server.url);
  }

  function expectWhole(): void {
    for (const [name, text] of Object.entries(files('2.13.0'))) {
      assert.equal(fs.readFileSync(path.join(target, name), 'utf8'), text, name);
    }
    assert.deepEqual(leftBehind(), ['libtorch-2.13.0-cpu']);
  }

  /** What is in the cache, but for an empty folder of downloads. */
  function leftBehind(): string[] {
    const downloads = path.join(cache, 'downloads');
    const empty = !fs.existsSync(downloads) || fs.readdirSync(downloads).length === 0;
    return fs.readdirSync(cache).filter((name) => !(name === 'downloads' && empty));
  }

  it('fetches, unpacks what is needed and leaves nothing else', async () => {
    const lines: string[] = [];
    const shown: string[] = [];
    const out = { write: (text: string) => shown.push(text) };
    await fetchLibtorch(await offer(), target, { pip: false, log: (line: string) => lines.push(line), out });
    expectWhole();
    assert.equal(fs.existsSync(path.join(target, 'lib', 'libtorch_python.so')), false);
    assert.equal(fs.existsSync(path.join(target, 'nn')), false);
    assert.match(lines.join('\n'), /Downloading http:.*\nUnpacking it into /);
    assert.match(shown.join(''), /^Fetching libtorch: [1-9]0 % \(\d+ MB of \d+ MB\)\n[^]*Unpacking libtorch: 100 % /);
  });

  it('follows redirects', async () => {
    await fetchLibtorch(await offer({ redirects: 2 }), target, { pip: false });
    expectWhole();
  });

  it('refuses a file with another hash and keeps nothing of it', async () => {
    const artifact = { ...(await offer()), sha256: 'f'.repeat(64) };
    await assert.rejects(
      fetchLibtorch(artifact, target, { pip: false }),
      /is not the published file: its sha256 is [0-9a-f]{64}, expected f{64}\. It was deleted; nothing was installed\.$/,
    );
    assert.deepEqual(leftBehind(), []);
  });

  it('goes on where a broken connection stopped', async () => {
    await fetchLibtorch(await offer({ cutOff: 1 }), target, { pip: false });
    expectWhole();
    const [first, second] = server?.ranges ?? [];
    assert.equal(first, '');
    assert.match(second ?? '', /^bytes=[1-9]\d*-$/);
  });

  it('goes on where an earlier process was cut off', async () => {
    const artifact = await offer({ cutOff: 1 });
    const once = { ...artifact, download: { ...artifact.download, attempts: 1 } };
    await assert.rejects(fetchLibtorch(once, target, { pip: false }), /could not be fetched/);
    assert.equal(fs.existsSync(target), false);
    await fetchLibtorch(artifact, target, { pip: false });
    expectWhole();
    assert.match(server?.ranges[1] ?? '', /^bytes=[1-9]\d*-$/);
  });

  it('keeps what came before a cut, where the disk is slower than that', async () => {
    const artifact = await offer({ cutOff: 1 });
    // Whoever writes has to wait for these: they take all threads that Node has for such work.
    const busy = Array.from({ length: 8 }, () => promisify(pbkdf2)('', '', 300_000, 64, 'sha512'));
    await fetchLibtorch(artifact, target, { pip: false });
    expectWhole();
    assert.deepEqual(server?.ranges, ['', `bytes=${bytes.length >> 1}-`]);
    await Promise.all(busy);
  });

  it('starts again where the server knows no ranges', async () => {
    await fetchLibtorch(await offer({ cutOff: 1, ranges: false }), target, { pip: false });
    expectWhole();
  });

  it('takes a wheel that someone brought', async () => {
    fs.mkdirSync(path.join(cache, 'downloads'), { recursive: true });
    fs.writeFileSync(path.join(cache, 'downloads', WHEEL_NAME), bytes);
    await fetchLibtorch(await offer({ status: 404 }), target, { pip: false });
    expectWhole();
    assert.deepEqual(server?.ranges, []);
  });

  it('takes the wheel that pip finds', function () {
    if (spawnSync('python3', ['-m', 'pip', '--version']).status !== 0) {
      this.test!.title += ' (skipped: python3 has no pip)';
      this.skip();
    }
    return (async () => {
      const links = path.join(folder, 'links');
      fs.mkdirSync(links);
      fs.writeFileSync(path.join(links, WHEEL_NAME), bytes);
      const env = { ...process.env, PIP_CONFIG_FILE: '/dev/null', PIP_NO_INDEX: '1', PIP_FIND_LINKS: links };
      await fetchLibtorch(await offer({ status: 500 }), target, { env });
      expectWhole();
      assert.deepEqual(server?.ranges, []);
    })();
  });

  it('names every way out when neither pip nor the network has it', async () => {
    const artifact = await offer();
    await server?.close();
    const env = { ...process.env, PIP_CONFIG_FILE: '/dev/null', PIP_NO_INDEX: '1', PIP_FIND_LINKS: folder };
    await assert.rejects(fetchLibtorch(artifact, target, { env }), (error: Error) => {
      assert.match(
        error.message,
        /^libtorch 2\.13\.0 could not be fetched\.\n {2}pip: .+\n {2}download: .*ECONNREFUSED.*\nWays out:/,
      );
      for (const way of ['LIBTORCH', 'TORCHBRIDGE_USE_PYTHON_TORCH', 'PIP_FIND_LINKS', 'HTTPS_PROXY', cache]) {
        assert.ok(error.message.includes(way), way);
      }
      return true;
    });
    assert.deepEqual(leftBehind(), []);
  });

  it('does not ask again after a refusal', async () => {
    await assert.rejects(
      fetchLibtorch(await offer({ status: 403 }), target, { pip: false }),
      /download: the server answered 403 Forbidden/,
    );
    assert.equal(server?.ranges.length, 1);
  });

  /** A process of its own that fetches. */
  function fetchElsewhere(artifact: object) {
    const module = pathToFileURL(path.join(config.root, 'scripts', 'libtorch.mjs')).href;
    const program = `
      import { fetchLibtorch } from ${JSON.stringify(module)};
      await fetchLibtorch(${JSON.stringify(artifact)}, ${JSON.stringify(target)}, { pip: false, log: (line) => console.log(line) });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
      child.on('close', (code) => resolve({ code, output }));
    });
    return { child, ended, output: () => output };
  }

  it('is safe when two processes fetch at once: one does, the other waits and says so', async () => {
    const meeting = { over: (): void => undefined };
    const artifact = await offer({ until: new Promise<void>((resolve) => (meeting.over = resolve)) });
    const both = [fetchElsewhere(artifact), fetchElsewhere(artifact)];
    const ended = Promise.all(both.map((each) => each.ended));
    // The one that fetches goes on when the other has said that it waits, or has ended.
    const other = (): boolean =>
      both.some(({ child, output }) => output().includes('waiting for it') || child.exitCode !== null);
    while (!other()) await sleep(20);
    meeting.over();
    const results = await ended;
    for (const { code, output } of results) assert.equal(code, 0, output);
    const all = results.map(({ output }) => output).join('');
    assert.equal(server?.ranges.length, 1, all);
    assert.match(all, /Process \d+ is fetching libtorch already: waiting for it/);
    expectWhole();
  });

  it('is not held up by a process that was killed while it fetched', async () => {
    const artifact = await offer({ until: new Promise(() => undefined) });
    const first = fetchElsewhere(artifact);
    while (!first.output().includes('Downloading') && first.child.exitCode === null) await sleep(20);
    first.child.kill('SIGKILL');
    await first.ended;
    await server?.close();
    await fetchLibtorch(await offer(), target, { pip: false });
    expectWhole();
  });

  describe("CUDA's headers", () => {
    const NEEDED = ['cuda_runtime.h', 'crt/host_config.h', 'cusparse.h'];
    const place = (...names: string[]): string => path.join(folder, ...names);
    const write = (...names: string[]): void => {
      for (const name of names) {
        fs.mkdirSync(path.dirname(place(name)), { recursive: true });
        fs.writeFileSync(place(name), '');
      }
    };
    const found = (env: NodeJS.ProcessEnv = {}): string[] =>
      config
        .cudaIncludeFolders(place('torch'), env)
        .filter((each) => !each.startsWith('/usr/local/cuda'))
        .map((each) => path.relative(folder, each));

    it("are NVIDIA's beside libtorch, and none for a build without CUDA", () => {
      write(...NEEDED.map((name) => `nvidia/cu13/include/${name}`), 'nvidia/nccl/include/nccl.h');
      assert.deepEqual(found(), []);
      write('torch/lib/libtorch_cuda.so');
      assert.deepEqual(found(), ['nvidia/cu13/include', 'nvidia/nccl/include']);
    });

    it("are Triton's and those of an installed CUDA where some are missing", () => {
      write('torch/lib/libtorch_cuda.so', 'nvidia/cu13/include/cuda_runtime.h', 'nvidia/cu13/include/cusparse.h');
      write('cuda/include/crt/host_config.h');
      assert.deepEqual(found({ CUDA_HOME: place('cuda') }), ['nvidia/cu13/include', 'cuda/include']);
      write('triton/backends/nvidia/include/crt/host_config.h');
      assert.deepEqual(found(), ['nvidia/cu13/include', 'triton/backends/nvidia/include']);
    });
  });

  describe('what is on the machine already', () => {
    it('takes LIBTORCH before the cache', () => {
      const own = writeFolder(path.join(folder, 'own'), '2.13.0');
      writeFolder(target, '2.13.0');
      const found = config.findLibtorch({ LIBTORCH: own, TORCHBRIDGE_CACHE: cache });
      assert.deepEqual(found, { folder: own, version: '2.13.0', flavour: 'cpu', origin: 'LIBTORCH' });
      assert.equal(config.findLibtorch({ TORCHBRIDGE_CACHE: cache })?.folder, target);
      assert.equal(config.findLibtorch({ TORCHBRIDGE_CACHE: folder }), undefined);
    });

    it('says what is wrong with LIBTORCH', () => {
      writeFolder(path.join(folder, 'site-packages', 'torch'), '2.13.0');
      const old = writeFolder(path.join(folder, 'old'), '1.13.1');
      const find = (LIBTORCH: string) => () => config.findLibtorch({ LIBTORCH });
      assert.throws(
        find(path.join(folder, 'none')),
        /^Error: LIBTORCH is .*none, which is not a libtorch: it has no lib\/libtorch\.so\.$/,
      );
      assert.throws(find(path.join(folder, 'site-packages')), /Did you mean .*site-packages\/torch\?$/);
      assert.throws(
        find(old),
        /^Error: LIBTORCH is .*old, which is libtorch 1\.13\.1; torchbridge builds with 2\.11 to 2\.14/,
      );
    });
  });
});
