/**
 * Gradients averaged over processes: our ranks, started by hand and by PyTorch's own launcher, end with the bits of Python's
 * DistributedDataParallel launched by torchrun, in parameters, buffers and losses, with the same buckets and orders.
 */
import { parityDescribe } from '../python.js';
import { compare } from './compare-ranks.js';

parityDescribe('DistributedDataParallel against Python', function () {
  this.timeout(300_000);

  it('two ranks, several buckets that are made anew, a step of two backwards', async () => {
    await compare(2, 10, 3, { bucketCapMb: 0.05, accumulate: [1] }, true);
  });

  it('four ranks, unused parameters, gradients as views, buffers of each rank', async () => {
    await compare(4, 10, 2, { unused: true, view: true, buffers: false, batch: 2, side: 8 });
  });
});
