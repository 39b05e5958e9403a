/** The whole addon as `node-gyp rebuild` makes it; test/build/builds.test.ts compiles a part of it. */
import fs from 'node:fs';
import path from 'node:path';
import config from '../../scripts/native-config.cjs';
import { GYP_ADDON, buildAll, buildInfo } from '../build/node-gyp.js';
import { expectSmokePassed } from '../build/smoke.js';

describe('the addon', () => {
  it('that node-gyp alone compiles passes the smoke test', function () {
    this.timeout(1_800_000);
    const { libtorch, version } = buildInfo();
    fs.rmSync(path.join(config.root, 'build'), { recursive: true, force: true });
    buildAll(libtorch);
    expectSmokePassed(GYP_ADDON, version);
  });
});
