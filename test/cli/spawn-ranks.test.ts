/** `--nproc`: how the process that starts the others ends, and what it says, with others that do what the test asks for. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { start, suiteFolder, type CommandOptions, type Outcome } from './command.js';

const program = path.join(import.meta.dirname, 'fake-rank.mjs');

describe('processes that --nproc starts', function () {
  this.timeout(300_000);
  const folder = suiteFolder();

  /** Two processes of a story. */
  function play(story: string, options: Partial<CommandOptions> = {}): Promise<Outcome> {
    const file = path.join(folder.path, story);
    return start(process.execPath, [program, '2', story, file], { cwd: folder.path, ...options });
  }

  it('have their time to stop by a signal, whose code is that of all', async () => {
    const { code, stderr } = await play('interrupted', {
      onOutput: (sofar, child) => {
        // When both listen: the second one writes nothing.
        if (sofar === 'ready\n') setTimeout(() => child.kill('SIGINT'), 3000);
      },
    });
    assert.deepEqual([code, stderr], [130, '']);
    assert.equal(fs.readFileSync(path.join(folder.path, 'interrupted'), 'utf8'), 'whole');
  });

  it('let rank 0 say why they end', async () => {
    const { code, stderr } = await play('explained');
    assert.deepEqual([code, stderr], [1, 'torchbridge: why\n']);
  });

  it('are said to end by the one that was killed, whichever is seen to end first', async () => {
    const { code, stderr } = await play('killed');
    assert.deepEqual([code, stderr], [137, 'torchbridge: rank 1 was ended by SIGKILL; the others end with it\n']);
  });

  it('end with one that fails, also where they hang', async () => {
    const { code, stderr } = await play('hangs');
    assert.deepEqual([code, stderr], [7, 'torchbridge: rank 1: broken\n']);
  });
});
