/** `fetch-libtorch --cuda` against small wheels on a loopback index: where their files go, what is refused, what is left behind. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import config from '../../scripts/native-config.cjs';
import { fetchCudaLibtorch } from '../../scripts/util/fetch-cuda.mjs';
import { files, zip } from './fake-libtorch.js';

interface Wheel {
  readonly requirement: string;
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** A wheel that pip accepts, and its entry in the list. */
function wheel(name: string, version: string, file: string, entries: Record<string, string | Buffer>) {
  const info = `${name}-${version}.dist-info`;
  const bytes = zip({
    ...entries,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
    [`${info}/WHEEL`]: `Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: ${file.split('-').slice(2).join('-').replace('.whl', '')}\n`,
    [`${info}/RECORD`]: '',
    [`${info}/licenses/LICENSE`]: `of ${name}`,
  });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const listed: Wheel = { requirement: `${name.replaceAll('_', '-')}==${version}`, file, sha256, bytes: bytes.length };
  return { bytes, listed };
}

describe('fetch-libtorch --cuda', function () {
  this.timeout(300_000);
  let folder: string;
  let cache: string;
  let env: NodeJS.ProcessEnv;
  let offered: Map<string, Buffer>;
  let asked: string[];
  let server: http.Server;

  before(function () {
    if (spawnSync('python3', ['-m', 'pip', '--version']).status === 0) return;
    this.test!.parent!.title += ' (skipped: python3 has no pip)';
    this.skip();
  });
  beforeEach(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-fetch-cuda-'));
    cache = path.join(folder, 'cache');
    offered = new Map();
    asked = [];
    // The simple form of a package index: a page for each project, with links to its files.
    server = http.createServer((request, response) => {
      const name = decodeURIComponent(path.basename(request.url ?? ''));
      asked.push(name);
      const file = offered.get(name);
      if (file !== undefined) return void response.end(file);
      const project = name.replaceAll('-', '_');
      const links = [...offered.keys()].filter((each) => each.startsWith(`${project}-`));
      if (links.length === 0) return void response.writeHead(404).end();
      response.setHeader('content-type', 'text/html');
      response.end(links.map((each) => `<a href="/files/${each}">${each}</a>`).join('\n'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const index = `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple/`;
    const { HTTPS_PROXY: _, https_proxy: __, HTTP_PROXY: ___, http_proxy: ____, ...rest } = process.env;
    env = { ...rest, PIP_CONFIG_FILE: '/dev/null', PIP_INDEX_URL: index, PIP_FIND_LINKS: '', TORCHBRIDGE_CACHE: cache };
    Reflect.deleteProperty(env, 'PIP_NO_INDEX');
  });
  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
    fs.rmSync(folder, { recursive: true, force: true });
  });

  function library(name: string, source: string, ...flags: string[]): Buffer {
    const file = path.join(folder, name);
    const args = ['-shared', '-fPIC', '-xc', '-', '-o', file, `-L${folder}`, `-Wl,-soname,${name}`, ...flags];
    const compiled = spawnSync('c++', args, { input: source, encoding: 'utf8' });
    assert.equal(compiled.status, 0, compiled.stderr);
    return fs.readFileSync(file);
  }

  /** A library of CUDA's own, and libtorch's that needs it and looks for it as the published one does. */
  function wheels(): Wheel[] {
    const cublas = library('libcublas.so.13', 'int answer(void) { return 42; }');
    const needs = ['-Wl,--no-as-needed', '-l:libcublas.so.13', '-Wl,-rpath,$ORIGIN/../../nvidia/cu13/lib'];
    const torch = library(
      'libtorch_cuda.so',
      'int answer(void); int torch_answer(void) { return answer(); }',
      ...needs,
    );
    const own = Object.entries(files(config.CUDA_LIBTORCH_VERSION)).map(([name, text]) => [`torch/${name}`, text]);
    const [platform, any] = ['manylinux_2_28_x86_64', 'manylinux2014_x86_64.manylinux_2_17_x86_64'];
    const list = [
      wheel('torch', '2.14.1', `torch-2.14.1-cp311-cp311-${platform}.whl`, {
        ...(Object.fromEntries(own) as Record<string, string>),
        'torch/lib/libtorch_cuda.so': torch,
        'torch/lib/libtorch_python.so': 'only Python needs it',
        'torch/nn/__init__.py': '',
      }),
      wheel('nvidia_cublas', '13.1.1.3', `nvidia_cublas-13.1.1.3-py3-none-${any}.whl`, {
        'nvidia/cu13/lib/libcublas.so.13': cublas,
        'nvidia/cu13/include/cublas.h': '#pragma once\n',
        'nvidia/cu13/__init__.py': '',
      }),
    ];
    for (const { bytes, listed } of list) offered.set(listed.file, bytes);
    return list.map(({ listed }) => listed);
  }

  const target = (): string => path.dirname(config.cachedCudaLibtorch(env));
  const left = (): string[] => fs.readdirSync(cache);

  it('lays the wheels out side by side, so that libraries find each other without LD_LIBRARY_PATH', async () => {
    const list = wheels();
    const lines: string[] = [];
    await fetchCudaLibtorch({ env, wheels: list, log: (line: string) => lines.push(line) });
    assert.deepEqual(left(), [path.basename(target())]);
    const all = (fs.readdirSync(target(), { recursive: true }) as string[])
      .filter((name) => fs.statSync(path.join(target(), name)).isFile())
      .sort();
    assert.deepEqual(all, [
      'nvidia/cu13/include/cublas.h',
      'nvidia/cu13/lib/libcublas.so.13',
      'nvidia_cublas-13.1.1.3.dist-info/licenses/LICENSE',
      'torch/LICENSE',
      ...['include/ATen/core/Tensor.h', 'lib/libc10.so', 'lib/libtorch.so', 'lib/libtorch_cpu.so'].map(
        (name) => `torch/${name}`,
      ),
      'torch/lib/libtorch_cuda.so',
      'torch/version.py',
      'torchbridge.json',
    ]);
    assert.match(lines[0] ?? '', /^Fetching libtorch [\d.]+ for CUDA: 2 wheels, \d+ MB, into /);
    const program = `import ctypes; print(ctypes.CDLL("${target()}/torch/lib/libtorch_cuda.so").torch_answer())`;
    const { LD_LIBRARY_PATH: _, ...plain } = process.env;
    const loaded = spawnSync('python3', ['-c', program], { env: plain, encoding: 'utf8' });
    assert.equal(loaded.stdout, '42\n', loaded.stderr);
    const found = config.findLibtorch({ TORCHBRIDGE_CACHE: cache, TORCHBRIDGE_FLAVOUR: 'cuda' });
    assert.deepEqual([found?.folder, found?.origin], [path.join(target(), 'torch'), 'cache']);
    // What is there is not fetched again.
    asked.length = 0;
    await fetchCudaLibtorch({ env, wheels: list });
    assert.deepEqual(asked, []);
  });

  it('refuses a wheel with another hash in one line, and keeps nothing', async () => {
    const [torch, cublas] = wheels();
    const list = [torch!, { ...cublas!, sha256: 'f'.repeat(64) }];
    await assert.rejects(
      fetchCudaLibtorch({ env, wheels: list }),
      /^Error: nvidia_cublas-\S+ from pip is not the published file: its sha256 is [0-9a-f]{64}, expected f{64}\. It was deleted; nothing was installed\.$/,
    );
    assert.deepEqual(left(), []);
  });

  it('names the ways out when a wheel cannot be had, and keeps nothing', async () => {
    const list = wheels();
    offered.delete(list[1]!.file);
    await assert.rejects(fetchCudaLibtorch({ env, wheels: list }), (error: Error) => {
      assert.match(error.message, /^nvidia-cublas==13\.1\.1\.3 could not be fetched: .+\nWays out:\n/);
      for (const way of ['PIP_FIND_LINKS', 'LIBTORCH', 'TORCHBRIDGE_USE_PYTHON_TORCH', list[1]!.file])
        assert.ok(error.message.includes(way), way);
      return true;
    });
    assert.deepEqual(left(), []);
  });

  it('refuses wheels that hold no libtorch, and keeps nothing', async () => {
    const [, cublas] = wheels();
    await assert.rejects(
      fetchCudaLibtorch({ env, wheels: [cublas!] }),
      /^Error: What was unpacked is .*not a libtorch/,
    );
    assert.deepEqual(left(), []);
  });

  it('clears away what a process that was killed has left', async () => {
    const list = wheels();
    fs.mkdirSync(path.join(cache, `${path.basename(target())}.partial-1`, 'torch'), { recursive: true });
    fs.mkdirSync(path.join(cache, `${path.basename(target())}.pip-1`));
    await fetchCudaLibtorch({ env, wheels: list });
    assert.deepEqual(left(), [path.basename(target())]);
  });
});
