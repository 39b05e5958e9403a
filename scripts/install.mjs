/**
 * What `npm install torchbridge` runs: the set-up. When it fails, so does the installation: npm shows the output of an install script
 * only then, and a package that cannot be loaded would be a lie. A clone is set up by `npm run setup`, which calls npm itself.
 */
import { isClone, main, setup } from './setup.mjs';
import { SetupError } from './util/setup-error.mjs';

await main(async () => {
  if (isClone()) return;
  try {
    await setup();
  } catch (error) {
    const goOn =
      'torchbridge is not set up. To go on: `npm install --ignore-scripts torchbridge`, mend what is said above, then `npx torchbridge setup`.';
    throw error instanceof TypeError ? error : new SetupError(`${error.message}\n${goOn}`);
  }
});
