/** What launchers say in the environment. */
import assert from 'node:assert/strict';
import { isJobScript, isLaunched, launchFromEnvironment } from '../../../lib/distributed/launch.js';

const master = { MASTER_ADDR: 'node0', MASTER_PORT: '29500' };
const step = {
  SLURM_PROCID: '3',
  SLURM_NTASKS: '8',
  SLURM_LOCALID: '1',
  SLURM_STEP_NUM_TASKS: '8',
  SLURM_JOB_ID: '1234567',
};

describe('the place of a process', () => {
  it("is the launcher's, LOCAL_RANK 0 where PyTorchJob sets none", () => {
    const job = { RANK: '2', WORLD_SIZE: '4', ...master };
    assert.ok(isLaunched(job));
    const expected = { rank: 2, worldSize: 4, localRank: 0, masterAddr: 'node0', masterPort: 29500 };
    assert.deepEqual(launchFromEnvironment(job), expected);
    assert.deepEqual(launchFromEnvironment({ ...step, ...job, LOCAL_RANK: '1' }), { ...expected, localRank: 1 });
    assert.equal(launchFromEnvironment({ RANK: '0', WORLD_SIZE: '1', ...master }).worldSize, 1);
  });

  it("is Slurm's, with a master of its own or the first node of the step", () => {
    assert.ok(isLaunched({ ...step, ...master }));
    const expected = { rank: 3, worldSize: 8, localRank: 1, masterAddr: 'node0', masterPort: 29500 };
    assert.deepEqual(launchFromEnvironment({ ...step, ...master }), expected);
    const lists: [string, string][] = [
      ['gpu7', 'gpu7'],
      ['a1,b[2-3]', 'a1'],
      ['gpu[003-007,12]', 'gpu003'],
      ['gpu[12,14-15]-ib,other', 'gpu12-ib'],
    ];
    for (const [SLURM_STEP_NODELIST, masterAddr] of lists) {
      const found = launchFromEnvironment({ ...step, SLURM_STEP_NODELIST });
      assert.deepEqual(found, { ...expected, masterAddr, masterPort: 24567 }, SLURM_STEP_NODELIST);
    }
    assert.ok(isLaunched({ ...step, SLURM_STEP_NODELIST: 'gpu7' }));
    assert.throws(() => launchFromEnvironment(step), /environment variable MASTER_ADDR expected, but not set$/);
  });

  it("is nobody's in the script of a job, in a step of one task and without variables", () => {
    const { SLURM_STEP_NUM_TASKS: _, ...script } = step;
    assert.equal(isLaunched(script), false);
    // It exports the address for those that srun will start; waiting for them here would be for ever.
    assert.equal(isLaunched({ ...script, ...master }), false);
    assert.ok(isJobScript({ ...script, ...master }));
    assert.ok(isLaunched({ ...script, ...master, SLURM_STEP_ID: '0' }));
    assert.ok(!isJobScript(step) && !isJobScript({ ...script, SLURM_NTASKS: '1' }) && !isJobScript({}));
    const { SLURM_JOB_ID: _job, ...byHand } = script;
    assert.ok(isLaunched({ ...byHand, ...master }));
    assert.equal(isLaunched({ ...step, ...master, SLURM_STEP_NUM_TASKS: '1' }), false);
    assert.equal(isLaunched({}), false);
    assert.equal(isLaunched({ RANK: '', WORLD_SIZE: '' }), false);
  });
});
