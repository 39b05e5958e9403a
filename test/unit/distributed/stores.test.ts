import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { distributed, TorchError } from '../../../lib/index.js';
import { alive } from './pair.js';

const { FileStore, HashStore, PrefixStore, TCPStore } = distributed;
type Store = distributed.Store;

async function tcpPair(): Promise<[distributed.TCPStore, distributed.TCPStore]> {
  const server = await TCPStore.connect({ host: '127.0.0.1', port: 0, isServer: true, waitForWorkers: false });
  const client = await TCPStore.connect({ host: '127.0.0.1', port: server.port, timeout: 60_000 });
  return [server, client];
}

async function behaves(one: Store, other: Store): Promise<void> {
  await one.set('text', 'grüße');
  assert.equal(await other.getText('text'), 'grüße');
  await one.set('bytes', new Uint8Array([0, 255, 7]));
  assert.deepEqual([...(await other.get('bytes'))], [0, 255, 7]);
  await one.set('empty', '');
  assert.equal((await other.get('empty')).length, 0);
  assert.equal(await one.add('count', 2), 2);
  assert.equal(await other.add('count', -5), -3);
  assert.equal(await one.check(['text', 'count']), true);
  assert.equal(await one.check(['text', 'nothing']), false);
  // A get that waits does not keep the store from others, not even its own.
  const late = other.get('late', { timeout: 30_000 });
  await other.set('meanwhile', 'x');
  await one.set('late', 'now');
  assert.equal(new TextDecoder().decode(await late), 'now');
  await other.wait(['late', 'meanwhile']);
  assert.equal(new TextDecoder().decode(await one.compareSet('text', 'grüße', 'ciao')), 'ciao');
  assert.equal(new TextDecoder().decode(await one.compareSet('text', 'grüße', 'nein')), 'ciao');
  assert.equal(await one.deleteKey('text'), true);
  assert.equal(await other.check(['text']), false);
  assert.ok((await one.numKeys()) >= 4);
  await assert.rejects(other.get('never', { timeout: 50 }), (error: unknown) => {
    assert.ok(error instanceof TorchError);
    assert.equal(error.code, 'distributed');
    assert.match(error.message, /^wait timeout after 50ms, keys: .*never$/);
    return true;
  });
  // The server's thread would end the process on it.
  await one.set('word', 'seven');
  await assert.rejects(other.add('word', 1), /Expected a key that holds an integer for add but/);
  assert.throws(() => one.add('count', 0.5), /Expected an integer for add but received 0.5/);
  await assert.rejects(one.get('never', { timeout: 0 }), /at least one millisecond/);
}

describe('stores', function () {
  this.timeout(300_000);
  const before = alive();
  afterEach(() => {
    assert.deepEqual(alive(), before);
  });

  it('TCPStore: two clients of one server', async () => {
    const [server, client] = await tcpPair();
    using _server = server;
    using _client = client;
    await behaves(server, client);
    assert.equal(server.port, client.port);
  });

  it('HashStore, PrefixStore: prefixes keep keys apart', async () => {
    using store = new HashStore();
    using a = new PrefixStore('a', store);
    using alsoA = new PrefixStore('a', store);
    using b = new PrefixStore('b', store);
    await behaves(a, alsoA);
    assert.equal(await b.check(['late']), false);
    assert.equal(await store.getText('a/late'), 'now');
  });

  it('FileStore: two processes would share the file', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'torchbridge-'));
    try {
      using one = new FileStore(path.join(folder, 'store'), 2);
      using other = new FileStore(path.join(folder, 'store'), 2);
      await behaves(one, other);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('say in one line what failed: a port that is taken, a server that is not there, workers that do not come', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const options = { host: '127.0.0.1', port, timeout: 1500, waitForWorkers: false };
    await assert.rejects(TCPStore.connect({ ...options, isServer: true }), (error: Error) => {
      assert.match(error.message, /failed to listen .*EADDRINUSE|address already in use/);
      assert.equal(error.message.trim().split('\n').length, 1);
      return true;
    });
    taken.close();
    assert.throws(() => new FileStore('/no/such/folder/store'), /cannot be opened: No such file or directory/);
    // Nobody listens there, where the port of before may be somebody's by now.
    await assert.rejects(TCPStore.connect({ ...options, port: 1 }), /timed out|refused/);
    await assert.rejects(
      TCPStore.connect({ host: '127.0.0.1', port: 0, isServer: true, worldSize: 2, timeout: 3000 }),
      /Timed out after \d+ \w+ waiting for clients. 1\/2 clients joined./,
    );
    await assert.rejects(
      TCPStore.connect({ ...options, port: 70_000 }),
      /Expected a whole number from 0 to 65535 for port but received 70000/,
    );
    await assert.rejects(TCPStore.connect({ ...options, host: 'no.such.host.invalid' }), TorchError);
  });

  it('refuse to be used after dispose', async () => {
    const store = new HashStore();
    store.dispose();
    store.dispose();
    assert.throws(() => store.set('a', 'b'), { code: 'disposed' });
    await assert.rejects(store.get('a'), { code: 'disposed' });
    assert.throws(() => new PrefixStore('p', store), { code: 'disposed' });
  });
});
