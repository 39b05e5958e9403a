import { checkWorkers } from '../native/terminated-workers.js';

describe('a hundred times ten worker threads', () => {
  it('compute, throw and are ended in mid-operation: no crash, no leak', async function () {
    this.timeout(1_800_000);
    await checkWorkers(100);
  });
});
