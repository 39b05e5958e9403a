/** What c10d's words mean for a process of a run; those of NCCL are from its sources and libtorch_cuda, not from a run. */
import assert from 'node:assert/strict';
import { explainLoss } from '../../lib/cli/explain-loss.js';

const way = 'go on with: torchbridge train --save runs/two --resume';
const explain = (message: string): string | null => explainLoss(message, { rank: 1, size: 4 }, way);

describe('words for a process that is missing', () => {
  const lost: readonly [message: string, reason: string][] = [
    [
      '[../third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:1',
      'Connection closed by peer',
    ],
    [
      '[../gloo/transport/tcp/unbound_buffer.cc:78] Timed out waiting 3000ms for recv operation to complete',
      'Timed out',
    ],
    ['[../gloo/transport/tcp/pair.cc:580] Application timeout caused pair closure', 'Application timeout'],
    ['NCCL communicator was aborted on rank 1.', 'NCCL communicator was aborted'],
    [
      '[Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=7, OpType=ALLREDUCE, Timeout(ms)=60000) ran for 60010 milliseconds before timing out.',
      'Watchdog caught collective operation timeout',
    ],
    [
      'NCCL error in: ../torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp:2133, remote process exited or there was a network error, NCCL version 2.28.9\nncclRemoteError: A call failed possibly due to a network error or a remote process exiting prematurely.\nLast error:\nsocket closed',
      'remote process exited',
    ],
  ];
  for (const [message, reason] of lost) {
    it(reason, () => {
      const line = `Rank 1 of 4 cannot go on, another process has ended or did not come in time (${reason}); ${way}`;
      assert.equal(explain(message), line);
    });
  }

  it('are not taken for what NCCL says of something else, nor for an error of another kind', () => {
    const duplicate =
      'NCCL error in: ../torch/csrc/distributed/c10d/NCCLUtils.cpp:93, invalid usage (run with NCCL_DEBUG=WARN for details), NCCL version 2.28.9\n' +
      'ncclInvalidUsage: This usually reflects invalid usage of NCCL library.\nLast error:\nDuplicate GPU detected : rank 1 and rank 0 both on CUDA device 1000';
    assert.equal(
      explain(duplicate),
      'Rank 1 of 4 cannot go on, NCCL failed (ncclInvalidUsage: This usually reflects invalid usage of NCCL library. ' +
        'Duplicate GPU detected : rank 1 and rank 0 both on CUDA device 1000); NCCL_DEBUG=INFO has it say more',
    );
    assert.equal(explain('The size of tensor a (3) must match the size of tensor b (4)'), null);
    assert.equal(explain('CUDA out of memory. Tried to allocate 2.00 GiB.'), null);
  });
});
