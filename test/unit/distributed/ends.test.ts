/** Processes that are launched wrongly, die, or end while something is under way: nobody hangs, nobody crashes, each says one thing. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, startRanks } from '../../parity/distributed/launch.js';
import { withTemporaryFolder } from '../../parity/python.js';

const program = fileURLToPath(new URL('ends-rank.ts', import.meta.url));
const run = async (ranks: number, args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const started = await startRanks(ranks, ['--import=tsx', program, ...args], env);
  return Promise.all(started.map(({ ended }) => ended));
};

describe('processes that end', function () {
  this.timeout(300_000);

  it('one is killed while another waits in every kind of collective: each fails within the timeout', async () => {
    const [first, second] = await run(2, ['killed']);
    assert.equal(first!.signal, 'SIGKILL');
    assert.equal(second!.output, '23 failed\n');
    assert.equal(second!.code, 0);
  });

  it('the script ends, exits, throws or destroys the group while something is under way', async () => {
    const expected = {
      end: [0, /^$/],
      exit: [3, /^$/],
      throw: [1, /RangeError: of mine/],
      destroy: [0, /^$/],
    } as const;
    await Promise.all(
      Object.entries(expected).map(async ([how, [code, output]]) => {
        const [first] = await run(2, ['pending'], { HOW: how });
        assert.equal(first!.signal, null, how);
        assert.equal(first!.code, code, `${how}: ${first!.output}`);
        assert.match(first!.output, output, how);
      }),
    );
  });
});

describe('tensors of different sizes in one collective', function () {
  this.timeout(300_000);

  it('are told by all when c10d is asked to look, else in one line by the one that Gloo ends', async () => {
    const [looked, plain] = await Promise.all([
      run(2, ['mismatch'], { TORCH_DISTRIBUTED_DEBUG: 'DETAIL' }),
      run(2, ['mismatch']),
    ]);
    for (const { code, output } of looked) {
      assert.equal(code, 0, output);
      assert.match(
        output,
        /^Detected mismatch between collectives on ranks. Rank \d is running collective: .*ALLREDUCE/,
      );
    }
    assert.equal(plain[0]!.code, 1, plain[0]!.output);
    assert.match(
      plain[0]!.output,
      /^torchbridge: processes of a group gave a collective tensors of different sizes.*8 vs 4/,
    );
    assert.equal(plain[0]!.output.trim().split('\n').length, 1);
    assert.equal(plain[1]!.code, 0, plain[1]!.output);
  });
});

/** What each of the ranks says with options of its own. */
function launched(options: (rank: number) => object, ranks = 2): Promise<string[]> {
  return withTemporaryFolder(async (folder) => {
    const port = String(await freePort());
    return Promise.all(
      Array.from({ length: ranks }, async (_, rank) => {
        const env = { RANK: String(rank), WORLD_SIZE: String(ranks), MASTER_PORT: port, STARTED: folder };
        const [one] = await run(1, ['launch', JSON.stringify(options(rank))], env);
        assert.equal(one!.signal, null, one!.output);
        assert.equal(one!.output.trim().split('\n').length, 1, one!.output);
        return one!.output.trim();
      }),
    );
  });
}

describe('launches', function () {
  this.timeout(300_000);

  it('by the environment, a port and a file', async () => {
    await withTemporaryFolder(async (folder) => {
      const port = await freePort();
      const file = path.join(folder, 'meet');
      const methods = [
        () => ({}),
        (rank: number) => ({ initMethod: `tcp://127.0.0.1:${port}`, rank, worldSize: 2 }),
        (rank: number) => ({ initMethod: `file://${file}?rank=${rank}&world_size=2` }),
      ];
      const all = await Promise.all(
        methods.map((options) => launched((rank) => ({ timeout: 60_000, ...options(rank) }))),
      );
      for (const said of all) assert.deepEqual(said, ['2 of 2, 0', '2 of 2, 1']);
    });
  });

  it('that cannot be: one line each', async () => {
    const [sizes, twice, zeros, missing] = await Promise.all([
      launched((rank) => ({ worldSize: 2 + rank })),
      launched((rank) => ({ rank: Math.min(rank, 1), worldSize: 3 }), 3),
      launched(() => ({ rank: 0 })),
      launched(() => ({ worldSize: 2 }), 1),
    ]);
    assert.match(sizes.join('\n'), /Expected one world size for all ranks but rank \d was given \d, another one \d/);
    // The other one has waited in vain, or was left alone.
    const ways =
      /^(?:Expected one world size|Timed out after 5000 ms: not all|Another process has ended while the processes met; it says why \()/;
    for (const line of sizes) assert.match(line.replace(/^\w*Error: /, ''), ways);
    assert.match(twice.join('\n'), /Expected a rank of its own for each process but another one is rank 1 already/);
    assert.match(twice[0]!, /^Timed out after 5000 ms: not all of the ranks 1, 2 have come to meet rank 0/);
    assert.match(zeros.join('\n'), /address already in use/);
    assert.match(missing[0]!, /Timed out after \d+ seconds waiting for clients. 1\/2 clients joined./);
  });
});
