/** DenseNet-BC-40 (growth 12) trained by two and by four processes over Gloo, beside Python's DistributedDataParallel under torchrun. */
import { compare } from '../parity/distributed/compare-ranks.js';
import { parityDescribe } from '../parity/python.js';

parityDescribe('DenseNet-BC-40 by several processes', function () {
  this.timeout(1_800_000);

  for (const ranks of [2, 4]) {
    it(`${ranks} of them, started by torchrun: the bits of Python's, the same on every rank`, async () => {
      await compare(ranks, 40, 4, { batch: 8, side: 32 }, true);
    });
  }
});
