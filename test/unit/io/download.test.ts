import assert from 'node:assert/strict';
import { createHash, pbkdf2 } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { downloadFile, IoError } from '../../../lib/io/index.js';
import { serveFile, type ServedFile } from '../../download-server.js';

const BODY = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 31 + (i >> 8)) & 255);
const MD5 = createHash('md5').update(BODY).digest('hex');

describe('downloadFile', () => {
  let folder: string;
  let file: string;
  let served: ServedFile;
  let server: Awaited<ReturnType<typeof serveFile>>;
  const fast = { md5: MD5, pauseMs: 1 };
  const left = (): string[] => fs.readdirSync(folder).sort();

  beforeEach(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'download-'));
    file = path.join(folder, 'a.bin');
    served = { body: BODY, ranges: true, cutAfter: Infinity };
    server = await serveFile(served);
  });
  afterEach(async () => {
    await server.close();
    fs.rmSync(folder, { recursive: true });
  });

  const get = (options = {}): Promise<void> => downloadFile(`${server.url}a.bin`, file, { ...fast, ...options });
  const whole = (): void => {
    assert.deepEqual(left(), ['a.bin']);
    assert.ok(Buffer.from(BODY).equals(fs.readFileSync(file)));
  };
  async function refuses(code: string, pattern: RegExp, run: Promise<void>): Promise<void> {
    await assert.rejects(run, (error) => {
      assert.ok(error instanceof IoError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, pattern);
      assert.ok(!error.message.includes('\n'));
      return true;
    });
  }

  it('fetches a file and tells how far it is', async () => {
    const seen: [number, number | undefined][] = [];
    await get({ onProgress: (done: number, total: number | undefined) => seen.push([done, total]) });
    whole();
    assert.deepEqual(seen.at(-1), [BODY.length, BODY.length]);
    assert.deepEqual(server.asked, ['/a.bin']);
  });

  it('goes on by ranges when the connection is cut, as often as it gets on', async () => {
    served.cutAfter = 15_000;
    await get({ attempts: 2 });
    whole();
    assert.equal(server.asked[0], '/a.bin');
    assert.match(server.asked[1]!, /^\/a\.bin bytes=\d+-$/);
    assert.ok(server.asked.length >= 7);
  });

  it('keeps what came before a cut, where the disk is slower than that', async () => {
    served.cutAfter = 40_000;
    // Whoever writes has to wait for these: they take all threads that Node has for such work.
    const busy = Array.from({ length: 8 }, () => promisify(pbkdf2)('', '', 300_000, 64, 'sha512'));
    await refuses('io', /^cannot download /, get({ attempts: 1 }));
    assert.equal(fs.statSync(`${file}.part`).size, 40_000);
    await Promise.all(busy);
  });

  it('leaves its part to the next call', async () => {
    served.cutAfter = 40_000;
    await refuses('io', /^cannot download http:.*a\.bin: /, get({ attempts: 1 }));
    assert.deepEqual(left(), ['a.bin.part']);
    const size = fs.statSync(`${file}.part`).size;
    assert.ok(size > 0);
    served.cutAfter = Infinity;
    await get();
    whole();
    assert.equal(server.asked.at(-1), `/a.bin bytes=${size}-`);
  });

  it('takes over what a process that is gone has left, not what another one is writing', async () => {
    const gone = `${file}.part-${os.hostname()}-4194999-01234567`;
    fs.writeFileSync(gone, BODY.subarray(0, 777));
    const busy = `${file}.part-${os.hostname()}-${process.pid}-01234567`;
    fs.writeFileSync(busy, 'another download');
    await get();
    assert.deepEqual(left(), ['a.bin', path.basename(busy)]);
    assert.deepEqual(server.asked, ['/a.bin bytes=777-']);
  });

  it('starts anew with a server that knows no ranges, and beyond the end', async () => {
    fs.writeFileSync(`${file}.part`, BODY.subarray(0, 500));
    served.ranges = false;
    await get();
    whole();
    served.ranges = true;
    fs.rmSync(file);
    fs.writeFileSync(`${file}.part`, new Uint8Array(BODY.length + 5));
    await get();
    whole();
  });

  it('begins again when a part was of another file; and a wrong file is not kept', async () => {
    fs.writeFileSync(`${file}.part`, 'something else');
    await get();
    whole();
    fs.writeFileSync(file, 'what was here before');
    await refuses(
      'integrity',
      new RegExp(`a\\.bin is not the published file: its MD5 is ${MD5}, expected 0{32}; it was not kept`),
      get({ md5: '0'.repeat(32) }),
    );
    assert.deepEqual(left(), ['a.bin']);
    assert.equal(fs.readFileSync(file, 'utf8'), 'what was here before');
  });

  it('says in one line that a server refuses, fails, or is not there', async () => {
    served.status = 404;
    await refuses('io', /the server answered 404 Not Found$/, get());
    assert.equal(server.asked.length, 1);
    served.status = 503;
    await refuses('io', /the server answered 503/, get({ attempts: 2 }));
    assert.equal(server.asked.length, 3);
    await server.close();
    await refuses('io', /its server cannot be reached$/, get());
    assert.deepEqual(left(), []);
    server = await serveFile(served);
  });

  it('two at once do not disturb each other', async () => {
    served.cutAfter = 30_000;
    await Promise.all([get(), get(), get()]);
    whole();
  });

  it('says that the folder cannot be written', async () => {
    await refuses(
      'missing',
      /cannot write .*a\.bin: no such file or folder/,
      downloadFile(server.url, path.join(folder, 'no', 'a.bin')),
    );
  });
});
