/** The lines of docs/scaling.md that start a run of several processes, with a small network in their place. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { freePort, torchrunProgram } from '../parity/distributed/launch.js';
import { pythonForParity, whyNoPython } from '../parity/python.js';
import { program, root, start, suiteFolder, tiny } from './command.js';
import { writeSmallCifar } from './small-cifar.js';

const require = createRequire(import.meta.url);
/** typedoc's own. */
const yaml = createRequire(require.resolve('typedoc'))('yaml') as { parse(text: string): unknown };

const document = fs.readFileSync(path.join(root, 'docs', 'scaling.md'), 'utf8');

/** The block of code that follows a text. */
function blockAfter(text: string): string {
  const found = document.slice(document.indexOf(text)).match(/```\w+\n([\s\S]*?)\n```/);
  if (!document.includes(text) || found === null) throw new Error(`docs/scaling.md has no code after "${text}"`);
  return found[1]!;
}

/** Slurm's own, but for one machine and two tasks. */
const SRUN = `#!/bin/bash
while [[ "$1" == --* ]]; do shift; done
for task in 0 1; do
  SLURM_PROCID=$task SLURM_LOCALID=$task SLURM_NTASKS=2 SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 "$@" & tasks+=($!)
done
for task in "\${tasks[@]}"; do wait $task || code=$?; done
exit \${code:-0}
`;
const SCONTROL = `#!/bin/bash
[ "$*" = "show hostnames two-nodes" ] && printf '127.0.0.1\\nother\\n'
`;

describe('the lines that start a run', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = (...names: string[]): string => path.join(folder.path, ...names);
  const env: Record<string, string> = { OMP_NUM_THREADS: '1', OMP_WAIT_POLICY: 'PASSIVE', GLOO_SOCKET_IFNAME: 'lo' };
  /** A run of two processes leaves the same, however it was started. */
  let expected: Buffer | undefined;

  before(() => {
    writeSmallCifar(at('shared', 'data'));
    fs.mkdirSync(at('bin'));
    const executable = (name: string, text: string): void => {
      fs.writeFileSync(at('bin', name), text, { mode: 0o755 });
    };
    executable('srun', SRUN);
    executable('scontrol', SCONTROL);
    // As tiny as tests need it: what is said later counts. A run that goes on has its options.
    const more = [...tiny.slice(2), '--n-epochs', '1'].map((each) => `'${each}'`).join(' ');
    const command = `'${process.execPath}' '${program}'`;
    executable(
      'torchbridge',
      `#!/bin/sh\ncase "$*" in *--resume*) exec ${command} "$@";; *) exec ${command} "$@" ${more};; esac\n`,
    );
    env['PATH'] = `${at('bin')}:${process.env['PATH'] ?? ''}`;
  });

  const here = (text: string): string => text.replaceAll('/shared', at('shared'));

  async function run(script: string, more: Record<string, string> = {}): Promise<string> {
    const outcome = await start('bash', ['-c', script], { cwd: folder.path, env: { ...env, ...more } });
    assert.equal(outcome.code, 0, `${script}\n${outcome.stdout}${outcome.stderr}`);
    return outcome.stdout;
  }

  function assertTrained(name = 'bc100'): void {
    const model = fs.readFileSync(at('shared', 'runs', name, 'model.pth'));
    expected ??= model;
    assert.ok(model.equals(expected), 'the same weights as by --nproc');
    fs.rmSync(at('shared', 'runs'), { recursive: true });
  }

  it('--nproc', async () => {
    await run(here(blockAfter('One machine:')).replace('--nproc 8', '--nproc 2'));
    assertTrained();
  });

  it('torchrun', async function () {
    const python = pythonForParity();
    if (python === undefined) {
      console.log(`      no torchrun: ${whyNoPython()}`);
      this.skip();
    }
    const line = here(blockAfter('torchrun, this line'));
    assert.match(line, /^torchrun --nnodes 4 --nproc-per-node 8 .*--rdzv-endpoint node0:29500 --no-python/);
    const small = line
      .replace('--nnodes 4 --nproc-per-node 8', '--nnodes 1 --nproc-per-node 2')
      .replace('node0:29500', `127.0.0.1:${await freePort()}`);
    await run(small.replace('torchrun', `'${python}' ${torchrunProgram.join(' ')}`), { PYTHONDONTWRITEBYTECODE: '1' });
    assertTrained();
  });

  it('plain variables', async () => {
    const lines = here(blockAfter('Plain variables'))
      .replaceAll('29500', String(await freePort()))
      .split('\n');
    assert.equal(lines.length, 2);
    await Promise.all(lines.map((line) => run(line.replace('node0', '127.0.0.1'))));
    assertTrained();
  });

  it('the script for Slurm, and once more after a signal', async () => {
    const port = await freePort();
    // The port comes from the job's number.
    const script = here(blockAfter('`sbatch densenet.sbatch`')).replace('20000 + SLURM_JOB_ID % 10000', String(port));
    const slurm = { SLURM_JOB_NODELIST: 'two-nodes', SLURM_JOB_ID: '4711', SLURM_CPUS_PER_TASK: '1' };
    await run(script, slurm);
    const runs = at('shared', 'runs', 'bc100');
    assert.match(await run(script, slurm), /Done!|[Nn]othing/, 'goes on with --resume');
    assert.ok(fs.existsSync(path.join(runs, 'checkpoint.pth')));
    assertTrained();
  });

  it("the job for Kubernetes: PyTorchJob's variables, rank 0 with its own name for itself", async () => {
    const job = yaml.parse(blockAfter('PyTorchJob sets')) as {
      spec: {
        pytorchReplicaSpecs: Record<string, { replicas: number; template: { spec: { containers: Container[] } } }>;
      };
    };
    const { Master: master, Worker: worker } = job.spec.pytorchReplicaSpecs;
    assert.deepEqual([master?.replicas, worker?.replicas], [1, 3]);
    const port = String(await freePort());
    const pods = [master!, worker!].map(({ template }, rank) => {
      const [container] = template.spec.containers;
      assert.equal(container?.name, 'pytorch');
      const [file, ...args] = container.command.map(here);
      const own = Object.fromEntries(container.env.map(({ name }) => [name, '1']));
      const addresses = { MASTER_ADDR: rank === 0 ? 'localhost' : '127.0.0.1', MASTER_PORT: port };
      const set = { ...own, ...addresses, WORLD_SIZE: '2', RANK: String(rank), PYTHONUNBUFFERED: '0' };
      return start(file!, args, { cwd: folder.path, env: { ...env, ...set } });
    });
    for (const { code, stderr } of await Promise.all(pods)) assert.equal(code, 0, stderr);
    assertTrained();
  });
});

interface Container {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
}
